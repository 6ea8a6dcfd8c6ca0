"""Opaque cursors: where the next page of a search begins, bound to the search they came from."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from soundbite_tools.errors import QuestionProblem

_MARK_CHARS = 12


def cursor_at(offset: int, search: object) -> str:
    """Return the cursor of the answer number `offset` of a search; equal searches have equal cursors."""
    return base64.urlsafe_b64encode(f"{offset}.{_mark(search)}".encode()).decode().rstrip("=")


def offset_of(cursor: str, search: object) -> int:
    """Return where a cursor points; an empty one points to the beginning.

    Raises:
        QuestionProblem: it is no cursor, or that of another search.
    """
    if not cursor.strip():
        return 0
    try:
        padded = cursor.strip() + "=" * (-len(cursor.strip()) % 4)
        offset, _, mark = base64.urlsafe_b64decode(padded).decode("ascii").partition(".")
        number = int(offset)
    except (binascii.Error, ValueError) as exc:
        raise _bad("The cursor is not one that a search gave.") from exc
    if mark != _mark(search) or number < 0:
        raise _bad("The cursor belongs to another search.")
    return number


def _mark(search: object) -> str:
    return hashlib.sha256(json.dumps(search, sort_keys=True, default=str).encode()).hexdigest()[:_MARK_CHARS]


def _bad(message: str) -> QuestionProblem:
    return QuestionProblem(
        message,
        "Repeat the search with the same arguments and the next_cursor of its last answer, or without a cursor.",
        code="cursor_invalid",
    )
