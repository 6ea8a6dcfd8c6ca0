"""What a finished task made, as numbers; the ledger keeps them with the task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from soundbite_tools.results import EmbeddingCount

if TYPE_CHECKING:
    from soundbite_store import Task


class TaskFigures(BaseModel):
    """Counts and times of a task's embeddings; all zero while there are none."""

    model_config = ConfigDict(frozen=True)

    start_sec: float = 0.0
    end_sec: float = 0.0
    dimension: int = 0
    counts: tuple[EmbeddingCount, ...] = ()

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
        return sum(each.count for each in self.counts)

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
        (each.embedding_scope != "clip", each.embedding_option or "", each.embedding_scope or "") for each in embeddings
    )
    return tuple(
        EmbeddingCount(embedding_option=option, embedding_scope=scope, count=count)
        for (_, option, scope), count in sorted(kinds.items())
    )
