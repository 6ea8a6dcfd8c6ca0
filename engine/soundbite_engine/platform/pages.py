"""Pages of a list (contract 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.datastructures import QueryParams

from soundbite_engine.platform.errors import invalid

DEFAULT_LIMIT = 10
LARGEST_LIMIT = 50


@dataclass(frozen=True)
class Page:
    """The `number`th page, from 1, of `limit` items each."""

    number: int = 1
    limit: int = DEFAULT_LIMIT

    @classmethod
    def asked(cls, query: QueryParams) -> Page:
        """Read `page` and `page_limit`.

        Raises:
            Refused: one is not a number, or out of range.
        """
        return cls(
            _whole(query.get("page", "1"), "page", 2**31),
            _whole(query.get("page_limit", "10"), "page_limit", LARGEST_LIMIT),
        )

    @property
    def offset(self) -> int:
        """Items before this page."""
        return (self.number - 1) * self.limit

    def info(self, total: int) -> dict[str, Any]:
        """The wire's `page_info` for a list of `total` items."""
        return {
            "limit_per_page": self.limit,
            "page": self.number,
            "total_page": max(1, -(-total // self.limit)),
            "total_results": total,
        }


def _whole(text: str, name: str, largest: int) -> int:
    try:
        value = int(text)
    except ValueError as exc:
        raise invalid(name, "Must be a whole number.") from exc
    if not 1 <= value <= largest:
        raise invalid(name, f"Must be from 1 to {largest}.")
    return value
