"""The figures of tasks whose embeddings come or go after they are ready."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from soundbite_store import digest_of
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.results import EmbeddingCount
from soundbite_tools.embed.spending import TaskFigures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soundbite_store import Clip, Space, Task
    from soundbite_tools.words.rewording import ClipChanges

    Rows = Iterable[tuple[Space, Clip]]


def changed_counts(tasks: Sequence[Task], changes: ClipChanges) -> dict[str, str]:
    """Return the new `counts_json` of the ready tasks whose rows come or go, by id: `doctor` looks at them."""
    counts = {}
    for task in tasks:
        before = TaskFigures.of(task)
        after = _with(_with(before, task, changes.come, 1), task, changes.gone, -1)
        if after != before:
            counts[task.task_id] = after.model_dump_json()
    return counts


def _with(figures: TaskFigures, task: Task, rows: Rows, sign: int) -> TaskFigures:
    """The figures with rows that come (sign 1) or go (-1), of those that the task has made or would make."""
    label = EmbedParams.model_validate_json(task.params_json).segmentation_label
    own = [(space, row) for space, row in rows if space.id == task.space and row.segmentation == label]
    if not own:
        return figures
    kinds = Counter({(kind.embedding_option, kind.embedding_scope): kind.count for kind in figures.counts})
    for _, row in own:
        kinds[row.embedding_option, row.embedding_scope] += sign
    counts = tuple(
        EmbeddingCount(embedding_option=option, embedding_scope=scope, count=count)
        for (option, scope), count in kinds.items()
        if count > 0
    )
    digest = figures.digest
    if digest:
        digest = f"{int(digest, 16) + sign * digest_of(row.row_id(space) for space, row in own):x}"
    return figures.model_copy(update={"counts": counts, "digest": digest})
