"""What tasks made, in numbers, and the seconds that a platform bills for: counted, and refused past a budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from soundbite_store import digest_of
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.results import EmbeddingCount
from soundbite_tools.errors import ToolProblem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soundbite_api import EmbeddingUsage
    from soundbite_store import Clip, Space, Task
    from soundbite_tools.library import Library
    from soundbite_tools.words.rewording import ClipChanges

    Rows = Iterable[tuple[Space, Clip]]

_FIRST_DAY = date(2000, 1, 1)


class TaskFigures(BaseModel):
    """Counts and times of a task's embeddings; all zero while there are none."""

    model_config = ConfigDict(frozen=True)

    start_sec: float = 0.0
    end_sec: float = 0.0
    dimension: int = 0
    input_tokens: dict[str, int] = {}
    """What the platform counted, by kind of content; only Marengo 3.5 does."""
    counts: tuple[EmbeddingCount, ...] = ()
    digest: str = ""
    """Of the ids of the rows, in hexadecimal; empty in tasks from before it was kept."""
    parts: int = 0
    """Of the platform's task `parts_of`, so many parts are clips, `clips` in number, up to `until_sec`."""
    parts_of: str = ""
    until_sec: float = 0.0
    clips: int = 0
    is_provisional: bool = False
    """Whether the last of them gives way to the next."""
    is_live: bool = False
    """Whether those clips were made while the recording was being written."""

    @classmethod
    def of(cls, task: Task) -> Self:
        """Return the figures kept with a task."""
        try:
            return cls.model_validate_json(task.counts_json)
        except ValidationError:
            return cls()

    @property
    def embedding_count(self) -> int:
        """Vectors in all."""
        return sum(kind.count for kind in self.counts)

    @property
    def seconds(self) -> float:
        """Seconds of audio the task covers."""
        return self.end_sec - self.start_sec


class _Kind(Protocol):
    @property
    def embedding_option(self) -> str | None: ...
    @property
    def embedding_scope(self) -> str | None: ...


def count_kinds(embeddings: Iterable[_Kind]) -> tuple[EmbeddingCount, ...]:
    """Return how many embeddings there are of each option and scope, in a fixed order."""
    kinds = Counter(
        (item.embedding_scope != "clip", item.embedding_option or "", item.embedding_scope or "") for item in embeddings
    )
    return tuple(
        EmbeddingCount(embedding_option=option, embedding_scope=scope, count=count)
        for (_, option, scope), count in sorted(kinds.items())
    )


def usage_notes(usage: EmbeddingUsage | None) -> list[str]:
    """Return what the platform says of the tokens of an answer, in sentences."""
    if usage is None:
        return []
    tokens = ", ".join(f"{count} of {kind}" for kind, count in sorted(usage.input_tokens.items()))
    cut = ["The platform cut the input short, to fit what its model takes."] if usage.truncated else []
    return [*([f"Tokens the platform counted: {tokens}."] if tokens else []), *cut]


class Allowance(Protocol):
    """What one caller may have embedded, where whoever serves callers counts that."""

    def check(self) -> None:
        """Look whether more may be embedded.

        Raises:
            ToolProblem: not now.
        """
        ...

    def count(self, seconds: float) -> None:
        """Count seconds of audio that are taken on."""
        ...


class BudgetExceeded(ToolProblem):
    """More audio than the budget allows; nothing was spent."""

    code = "budget_exceeded"


async def check_budget(
    library: Library,
    window_sec: float,
    *,
    task: Task | None = None,
    asset_id: str = "",
    params: EmbedParams | None = None,
) -> None:
    """Refuse to embed more seconds than a budget leaves; what runs already counts as spent.

    Of what runs, only the `task` itself does not count; before there is one, that which does exactly the same, by
    `asset_id` and `params`. An embedded engine costs nothing and has no budget.

    Raises:
        BudgetExceeded: the file's or the day's budget would be passed.
        StoreError: the ledger can't be read.
    """
    config = library.config
    if config.is_embedded:
        return
    if config.budget_file_minutes and window_sec > config.budget_file_minutes * 60:
        raise BudgetExceeded(
            f"That is {window_sec / 60:.1f} minutes of audio, more than the {config.budget_file_minutes:g} minutes "
            "that one file may use; nothing was spent.",
            "Embed a shorter window (start_sec, end_sec), or raise SOUNDBITE_BUDGET_FILE_MINUTES.",
        )
    if config.budget_day_minutes:
        left_sec = config.budget_day_minutes * 60 - await _spent_today_sec(library, task, asset_id, params)
        if window_sec > left_sec or left_sec <= 0.0:
            raise BudgetExceeded(
                f"That is {window_sec / 60:.1f} minutes of audio, and {max(0.0, left_sec) / 60:.1f} of today's "
                f"{config.budget_day_minutes:g} minutes are left; nothing was spent.",
                "Embed a shorter window, go on tomorrow (UTC), or raise SOUNDBITE_BUDGET_DAY_MINUTES.",
            )


async def spending_note(library: Library) -> str:
    """Return what this platform has embedded and what did not have to be embedded again; empty where there is nothing.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger, config = await library.ledger(), library.config
    today = datetime.now(UTC).date()
    days = [usage for usage in await ledger.usage_between(_FIRST_DAY, today) if usage.platform == config.platform]
    embedded_sec = sum(usage.seconds_embedded for usage in days)
    saved_sec = sum(usage.seconds_saved for usage in days)
    if not embedded_sec and not saved_sec:
        return ""
    note = f"{embedded_sec:.1f} seconds of audio were embedded so far, {saved_sec:.1f} saved by what was there already."
    if config.is_embedded or not config.budget_day_minutes:
        return note
    spent_sec = sum(usage.seconds_embedded for usage in days if usage.day == today.isoformat())
    return f"{note} Today: {spent_sec / 60:.1f} of {config.budget_day_minutes:g} minutes."


async def _spent_today_sec(library: Library, task: Task | None, asset_id: str, params: EmbedParams | None) -> float:
    ledger, platform = await library.ledger(), library.config.platform
    today = datetime.now(UTC).date()
    usages = await ledger.usage_between(today, today)
    spent_sec = sum(usage.seconds_embedded for usage in usages if usage.platform == platform)
    for other in await ledger.unfinished_tasks():
        # What was begun later waits for what was begun earlier, so that two do not refuse each other.
        is_before = task is None or (other.created_at, other.task_id) < (task.created_at, task.task_id)
        params_of_other = EmbedParams.model_validate_json(other.params_json)
        is_same = other.asset_id == asset_id and params_of_other == params
        if other.platform == platform and is_before and not is_same:
            asset = await ledger.get_asset(other.asset_id)
            start_sec, end_sec = params_of_other.window(asset.duration_sec if asset else 0.0)
            spent_sec += end_sec - start_sec
    return spent_sec


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
