"""How much audio a caller may have embedded, where whoever serves callers counts that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from soundbite_tools.library import Library


class Allowance(Protocol):
    """What one caller may have embedded."""

    def check(self) -> None:
        """Look whether more may be embedded.

        Raises:
            ToolProblem: not now.
        """
        ...

    def count(self, seconds: float) -> None:
        """Count seconds of audio that are taken on."""
        ...


def count_found(library: Library, task_id: str, seconds: float, *, may_refuse: bool) -> None:
    """Count a task whose length was not known when it was begun, now that it is; 0 seconds are still not known.

    Raises:
        ToolProblem: the caller's allowance was used up meanwhile, and `may_refuse`.
    """
    allowance = library.jobs.uncounted.get(task_id)
    if allowance is None:
        return
    if may_refuse:
        allowance.check()
    if seconds:
        del library.jobs.uncounted[task_id]
        allowance.count(seconds)
