"""A recording to vectors and words: decoded once, then listened to, transcribed and described in parallel parts.

Everything heavy happens in worker processes, over a scratch folder; this module spreads the parts and joins what
comes back. Listening starts while the end of the file is still being decoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from soundbite_engine.platform.errors import duration_exceeded
from soundbite_engine.profiles import BaseProfile, Profile
from soundbite_engine.sound.described import Described
from soundbite_engine.space import Floats
from soundbite_engine.speech.transcripts import Transcript, Word, texts_between, transcript
from soundbite_engine.workers.items import Embedding, embeddings
from soundbite_engine.workers.plans import (
    LISTEN_SPAN_TICKS,
    SOUND_FILE,
    TICK_SAMPLES,
    DecodeReport,
    Plan,
    segment_batches,
    tick_spans,
    utterance_batches,
)
from soundbite_engine.workers.pool import WorkerPool
from soundbite_engine.workers.progress import Meter, Progress, Stage
from soundbite_engine.workers.scratch import scratch_folder

__all__ = ["Analysis", "AnalysisRequest", "Embedding", "Progress", "analyse", "transcribe"]

DECODE_TIMEOUT_S = 1800.0
PART_TIMEOUT_S = 600.0
# After so much sound its workers end, and what they hold, a recogniser each, is the store's that is about to write. The
# texts of the clips take a worker once more; that one is small.
LONG_SEC = 900.0
# Rounding must not refuse a recording of exactly the longest length.
ROUNDING_SEC = 0.5


@dataclass(frozen=True)
class AnalysisRequest:
    """What to embed of which file; `duration_sec` is the window of the `fixed` strategy.

    `longest_sec` refuses what turns out to be longer, before it is analysed: not every container says how long it is.
    """

    path: str
    profile: Profile = field(default_factory=BaseProfile)
    start_sec: float = 0.0
    end_sec: float | None = None
    strategy: Literal["fixed", "natural"] = "fixed"
    duration_sec: int = 6
    options: tuple[str, ...] = ("audio", "transcription")
    scopes: tuple[str, ...] = ("clip", "asset")
    types: tuple[str, ...] = ("separate_embedding",)
    longest_sec: float | None = None

    @property
    def decoded_until_sec(self) -> float | None:
        """Where decoding may stop: what lies a second beyond `longest_sec` shows that it is longer."""
        bound = None if self.longest_sec is None else self.start_sec + self.longest_sec + 1.0
        return min((end for end in (self.end_sec, bound) if end is not None), default=None)

    @property
    def is_fused(self) -> bool:
        return "fused_embedding" in self.types

    @property
    def wanted_options(self) -> tuple[str, ...]:
        """The `embedding_option`s of the answer."""
        separate = self.options if "separate_embedding" in self.types else ()
        return (*separate, "fused") if self.is_fused else separate


@dataclass(frozen=True)
class Analysis:
    """Everything an embed task answers with; times in seconds of the source."""

    duration_sec: float
    start_offset_sec: float
    end_offset_sec: float
    embeddings: tuple[Embedding, ...]
    transcript: Transcript | None
    warnings: tuple[str, ...]


async def analyse(
    request: AnalysisRequest, pool: WorkerPool, on_progress: Callable[[Progress], None] | None = None
) -> Analysis:
    """Segments, vectors and words of a window of a file.

    Raises:
        MediaError: unreadable, no audio, no sound, too long, or the window begins past its end.
        WorkerError: a process that worked on it failed.
    """
    profile = request.profile
    has_speech, has_sound = "transcription" in request.options, "audio" in request.options
    async with scratch_folder() as folder:
        work = _Work(pool, folder, profile, Meter(has_speech, on_progress))
        report = await work.decode_and_listen(request.path, request.start_sec, request.decoded_until_sec)
        if request.longest_sec is not None and report.end_sec - report.start_sec > request.longest_sec + ROUNDING_SEC:
            raise duration_exceeded(None, request.longest_sec)
        plan = await work.plan(report, request.strategy, request.duration_sec)
        words, heard = await _all(
            work.recognise(plan, report) if has_speech else _nothing(),
            work.describe(plan, report) if has_sound else _nothing(),
        )
        await _give_back_memory(pool, report)
        said = transcript(words) if has_speech else None
        spans = [(segment.start_sec, segment.end_sec) for segment in plan.segments]
        texts = texts_between(said, spans) if said else [""] * len(spans)
        speech = await work.embed_texts(texts) if has_speech else None
    found = embeddings(plan.segments, texts, heard, speech, request.wanted_options, request.scopes, profile.blocks)
    return Analysis(report.source_sec, report.start_sec, report.end_sec, found, said, report.warnings)


async def transcribe(
    path: Path | str,
    pool: WorkerPool,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    profile: Profile | None = None,
) -> Transcript:
    """The words of a window of the file at `path`.

    Raises:
        MediaError, WorkerError: as `analyse`.
    """
    async with scratch_folder() as folder:
        work = _Work(pool, folder, profile or BaseProfile(), Meter(True, on_progress))
        report = await work.decode_and_listen(str(path), start_sec, end_sec)
        plan = await work.plan(report, "fixed", 10)
        words = await work.recognise(plan, report)
    await _give_back_memory(pool, report)
    return transcript(words)


async def _give_back_memory(pool: WorkerPool, report: DecodeReport) -> None:
    if report.end_sec - report.start_sec >= LONG_SEC:
        await pool.retire_idle()


async def _nothing() -> None:
    return None


@asynccontextmanager
async def _failing_as_one() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first failure ends the others and is raised itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def _all(*parts: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results of `parts`, run side by side."""
    async with _failing_as_one() as group:
        tasks = [group.create_task(part) for part in parts]
    return [task.result() for task in tasks]


class _Work:
    """One analysis: its scratch folder, its share of the pool, its progress."""

    def __init__(self, pool: WorkerPool, folder: Path, profile: Profile, meter: Meter) -> None:
        self._pool = pool
        self._folder = str(folder)
        self._sound = folder / SOUND_FILE
        self._profile = profile
        self._source = ""
        self._meter = meter
        # No more parts queued than there are workers, so that two analyses share them evenly.
        self._share = asyncio.Semaphore(pool.size)

    async def _run(
        self, job: str, *args: object, on_progress: Callable[[float], None] | None = None, timeout_s: float
    ) -> Any:
        async with self._share:
            result = await self._pool.run(job, *args, timeout_s=timeout_s, on_progress=on_progress)
        if on_progress is not None:
            on_progress(1.0)
        return result

    async def decode_and_listen(self, path: str, start_sec: float, end_sec: float | None) -> DecodeReport:
        """Decode the window to the scratch file, and listen to each span of it as soon as it is there."""
        self._source = path
        self._meter.expect("decoding", 2)
        decoded = self._meter.part("decoding", "decode")
        async with _failing_as_one() as group:
            listening = _Listening(lambda first, last: group.create_task(self._listen(first, last)), self._sound)

            def on_decoded(fraction: float) -> None:
                decoded(fraction)
                listening.follow()

            report: DecodeReport = await self._run(
                "decode", path, str(self._sound), start_sec, end_sec, on_progress=on_decoded, timeout_s=DECODE_TIMEOUT_S
            )
            listening.follow(is_whole=True)
            listening.tell(self._meter.part("decoding", "listen"))
        return report

    async def _listen(self, first_tick: int, last_tick: int) -> None:
        await self._run("listen", self._folder, first_tick, last_tick, timeout_s=PART_TIMEOUT_S)

    async def plan(self, report: DecodeReport, strategy: str, duration_sec: float) -> Plan:
        """Segments and utterances of what was listened to."""
        window = (report.start_sec, report.end_sec)
        plan: Plan = await self._run("plan", self._folder, *window, strategy, duration_sec, timeout_s=PART_TIMEOUT_S)
        return plan

    async def recognise(self, plan: Plan, report: DecodeReport) -> list[Word]:
        """The words of all utterances, batches side by side."""
        parts = utterance_batches(plan.utterances)
        job, more = self._profile.recognise_job, self._profile.recognise_args
        found = await self._spread("transcribing", job, [(part, report.start_sec, *more) for part in parts])
        return [word for words in found for word in words]

    async def describe(self, plan: Plan, report: DecodeReport) -> Described:
        """How all segments sound, batches side by side."""
        parts = segment_batches(plan.segments)
        job, more = self._profile.describe_job, self._profile.describe_args(self._source)
        return Described.joined(
            await self._spread("embedding", job, [(part, report.start_sec, *more) for part in parts])
        )

    async def _spread(self, stage: Stage, job: str, parts: Sequence[tuple[object, ...]]) -> list[Any]:
        self._meter.expect(stage, len(parts))
        return await _all(
            *(
                self._run(
                    job, self._folder, *part, on_progress=self._meter.part(stage, index), timeout_s=PART_TIMEOUT_S
                )
                for index, part in enumerate(parts)
            )
        )

    async def embed_texts(self, texts: Sequence[str]) -> Floats:
        """The speech blocks of `texts` (texts, speech block); zeros where nothing was said."""
        blocks: Floats = await self._run(self._profile.text_job, list(texts), timeout_s=PART_TIMEOUT_S)
        return blocks


class _Listening:
    """Hands out the spans of a scratch file that grows."""

    def __init__(self, start: Callable[[int, int], asyncio.Task[None]], sound: Path) -> None:
        self._start = start
        self._sound = sound
        self._next_tick = 0
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, is_whole: bool = False) -> None:
        """Start on what has been written since; a last short span only when the file `is_whole`."""
        ticks = self._sound.stat().st_size // (2 * TICK_SAMPLES)
        for first, last in tick_spans(self._next_tick, ticks):
            if is_whole or last - first == LISTEN_SPAN_TICKS:
                self._tasks.append(self._start(first, last))
                self._next_tick = last

    def tell(self, report: Callable[[float], None]) -> None:
        """From now on, `report` the share of spans that are done."""

        def count(_task: object) -> None:
            report(sum(task.done() for task in self._tasks) / len(self._tasks))

        for task in self._tasks:
            task.add_done_callback(count)
