"""What every request of a tool has in common: the marks that a field may carry, and how models write what they mean.

Beside its limits a field may say how it is written on the command line (`Flag`) and which condition of the store's
filter it sets (`Narrows`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.fields import FieldInfo

Metadata = TypeVar("Metadata")


@dataclass(frozen=True)
class Flag:
    """How a field is written on the command line; its help is the field's description where none is given here."""

    names: tuple[str, ...]
    help: str = ""
    metavar: str = ""
    is_path: bool = False

    def __init__(self, *names: str, help: str = "", metavar: str = "", is_path: bool = False) -> None:  # noqa: A002
        for name, value in (("names", names), ("help", help), ("metavar", metavar), ("is_path", is_path)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True)
class Narrows:
    """The condition of the store's `ClipFilter` that a field sets; its default sets none."""

    condition: str
    convert: Callable[[Any], object] = lambda value: value


@dataclass(frozen=True)
class OfRecordings:
    """Marks a filter on recordings that is no column of the store: the ledger says which recordings pass."""


class Request(BaseModel):
    """What a tool is asked."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True, coerce_numbers_to_str=True
    )

    @model_validator(mode="before")
    @classmethod
    def _as_models_write(cls, given: Any) -> Any:
        """Null and "" for what may be left out are its default, one text for a list is a list of one."""
        if not isinstance(given, Mapping):
            return given
        return {
            name: _listed(value, cls.model_fields.get(name)) for name, value in given.items() if cls._says(name, value)
        }

    @classmethod
    def _says(cls, name: str, value: object) -> bool:
        field = cls.model_fields.get(name)
        is_optional = field is not None and not field.is_required()
        return not (is_optional and (value is None or (isinstance(value, str) and not value.strip())))

    @classmethod
    def marked(cls, kind: type[Metadata]) -> Iterator[tuple[str, Metadata]]:
        """Yield the names of the fields that carry a mark of this kind, with it."""
        for name, field in cls.model_fields.items():
            for mark in field.metadata:
                if isinstance(mark, kind):
                    yield name, mark


def _listed(value: Any, field: FieldInfo | None) -> Any:
    if field is None or not isinstance(value, str):
        return value
    return (
        [value] if any(get_origin(kind) is tuple for kind in (field.annotation, *get_args(field.annotation))) else value
    )
