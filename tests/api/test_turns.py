"""Turns: who goes next when several want the same few places."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from soundbite_api.turns import Turns, claim, claimed

Order = list[str]


class Stage:
    """Works that wait for their turn, have it until they are told to end, and write down when it came."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.order: Order = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, caller: str, *, work: str = "", is_resumed: bool = False, **turn: bool) -> None:
        self._ends[name] = asyncio.Event()
        with claimed(caller=caller, work=work, is_resumed=is_resumed):
            self._tasks[name] = asyncio.create_task(self._work(name, **turn))
        await settled()

    async def _work(self, name: str, is_urgent: bool = False, offers: bool = False) -> None:
        async with self.turns.turn(is_urgent=is_urgent) as turn:
            self.order.append(name)
            await self._ends[name].wait()
            if offers:
                await turn.offer()
                self.order.append(f"{name} again")

    async def end(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await settled()

    async def leave(self, name: str) -> None:
        self._tasks[name].cancel()
        await settled()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def stage() -> Callable[..., Stage]:
    return lambda count, extra=0: Stage(Turns(count, extra=extra))


async def test_callers_have_turns_one_after_the_other_however_much_each_of_them_wants(
    stage: Callable[..., Stage],
) -> None:
    one = stage(1)
    for name in ("a1", "a2", "a3"):
        await one.come(name, "A")
    for name in ("b1", "b2"):
        await one.come(name, "B")
    await one.end("a1", "b1", "a2", "b2", "a3")
    assert one.order == ["a1", "b1", "a2", "b2", "a3"]
    assert one.turns.in_use == 0


async def test_works_of_one_caller_have_turns_one_after_the_other(stage: Callable[..., Stage]) -> None:
    one = stage(1)
    for number in (1, 2, 3):
        await one.come(f"long{number}", "A", work="long")
    await one.come("short1", "A", work="short")
    await one.end("long1", "short1", "long2", "long3")
    assert one.order == ["long1", "short1", "long2", "long3"]


async def test_a_caller_that_has_none_gets_one_beyond_the_count(stage: Callable[..., Stage]) -> None:
    one = stage(2, extra=1)
    for name in ("a1", "a2", "a3"):
        await one.come(name, "A")
    await one.come("b1", "B")
    await one.come("b2", "B")
    assert one.order == ["a1", "a2", "b1"]
    await one.end("b1")  # one turn is beyond the count, so nobody follows but a caller that has none
    assert one.order == ["a1", "a2", "b1", "b2"]
    await one.end("a1", "b2", "a2", "a3")
    assert one.order == ["a1", "a2", "b1", "b2", "a3"]


async def test_what_was_just_asked_for_goes_before_what_an_earlier_process_left_but_not_for_ever(
    stage: Callable[..., Stage],
) -> None:
    one = stage(1)
    await one.come("a", "A")
    await one.come("left", "B", is_resumed=True)
    names = [f"new{number}" for number in range(30)]
    for name in names:
        await one.come(name, "A")
    await one.end("a", *names, "left")
    assert one.order[1] == "new0"
    assert one.order.index("left") == 21, "what was left has to come sometime"


async def test_what_a_person_waits_for_goes_before_the_rest_of_its_caller_and_not_before_another_caller(
    stage: Callable[..., Stage],
) -> None:
    one = stage(1)
    for name in ("a1", "a2"):
        await one.come(name, "A")
    await one.come("cut", "A", is_urgent=True)
    await one.come("b", "B")
    await one.end("a1", "cut", "b", "a2")
    assert one.order == ["a1", "cut", "b", "a2"]


async def test_long_work_lets_another_caller_go_first_and_then_goes_on_before_its_callers_next(
    stage: Callable[..., Stage],
) -> None:
    one = stage(1)
    await one.come("long", "A", offers=True)
    await one.come("next", "A")
    await one.come("b", "B")
    await one.end("long", "b", "next")
    assert one.order == ["long", "b", "long again", "next"]


async def test_long_work_does_not_stop_for_its_own_caller(stage: Callable[..., Stage]) -> None:
    one = stage(1)
    await one.come("long", "A", offers=True)
    await one.come("next", "A")
    await one.end("long", "next")
    assert one.order == ["long", "long again", "next"]


async def test_who_leaves_while_waiting_takes_no_turn_and_loses_none(stage: Callable[..., Stage]) -> None:
    one = stage(1)
    await one.come("a", "A")
    await one.come("b", "B")
    await one.come("c", "C")
    await one.leave("b")
    await one.end("a")
    await one.leave("c")
    assert one.order == ["a", "c"]
    assert one.turns.in_use == 0


async def test_a_turn_that_comes_in_the_instant_of_leaving_is_handed_on(stage: Callable[..., Stage]) -> None:
    one = stage(1)
    for name, caller in (("a", "A"), ("b", "B"), ("c", "C")):
        await one.come(name, caller)
    one._ends["a"].set()
    for _ in range(3):
        await asyncio.sleep(0)
        one._tasks["b"].cancel()
    await settled()
    assert one.order[-1] == "c"
    await one.end("c")
    assert one.turns.in_use == 0


async def test_a_claim_reaches_the_tasks_that_are_started_under_it() -> None:
    async def caller() -> str:
        return claim().caller

    with claimed(caller="A"):
        inner = asyncio.create_task(caller())
    assert (await inner, claim().caller) == ("A", "")
