"""One member set in a JSON document that people write by hand: comments, trailing commas and a mark at its start stay.

Nothing else of the document may move, and for that it is enough to know where values begin and end: it is not written
anew from what was read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_MARK = "\ufeff"
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*(?://[^\n]*|/\*[^\n]*?\*/[ \t]*(?=\n|\Z))?")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_SCALAR = re.compile(r"[-+.\w]+")
_STEP = "  "


class NotJson(ValueError):
    """A document is not JSON, even with comments allowed, or has something else where an object belongs."""


@dataclass
class _Value:
    """Where a value is in the document, and of an object, where its members are."""

    start: int
    end: int = 0
    is_object: bool = False
    members: dict[str, _Value] = field(default_factory=dict)
    has_trailing_comma: bool = False
    last_comma: int = 0


def with_member(document: str, path: Sequence[str], value: Any) -> str:
    """Return the document with the value at a path of names, objects on the way made where there are none.

    Raises:
        NotJson: the document can't be understood, or something on the way is no object.
    """
    mark, text = (_MARK, document[1:]) if document.startswith(_MARK) else ("", document)
    if _space_end(text, 0) == len(text):  # nothing but spaces and comments
        text = f"{text.rstrip()}\n{{}}\n".lstrip("\n")
    target = _document(text)
    if not target.is_object:
        raise NotJson("the document is no object")
    for depth, name in enumerate(path):
        inner = target.members.get(name)
        is_last = depth == len(path) - 1
        if inner is None:
            for outer in reversed(path[depth + 1 :]):
                value = {outer: value}
            return mark + _inserted(text, target, name, value)
        if is_last:
            return mark + text[: inner.start] + _dumped(value, _indent_at(text, inner.start)) + text[inner.end :]
        if not inner.is_object:
            raise NotJson(f"{name} is no object")
        target = inner
    raise AssertionError("a path has a name at least")


def _inserted(text: str, target: _Value, name: str, value: Any) -> str:
    outer = _indent_at(text, target.start)
    last = max(target.members.values(), key=lambda member: member.start, default=None)
    indent = outer + _STEP
    if last and (own := _indent_at(text, last.start)) != outer:
        indent = own
    member = f"\n{indent}{json.dumps(name, ensure_ascii=False)}: {_dumped(value, indent)}"
    if last is None:
        rest = text[target.start + 1 : target.end - 1].rstrip()  # comments, at most
        return f"{text[: target.start + 1]}{rest}{member}\n{outer}{text[target.end - 1 :]}"
    after = target.last_comma + 1 if target.has_trailing_comma else last.end
    line = _REST_OF_LINE.match(text, after)
    at = line.end() if line else after
    comma, closing = ("", ",") if target.has_trailing_comma else (",", "")
    if "\n" not in text[at : target.end]:  # the closing brace is on the line of the last member
        closing += f"\n{outer}"
        return f"{text[:after]}{comma}{text[after:at].rstrip()}{member}{closing}{text[at:].lstrip(' ')}"
    return f"{text[:after]}{comma}{text[after:at]}{member}{closing}{text[at:]}"


def _dumped(value: Any, indent: str) -> str:
    return json.dumps(value, indent=len(_STEP), ensure_ascii=False).replace("\n", f"\n{indent}")


def _indent_at(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _document(text: str) -> _Value:
    try:
        value = _value(text, _space_end(text, 0))
    except RecursionError as exc:
        raise NotJson("it is nested too deep") from exc
    if _space_end(text, value.end) != len(text):
        raise NotJson(f"character {value.end + 1} is one too many")
    return value


def _value(text: str, start: int) -> _Value:
    opening = text[start : start + 1]
    if opening in ("{", "["):
        return _container(text, start, is_object=opening == "{")
    match = (_STRING if opening == '"' else _SCALAR).match(text, start)
    if match is None:
        raise NotJson(f"no value at character {start + 1}")
    return _Value(start, match.end())


def _container(text: str, start: int, *, is_object: bool) -> _Value:
    container = _Value(start, is_object=is_object)
    at, count = _space_end(text, start + 1), 0
    closing = "}" if is_object else "]"
    while text[at : at + 1] != closing:
        if count and not container.has_trailing_comma:
            raise NotJson(f"no comma at character {at + 1}")
        name = ""
        if is_object:
            if (match := _STRING.match(text, at)) is None:
                raise NotJson(f"no name at character {at + 1}")
            name, at = str(json.loads(match.group())), _space_end(text, match.end())
            if text[at : at + 1] != ":":
                raise NotJson(f"no colon at character {at + 1}")
            at = _space_end(text, at + 1)
        member = _value(text, at)
        container.members[name if is_object else str(count)] = member
        count += 1
        at = _space_end(text, member.end)
        container.has_trailing_comma = text[at : at + 1] == ","
        if container.has_trailing_comma:
            container.last_comma, at = at, _space_end(text, at + 1)
    container.end = at + 1
    return container


def _space_end(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
