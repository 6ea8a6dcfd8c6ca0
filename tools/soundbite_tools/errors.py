"""What a tool refuses, and what to do about it.

ToolProblem                message: what is wrong; next_step: what to do now; code: a stable name
|-- SourceProblem          the sound to embed can't be read or may not be
|-- UnknownId              no such asset, clip or task
|   `-- RecordingRemoved   there no longer
|-- QuestionProblem        a search that can't be answered as asked
|-- EmptyLibrary           nothing has been embedded yet
`-- WorkFailed             the platform or the store did not do its part
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from soundbite_api import PlatformError
    from soundbite_store import StoreError


P = ParamSpec("P")
R = TypeVar("R")


class ToolProblem(Exception):
    """A call that can't be done as asked; the text says what is wrong and what to do next."""

    code = "problem"

    def __init__(self, message: str, next_step: str, *, code: str = "") -> None:
        super().__init__(f"{message} {next_step}")
        self.message = message
        self.next_step = next_step
        if code:
            self.code = code


class SourceProblem(ToolProblem):
    """The sound to embed can't be read, or may not be."""

    code = "source_invalid"


class UnknownId(ToolProblem):
    """No asset, clip or task has this id."""

    code = "unknown_id"


class RecordingRemoved(UnknownId):
    """A recording was removed while something worked on it."""

    code = "recording_removed"

    def __init__(self) -> None:
        super().__init__("The recording was removed.", "Call embed_audio with its source to have it again.")


class QuestionProblem(ToolProblem):
    """A search or a range that can't be answered as asked."""

    code = "question_invalid"


class EmptyLibrary(ToolProblem):
    """The library holds no clips, so nothing can be found."""

    code = "library_empty"

    def __init__(self) -> None:
        super().__init__(
            "There is nothing to search: the library holds no clips.",
            'Call embed_audio with a file first, for example embed_audio(source="meeting.mp3"), then search again.',
        )


class WorkFailed(ToolProblem):
    """The platform, the store or the decoder did not do its part."""

    code = "work_failed"


def raises_problems(tool: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Return the tool with errors of the platform and the store turned into problems with a next step."""

    @functools.wraps(tool)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await tool(*args, **kwargs)
        except ToolProblem:
            raise
        except Exception as exc:
            if problem := problem_of(exc):
                raise problem from exc
            raise

    return run


def problem_of(error: Exception) -> ToolProblem | None:
    """Return the problem that an error of the tools, the platform or the store means; None for any other."""
    from soundbite_api import PlatformError
    from soundbite_store import StoreError

    if isinstance(error, ToolProblem):
        return error
    if isinstance(error, PlatformError):
        return from_platform(error)
    return from_store(error) if isinstance(error, StoreError) else None


def from_platform(error: PlatformError) -> WorkFailed:
    """Return the problem that a platform error means for the caller."""
    return WorkFailed(sentence(error.message), sentence(error.hint), code=error.code or "platform_error")


def from_store(error: StoreError) -> WorkFailed:
    """Return the problem that a store error means for the caller."""
    return WorkFailed(
        sentence(str(error)), "Run `soundbite doctor` to look at the store, then try again.", code="store_error"
    )


def sentence(text: str) -> str:
    """Return the text closed by a full stop, so that two of them can stand side by side."""
    text = text.strip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."
