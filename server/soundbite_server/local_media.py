"""Local media for the tools, read by the engine's worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from soundbite_api import SourceFile
from soundbite_api.files import Span
from soundbite_engine.errors import EngineError
from soundbite_engine.speech.transcripts import Sentence, Word
from soundbite_engine.workers import media
from soundbite_engine.workers.plans import TrackChoice
from soundbite_engine.workers.pool import WorkerPool
from soundbite_store import TimedText
from soundbite_tools import Heard, Levels, Media, MediaProblem, SoundFormat, WorkFailed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundbite_engine.platform.engine import Engine


class EngineMediaReader:
    """Reads and cuts local files in worker processes, so that a hostile file can end a worker and never the server."""

    def __init__(
        self,
        pool: WorkerPool,
        engine: Engine | None = None,
        *,
        glossary: Path | None = None,
        has_speakers: bool = True,
    ) -> None:
        self._glossary = glossary
        self._has_speakers = has_speakers
        self._pool = pool
        self._engine = engine

    async def asset_file(self, platform_asset_id: str) -> SourceFile | None:
        """Return the file in which the engine of this process keeps an asset."""
        return await self._engine.kept_file(platform_asset_id) if self._engine else None

    async def silence(self, platform_asset_id: str, silences: tuple[Span, ...]) -> None:
        """Have the engine's own copy of an asset hold silence in some spans; nothing where it keeps none.

        Raises:
            MediaProblem: it can't be read or written.
        """
        if self._engine:
            async with _translated():
                await self._engine.silence(platform_asset_id, silences)

    async def forget_file(self, path: Path, content_hash: str) -> None:
        """Have the engine forget what it made of a local file, and keep the file."""
        if self._engine:
            async with _translated():
                await self._engine.forget_file(path, content_hash)

    async def scrub(self) -> None:
        """Have the engine leave nothing of what was deleted in its files."""
        if self._engine:
            async with _translated():
                await self._engine.scrub()

    async def probe(self, source: SourceFile) -> Media:
        """Return what the file holds.

        Raises:
            MediaProblem: it can't be read as media.
        """
        async with _translated():
            info = await media.probe(source, self._pool)
        return Media(info.duration_sec, info.has_audio, info.container, len(info.tracks))

    async def cut(
        self, source: SourceFile, start_sec: float, end_sec: float, sound_format: SoundFormat, track: str = ""
    ) -> bytes:
        """Return the sound between two times as a small file of its own.

        Raises:
            MediaProblem: it can't be read, or the range holds no sound.
        """
        async with _translated():
            return await media.cut(source, start_sec, end_sec, sound_format, self._pool, _choice(track))

    async def to_flac(
        self, source: SourceFile, out: Path, start_sec: float, end_sec: float | None, track: str = ""
    ) -> None:
        """Write the sound between two times to a FLAC file.

        Raises:
            MediaProblem: it can't be read, or the range holds no sound.
        """
        async with _translated():
            await media.to_flac(source, out, self._pool, start_sec, end_sec, _choice(track))

    async def copy_sound(self, source: SourceFile, out: Path) -> None:
        """Write the sound of all tracks to a file.

        Raises:
            MediaProblem: it can't be read.
        """
        async with _translated():
            await media.copy_sound(source, out, self._pool)

    async def transcribe(self, source: SourceFile, start_sec: float, end_sec: float | None, track: str = "") -> Heard:
        """Return what the recogniser understands between two times.

        Raises:
            MediaProblem: it can't be read, or the range holds no sound.
        """
        # Loaded here: the recogniser's models are of no use to most calls.
        from soundbite_engine.analysis.analyse import transcribe
        from soundbite_engine.profiles import base_profile

        profile = base_profile().with_glossary(self._glossary)
        profile = profile if self._has_speakers else profile.without_speakers()
        async with _translated():
            transcript = await transcribe(source, self._pool, start_sec, end_sec, profile=profile, track=_choice(track))
        return Heard(_timed(transcript.words), _timed(transcript.sentences))

    async def decode_growing(self, path: Path, sound: Path, over: Path) -> float:
        """Write the sound of a file that grows to `sound`, until a file `over` is there; returns its seconds.

        Raises:
            MediaProblem: it can't be read from its beginning.
        """
        # What is heard is embedded at once: the models are loaded before there is much of it.
        from soundbite_engine.analysis.work import warm_up

        warming = asyncio.create_task(warm_up(self._pool, self._engine.profile)) if self._engine else None
        try:
            async with _translated():
                return await media.decode_growing(path, sound, over)
        finally:
            if warming:
                warming.cancel()

    async def levels(self, source: SourceFile, count: int, track: str = "") -> Levels:
        """Return how loud the sound of a file is in `count` equal parts of it.

        Raises:
            MediaProblem: it can't be read.
        """
        async with _translated():
            return Levels(*await media.levels(source, count, self._pool, _choice(track)))

    async def voice(
        self, source: SourceFile, turns: Sequence[tuple[float, float]], track: str = ""
    ) -> NDArray[np.float32] | None:
        """Return the voice of who speaks in these turns; None of too little speech.

        Raises:
            MediaProblem: it can't be read.
        """
        from soundbite_engine.profiles import base_profile

        encoder = base_profile().voices
        assert encoder is not None
        async with _translated():
            return await media.voice(source, turns, str(encoder.folder), self._pool, _choice(track))


def _choice(track: str) -> TrackChoice:
    return "all" if track == "all" else int(track) if track else None


def _timed(texts: Iterable[Word | Sentence]) -> tuple[TimedText, ...]:
    return tuple(
        TimedText(
            value=text.value,
            start_sec=text.start_sec,
            end_sec=text.end_sec,
            speaker=text.speaker,
            probability=text.probability,
        )
        for text in texts
    )


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    try:
        yield
    except EngineError as exc:
        if exc.code == "worker_killed":  # which says nothing of the file
            raise WorkFailed(
                f"The work was stopped from outside each time it was begun: {exc.message}.",
                "Try again; if it goes on, see what ends processes on this machine, such as a limit of memory.",
                code=exc.code,
            ) from exc
        raise MediaProblem(exc.message) from exc
