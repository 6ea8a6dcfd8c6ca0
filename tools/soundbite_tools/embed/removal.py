"""A recording on its way out: how whoever works on it or waits for it gets to know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from soundbite_tools.errors import UnknownId

if TYPE_CHECKING:
    from soundbite_store import Ledger, Task

_REMOVED = "recording_removed"


async def mark_removed(ledger: Ledger, task_id: str) -> None:
    """Note in an unfinished task that its recording is being removed.

    Raises:
        StoreError: the ledger can't be written.
    """
    problem = gone()
    await ledger.update_task(
        task_id,
        status="failed",
        stage="",
        error_code=problem.code,
        error_message=problem.message,
        error_hint=problem.next_step,
    )


def is_removed(task: Task | None) -> bool:
    """Return whether the recording of a task was removed, or is being removed."""
    return task is None or task.error_code == _REMOVED


def gone() -> UnknownId:
    """Return the problem of a job whose recording was removed."""
    return UnknownId("The recording was removed.", "Call embed_audio with its source to have it again.", code=_REMOVED)
