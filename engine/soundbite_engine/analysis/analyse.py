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

from soundbite_engine.analysis.items import Embedding, embeddings
from soundbite_engine.analysis.progress import Meter, Progress, Stage
from soundbite_engine.errors import duration_exceeded
from soundbite_engine.profiles import Profile, base_profile
from soundbite_engine.sound.described import Described
from soundbite_engine.space import Floats
from soundbite_engine.speech.doubts import warnings_about, words_of
from soundbite_engine.speech.transcripts import Recognition, Sentence, Transcript, clip_runs, sayings, transcript
from soundbite_engine.speech.turns import Turn, with_speakers
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.plans import (
    LISTEN_SPAN_TICKS,
    SOUND_FILE,
    TICK_SAMPLES,
    DecodeReport,
    Passage,
    Segment,
    Span,
    segment_batches,
    tick_spans,
)
from soundbite_engine.workers.pool import WorkerPool
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

    media: MediaFile
    profile: Profile = field(default_factory=base_profile)
    start_sec: float = 0.0
    end_sec: float | None = None
    strategy: Literal["fixed", "natural"] = "fixed"
    duration_sec: int = 6
    options: tuple[str, ...] = ("audio", "transcription")
    scopes: tuple[str, ...] = ("clip", "asset")
    types: tuple[str, ...] = ("separate_embedding",)
    longest_sec: float | None = None
    track: int | None = None
    """The number of an audio track, from 1; None is the one that a player would take."""

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
        report = await work.decode_and_listen(
            request.media, request.start_sec, request.decoded_until_sec, request.track
        )
        if request.longest_sec is not None and report.end_sec - report.start_sec > request.longest_sec + ROUNDING_SEC:
            raise duration_exceeded(None, request.longest_sec)
        passages = await work.plan()
        spoken = await work.recognise(passages, report) if has_speech else None
        segments = await work.segments(report, request, spoken.clips if spoken else None)
        sounds = await work.describe(segments, report) if has_sound else None
        await _give_back_memory(pool, report)
        spans = [(segment.start_sec, segment.end_sec) for segment in segments]
        texts = spoken.transcript if spoken else Transcript((), ())
        *parts, whole = await asyncio.to_thread(sayings, texts, [*spans, (spans[0][0], spans[-1][1])])
        speech = await work.embed_clips(parts) if has_speech else None
    vectors = embeddings(segments, parts, whole, sounds, speech, request.wanted_options, request.scopes, profile.blocks)
    warnings = (*report.warnings, *(spoken.warnings if spoken else ()))
    said = spoken.transcript if spoken else None
    return Analysis(report.source_sec, report.start_sec, report.end_sec, vectors, said, warnings)


async def transcribe(
    media: MediaFile,
    pool: WorkerPool,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    profile: Profile | None = None,
) -> Transcript:
    """The words of a window of the file `media`.

    Raises:
        MediaError, WorkerError: as `analyse`.
    """
    async with scratch_folder() as folder:
        work = _Work(pool, folder, profile or base_profile(), Meter(True, on_progress))
        report = await work.decode_and_listen(media, start_sec, end_sec)
        spoken = await work.recognise(await work.plan(), report)
    await _give_back_memory(pool, report)
    return spoken.transcript


async def _give_back_memory(pool: WorkerPool, report: DecodeReport) -> None:
    if report.end_sec - report.start_sec >= LONG_SEC:
        await pool.retire_idle()


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


_Job = tuple[Any, ...]
"""The name of a worker job, and what it takes after the scratch folder."""


class _Work:
    """One analysis: its scratch folder, its share of the pool, its progress."""

    def __init__(self, pool: WorkerPool, folder: Path, profile: Profile, meter: Meter) -> None:
        self._pool = pool
        self._folder = str(folder)
        self._sound = folder / SOUND_FILE
        self._profile = profile
        self._source: MediaFile = ""
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

    async def decode_and_listen(
        self, media: MediaFile, start_sec: float, end_sec: float | None, track: int | None = None
    ) -> DecodeReport:
        """Decode the window to the scratch file, and listen to each span of it as soon as it is there."""
        self._source = media
        self._meter.expect("decoding", 2)
        decoded = self._meter.part("decoding", "decode")
        async with _failing_as_one() as group:
            listening = _Listening(lambda first, last: group.create_task(self._listen(first, last)), self._sound)

            def on_decoded(fraction: float) -> None:
                decoded(fraction)
                listening.follow()

            report: DecodeReport = await self._run(
                "decode",
                media,
                str(self._sound),
                start_sec,
                end_sec,
                track,
                on_progress=on_decoded,
                timeout_s=DECODE_TIMEOUT_S,
            )
            listening.follow(is_whole=True)
            listening.tell(self._meter.part("decoding", "listen"))
        return report

    async def _listen(self, first_tick: int, last_tick: int) -> None:
        await self._run("listen", self._folder, first_tick, last_tick, timeout_s=PART_TIMEOUT_S)

    async def plan(self) -> tuple[Passage, ...]:
        """What the recogniser is to be given of what was listened to."""
        passages: tuple[Passage, ...] = await self._run("plan", self._folder, timeout_s=PART_TIMEOUT_S)
        return passages

    async def recognise(self, passages: Sequence[Passage], report: DecodeReport) -> _Speech:
        """What is said, passages side by side."""
        recogniser, voices = self._profile.recogniser, self._profile.voices
        arguments = (report.start_sec, str(recogniser.folder), recogniser.language)
        jobs: list[_Job] = [("recognise", (passage,), *arguments) for passage in passages]
        turns: tuple[Turn, ...] = ()
        if voices is not None:
            spans = tick_spans(0, -(-report.sample_count // TICK_SAMPLES)) if passages else []
            jobs += [("hear_voices", *span, str(voices.folder)) for span in spans]
        parts = (await self._spread("transcribing", jobs))[: len(passages)]
        if voices is not None and passages:
            turns = await self._run("tell_speakers", self._folder, report.start_sec, timeout_s=PART_TIMEOUT_S)
        return await asyncio.to_thread(_Speech.of, Recognition.joined(parts), recogniser.language, turns)

    async def segments(
        self, report: DecodeReport, request: AnalysisRequest, clips: Sequence[Span] | None
    ) -> tuple[Segment, ...]:
        """The spans that get vectors; `clips` are those of the speech, where that is known."""
        cut = (report.start_sec, report.end_sec, request.strategy, request.duration_sec, clips)
        segments: tuple[Segment, ...] = await self._run("segment", self._folder, *cut, timeout_s=PART_TIMEOUT_S)
        return segments

    async def describe(self, segments: Sequence[Segment], report: DecodeReport) -> Described:
        """How all segments sound, batches side by side."""
        parts, sounds = segment_batches(segments), self._profile.sounds
        arguments = (report.start_sec, *sounds.arguments(self._source))
        return Described.joined(await self._spread("embedding", [(sounds.job, part, *arguments) for part in parts]))

    async def _spread(self, stage: Stage, jobs: Sequence[_Job]) -> list[Any]:
        self._meter.expect(stage, len(jobs))
        return await _all(
            *(
                self._run(
                    job, self._folder, *part, on_progress=self._meter.part(stage, index), timeout_s=PART_TIMEOUT_S
                )
                for index, (job, *part) in enumerate(jobs)
            )
        )

    async def embed_clips(self, clips: Sequence[Sentence]) -> Floats:
        """The speech blocks of `clips` (clips, speech block); zeros where nothing is said."""
        folder = str(self._profile.texts.folder)
        blocks: Floats = await self._run("embed_clips", list(clips), folder, timeout_s=PART_TIMEOUT_S)
        return blocks


@dataclass(frozen=True)
class _Speech:
    """What is said in a window: its transcript, the spans of its clips, and what is to be told about it."""

    transcript: Transcript
    clips: tuple[Span, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, recognition: Recognition, language: str, turns: Sequence[Turn]) -> _Speech:
        """That of all words; `language` is the recogniser's only one, or empty."""
        words = transcript(with_speakers(words_of(recognition, language), turns))
        clips = tuple((run[0].start_sec, run[-1].end_sec) for run in clip_runs(words.words))
        return cls(words, clips, warnings_about(recognition, language))


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
