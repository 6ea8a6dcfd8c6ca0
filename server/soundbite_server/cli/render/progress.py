"""Bars for recordings that are being added: one for each under way, and one for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from soundbite_server.cli.render.pace import Pace
from soundbite_tools.clock import clock

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from soundbite_server.named_media import Named
    from soundbite_tools.results import TaskResult

_UNKNOWN_BYTES = 10_000_000  # what an address may hold, until it is known
_LONGEST_NAME = 32


class AddProgress:
    """Shows how far each recording is and all are, how fast it goes and what is left; silent away from a terminal."""

    def __init__(self, console: Console, named: Sequence[Named], *, redirects: bool) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[said]}"),
            console=console,
            transient=True,
            # Redirecting would put JSON lines where the bars are.
            redirect_stdout=redirects,
            disable=not console.is_terminal,
            # A thread that redraws on its own takes lines away that are printed in the same instant.
            auto_refresh=False,
        )
        self._sizes = {each.source: each.size_bytes or _UNKNOWN_BYTES for each in named}
        self._pace = Pace(float(sum(self._sizes.values())))
        self._count = len(named)
        self._ended = 0
        self._audio_sec = 0.0
        self._whole = self._bars.add_task("[bold]All", total=1.0, said="", visible=len(named) > 1)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    @contextmanager
    def of(self, named: Named) -> Iterator[Callable[[float, str], None]]:
        """Show one recording while it is worked on; yields what to call with its fraction and stage."""
        bar = self._bars.add_task(escape(_short(named.name)), total=1.0, said="")

        def show(fraction: float, stage: str) -> None:
            self._bars.update(bar, completed=fraction, said=stage)
            self._pace.is_at(named.source, fraction * self._sizes.get(named.source, 0))
            self._show_whole()

        self._bars.refresh()
        try:
            yield show
        finally:
            self._bars.remove_task(bar)
            self._bars.refresh()

    def ended(self, named: Named, result: TaskResult) -> None:
        """Count a recording as done with."""
        self._ended += 1
        size = self._sizes.get(named.source, 0)
        if result.is_reused or result.status == "failed":
            self._pace.was_not_needed(named.source, size)
        else:
            self._pace.ended(named.source, size)
            self._audio_sec += result.audio_seconds
        self._show_whole()

    def _show_whole(self) -> None:
        said = [f"{self._ended} of {self._count}"]
        if self._audio_sec and self._pace.elapsed_s > 0:
            said.append(f"{self._audio_sec / self._pace.elapsed_s:.0f} x real time")
        if (left_s := self._pace.left_s) is not None:
            said.append(f"{clock(left_s)} left")
        self._bars.update(self._whole, completed=self._pace.share, said=", ".join(said), refresh=True)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 9]}…{name[-8:]}"
