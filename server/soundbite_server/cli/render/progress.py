"""How far recordings are that are being added, how fast it goes and what is left: a bar each, and one for all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from soundbite_tools import clock

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from soundbite_server.sources import Source
    from soundbite_tools import TaskResult


# Before this much is done, an estimate is a guess.
_LEAST_SHARE = 0.02
_LEAST_S = 3.0
_UNKNOWN_BYTES = 10_000_000  # what an address may hold, until it is known
_LONGEST_NAME = 32


class Pace:
    """Counts work in any unit that is in proportion to the time it takes, such as bytes of files.

    Work that turned out to be done already is taken out of the sum, so that it does not make the rest look quick.
    """

    def __init__(self, total: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = total
        self._clock = clock
        self._began = clock()
        self._under_way: dict[str, float] = {}
        self._done = 0.0

    def is_at(self, name: str, done: float) -> None:
        """Note how much of one piece of work is done."""
        self._under_way[name] = done

    def ended(self, name: str, amount: float) -> None:
        """Note that a piece of work is done."""
        self._under_way.pop(name, None)
        self._done += amount

    def was_not_needed(self, name: str, amount: float) -> None:
        """Note that a piece of work had been done before."""
        self._under_way.pop(name, None)
        self.total -= amount

    @property
    def elapsed_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def share(self) -> float:
        """How much of all is done, 0 to 1."""
        return min(1.0, self._sum / self.total) if self.total > 0 else 1.0

    @property
    def left_s(self) -> float | None:
        """Seconds until all is done, None while that can't be told."""
        if self.share < _LEAST_SHARE or self.elapsed_s < _LEAST_S:
            return None
        return self.elapsed_s * (1.0 - self.share) / self.share

    def words(self, audio_sec: float) -> list[str]:
        """How fast so much audio was done, and the time that is left, as far as they can be told."""
        left_s, words = self.left_s, list[str]()
        if audio_sec and self.elapsed_s >= _LEAST_S:
            words.append(f"{audio_sec / self.elapsed_s:.0f} x real time")
        return words if left_s is None else [*words, f"{clock(left_s)} left"]

    @property
    def _sum(self) -> float:
        return self._done + sum(self._under_way.values())


class AddProgress:
    """Shows how far each recording is and all are, how fast it goes and what is left; silent away from a terminal."""

    def __init__(self, console: Console, sources: Sequence[Source], *, redirects: bool) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            transient=True,
            # Redirecting would put JSON lines where the bars are.
            redirect_stdout=redirects,
            disable=not console.is_terminal,
            # A thread that redraws on its own takes lines away that are printed in the same instant.
            auto_refresh=False,
        )
        self._sizes = {source.address: source.size_bytes or _UNKNOWN_BYTES for source in sources}
        self._pace = Pace(float(sum(self._sizes.values())))
        self._count = len(sources)
        self._ended = 0
        self._audio_sec = 0.0
        self._whole = self._bars.add_task("[bold]All", total=1.0, note="", visible=len(sources) > 1)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def of(self, source: Source) -> Iterator[Callable[[float, str, float], None]]:
        """Show one recording while it is worked on; yields what to call with fraction, stage and seconds of audio."""
        bar = self._bars.add_task(escape(_short(source.name)), total=1.0, note="")

        pace = Pace(1.0)

        def show(fraction: float, stage: str, audio_seconds: float) -> None:
            pace.is_at("", fraction)
            note = [stage, *pace.words(fraction * audio_seconds)]
            self._bars.update(bar, completed=fraction, note=", ".join(note))
            self._pace.is_at(source.address, fraction * self._sizes.get(source.address, 0))
            self._show_whole()

        self._bars.refresh()
        try:
            yield show
        finally:
            self._bars.remove_task(bar)
            self._bars.refresh()

    def ended(self, source: Source, result: TaskResult) -> None:
        """Count a recording as done with."""
        self._ended += 1
        size = self._sizes.get(source.address, 0)
        if result.is_reused or result.status == "failed":
            self._pace.was_not_needed(source.address, size)
        else:
            self._pace.ended(source.address, size)
            self._audio_sec += result.audio_seconds
        self._show_whole()

    def _show_whole(self) -> None:
        note = [f"{self._ended} of {self._count}", *self._pace.words(self._audio_sec)]
        self._bars.update(self._whole, completed=self._pace.share, note=", ".join(note), refresh=True)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9]}…{name[-8:]}"
