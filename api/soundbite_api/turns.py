"""Turns at work that only a few may do at once: shared evenly between callers, and between the works of one caller.

Who wants what travels as a `Claim` in a context variable, from the call that asked for it to the process that does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

# What an earlier process left waits for so many turns of others at most.
_PATIENCE = 20
_MOST_REMEMBERED = 10_000
KeyT = TypeVar("KeyT")


@dataclass(frozen=True)
class Claim:
    """Who wants something done, and for which work."""

    caller: str = ""
    work: str = ""
    is_resumed: bool = False
    """Whether an earlier process left it unfinished: what was just asked for goes before it."""


_NOBODY = Claim()
_claim: ContextVar[Claim] = ContextVar("claim", default=_NOBODY)


def claim() -> Claim:
    """Return the claim of what runs now."""
    return _claim.get()


@contextmanager
def claimed(*, caller: str | None = None, work: str | None = None, is_resumed: bool | None = None) -> Iterator[None]:
    """Have what runs inside, and the tasks started there, take turns under another claim; None leaves it as it is."""
    now = _claim.get()
    token = _claim.set(
        Claim(
            now.caller if caller is None else caller,
            now.work if work is None else work,
            now.is_resumed if is_resumed is None else is_resumed,
        )
    )
    try:
        yield
    finally:
        _claim.reset(token)


class _Shares(Generic[KeyT]):
    """How many turns each of some parties has now, and when it was last given one."""

    def __init__(self) -> None:
        self._turns = Counter[KeyT]()
        self._served: dict[KeyT, int] = {}

    def count(self, key: KeyT) -> int:
        return self._turns[key]

    def served_at(self, key: KeyT) -> int:
        return self._served.get(key, 0)

    def begin(self, key: KeyT, at: int) -> None:
        self._turns[key] += 1
        self._served.pop(key, None)
        self._served[key] = at
        if len(self._served) > _MOST_REMEMBERED:
            del self._served[next(iter(self._served))]

    def end(self, key: KeyT) -> None:
        self._turns[key] -= 1
        if not self._turns[key]:
            del self._turns[key]


@dataclass(eq=False)
class _Place:
    claim: Claim
    is_urgent: bool
    entered: int
    since: int = 0
    """The number of turns that had been given when it began to wait."""
    is_begun: bool = False
    """Whether it had a turn before, and let another go first."""
    given: anyio.Event = field(default_factory=anyio.Event)


class Turns:
    """At most `count` turns at once, and `extra` more for callers that have none.

    A free turn goes to the caller that has the fewest, of several to the one that was served longest ago; of its works
    likewise. What an earlier process left comes last, what a person waits for (`is_urgent`) first among its caller's.
    """

    def __init__(self, count: int, *, extra: int = 1) -> None:
        self._count = count
        self._extra = extra
        self._callers, self._works = _Shares[str](), _Shares[tuple[str, str]]()
        self._waiting: list[_Place] = []
        self._in_use = self._given = self._entered = 0

    @property
    def in_use(self) -> int:
        """So many turns are taken now."""
        return self._in_use

    @asynccontextmanager
    async def turn(self, *, is_urgent: bool = False) -> AsyncIterator[Turn]:
        """Wait for a turn under the present claim, and have it until the end of the block."""
        self._entered += 1
        turn = Turn(self, _Place(claim(), is_urgent, self._entered))
        await turn.begin()
        try:
            yield turn
        finally:
            turn.end()

    async def _take(self, place: _Place) -> None:
        place.since = self._given
        if self._may_begin(place):
            self._give(place)
            return
        place.given = anyio.Event()
        self._waiting.append(place)
        try:
            await place.given.wait()
        except BaseException:
            if place.given.is_set():
                self._end(place)  # the turn came in the same instant: it is handed on
            else:
                self._waiting.remove(place)
            raise

    def _give(self, place: _Place) -> None:
        self._given += 1
        self._in_use += 1
        self._callers.begin(place.claim.caller, self._given)
        self._works.begin((place.claim.caller, place.claim.work), self._given)
        place.given.set()

    def _end(self, place: _Place) -> None:
        self._in_use -= 1
        self._callers.end(place.claim.caller)
        self._works.end((place.claim.caller, place.claim.work))
        while able := [other for other in self._waiting if self._may_begin(other)]:
            following = min(able, key=self._rank)
            self._waiting.remove(following)
            self._give(following)

    def _may_begin(self, place: _Place) -> bool:
        most = self._count + (self._extra if not self._callers.count(place.claim.caller) else 0)
        return self._in_use < most

    def _rank(self, place: _Place) -> tuple[int, ...]:
        caller, work = place.claim.caller, (place.claim.caller, place.claim.work)
        return (
            self._is_behind(place) and not place.is_urgent,
            self._callers.count(caller),
            not place.is_urgent,
            self._callers.served_at(caller),
            not place.is_begun,
            self._works.count(work),
            self._works.served_at(work),
            place.entered,
        )

    def _is_behind(self, place: _Place) -> bool:
        return place.claim.is_resumed and self._given - place.since < _PATIENCE

    def _is_before(self, other: _Place, mine: _Place) -> bool:
        own = (mine.claim.is_resumed, self._callers.count(mine.claim.caller))
        return (self._is_behind(other), self._callers.count(other.claim.caller)) < own


class Turn:
    """A turn that is had; long work offers it to others now and then."""

    def __init__(self, turns: Turns, place: _Place) -> None:
        self._turns = turns
        self._place = place
        self._is_had = False

    async def begin(self) -> None:
        """Wait until it comes."""
        await self._turns._take(self._place)
        self._is_had = True

    def end(self) -> None:
        """Give it up, unless it was not had."""
        if self._is_had:
            self._is_had = False
            self._turns._end(self._place)

    async def offer(self) -> None:
        """Let a caller with fewer turns go first, and what was just asked for before what was left; then go on."""
        if any(self._turns._is_before(other, self._place) for other in self._turns._waiting):
            self.end()
            self._place.is_begun = True
            await self.begin()
