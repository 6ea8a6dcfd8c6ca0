"""What can go wrong.

SoundbiteError     the library can't do what was asked; the text says why, `code` is a stable name
|-- SourceError    a recording can't be read, or may not be
`-- NotFound       no such recording or clip
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class SoundbiteError(Exception):
    """The library can't do what was asked."""

    def __init__(self, message: str, *, code: str = "problem") -> None:
        super().__init__(message)
        self.code = code


class SourceError(SoundbiteError):
    """A recording can't be read, or may not be."""


class NotFound(SoundbiteError):
    """There is no such recording or clip."""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the tools, the settings and the checks of a request raise into errors of this package.

    Raises:
        SoundbiteError: whatever was raised, as its cause.
    """
    from pydantic import ValidationError

    from soundbite_server.settings import SettingsError
    from soundbite_tools import SourceProblem, ToolProblem, UnknownId

    try:
        yield
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False, include_context=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SoundbiteError(f"{name}: {first['msg']}.", code="argument_invalid") from exc
    except SettingsError as exc:
        raise SoundbiteError(str(exc), code="setting_invalid") from exc
    except ToolProblem as exc:
        kind = SourceError if isinstance(exc, SourceProblem) else NotFound if isinstance(exc, UnknownId) else None
        raise (kind or SoundbiteError)(exc.message, code=exc.code) from exc
