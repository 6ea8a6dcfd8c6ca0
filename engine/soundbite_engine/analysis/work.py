"""The work of one analysis: its jobs in worker processes, over a scratch folder they share, and how far it is."""

from __future__ import annotations

import asyncio
import copy
import heapq
import itertools
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from soundbite_api.turns import claimed
from soundbite_engine.analysis.parts import Cut
from soundbite_engine.analysis.progress import Meter
from soundbite_engine.errors import EngineError, WorkerError
from soundbite_engine.profiles import Profile
from soundbite_engine.sound.sound_blocks import Described, Floats
from soundbite_engine.speech.transcripts import Recognition, Sentence
from soundbite_engine.speech.turns import Turn
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.plans import (
    BEGINNING_TICKS,
    LISTEN_SPAN_TICKS,
    PARTS_FROM_SEC,
    PASSAGE_BATCH,
    SOUND_FILE,
    TICK_SAMPLES,
    TICK_SEC,
    DecodeReport,
    Passage,
    Segment,
    TrackChoice,
    segment_batches,
    tick_spans,
)
from soundbite_engine.workers.pool import KILLED_TRIES, WorkerPool

_log = logging.getLogger(__name__)
DECODE_TIMEOUT_S = 1800.0
PART_TIMEOUT_S = 600.0
# After so much sound its workers end, and what they hold, a recogniser each, is the store's that is about to write.
LONG_SEC = 900.0
# In this order a recording's jobs take turns: its beginning, the whole, who speaks, then the words part by part.
_BEGINNING, _WHOLE, _SPEAKERS = range(3)


@asynccontextmanager
async def failing_as_one() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group whose first failure ends the others and is raised itself, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None


async def all_of(*parts: Coroutine[Any, Any, Any]) -> list[Any]:
    """The results of `parts`, run side by side."""
    async with failing_as_one() as group:
        tasks = [group.create_task(part) for part in parts]
    return [task.result() for task in tasks]


async def warm_up(pool: WorkerPool, profile: Profile) -> None:
    """Have each worker load the models of a profile, which takes seconds; what is heard first need not wait for it."""
    texts, recogniser = profile.texts, profile.recogniser
    folders = (str(recogniser.folder), recogniser.language, str(texts.folder))
    voices = str(profile.voices.folder) if profile.voices else ""
    jobs = [pool.run("load_models", *folders, voices, timeout_s=PART_TIMEOUT_S) for _ in range(pool.size)]
    for failure in await asyncio.gather(*jobs, return_exceptions=True):
        if isinstance(failure, EngineError):
            _log.info("A worker is not ready yet: %s", failure)  # the job that needs the models says it again


class _Share:
    """So many jobs at once; of those that wait the lowest rank is next, and of one rank the one that came first."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    @asynccontextmanager
    async def place(self, rank: int) -> AsyncIterator[None]:
        """Wait for a place, and have it until the end of the block."""
        if self._free:
            self._free -= 1
        else:
            given = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (rank, next(self._numbers), given))
            try:
                await given
            except asyncio.CancelledError:
                if given.done() and not given.cancelled():
                    self._leave()  # it came in the same instant: it is handed on
                raise
        try:
            yield
        finally:
            self._leave()

    def _leave(self) -> None:
        while self._waiting:
            _, _, given = heapq.heappop(self._waiting)
            if not given.done():
                given.set_result(None)
                return
        self._free += 1


class Work:
    """One analysis: its scratch folder, its share of the pool, its progress."""

    def __init__(self, pool: WorkerPool, folder: Path, profile: Profile, meter: Meter) -> None:
        self._pool = pool
        self._folder = str(folder)
        self._sound = folder / SOUND_FILE
        self._profile = profile
        self._source: MediaFile = ""
        self._track: TrackChoice = None
        self._meter = meter
        # No more parts queued than there are workers: those of hours would be hundreds.
        self._share = _Share(pool.size)
        self._first_rank = _WHOLE
        self._tries = 0
        self.beginning = asyncio.Event()
        """Set once `BEGINNING_TICKS` of what turns out to be long were listened to."""
        self.is_beside = False
        """Whether segments, sounds and texts take a process of their own: words are recognised in the others."""

    def of_beginning(self) -> Work:
        """The same for what goes before everything else, and counts for nothing: it gives way to what comes later."""
        work = copy.copy(self)
        work._meter, work._first_rank, work.is_beside = Meter(True, None), _BEGINNING, True
        return work

    @property
    def is_begun_anew(self) -> bool:
        """Whether the whole had to be decoded more than once."""
        return self._tries > 1

    @property
    def language(self) -> str:
        """The only one of the recogniser, or empty."""
        return self._profile.recogniser.language

    async def _run(
        self,
        job: str,
        *args: object,
        on_progress: Callable[[float], None] | None = None,
        timeout_s: float,
        tries: int = KILLED_TRIES,
        rank: int = _WHOLE,
    ) -> Any:
        async with self._share.place(min(rank, self._first_rank)):
            with claimed(work=self._folder):
                result = await self._pool.run(job, *args, timeout_s=timeout_s, on_progress=on_progress, tries=tries)
        if on_progress is not None:
            on_progress(1.0)
        return result

    async def _run_light(
        self, job: str, *args: object, on_progress: Callable[[float], None] | None = None, timeout_s: float
    ) -> Any:
        if not self.is_beside:
            return await self._run(job, *args, on_progress=on_progress, timeout_s=timeout_s)
        pool = await self._pool.beside()
        return await pool.run(job, *args, timeout_s=timeout_s, on_progress=on_progress)

    async def decode_and_listen(
        self, media: MediaFile, start_sec: float, end_sec: float | None, track: TrackChoice = None
    ) -> DecodeReport:
        """Decode the window to the scratch file, and listen to each span of it as soon as it is there.

        Where its process is killed both begin anew: the file is written from its beginning.
        """
        for attempt in range(1, KILLED_TRIES + 1):
            self._tries = attempt
            try:
                return await self._decode_and_listen(media, start_sec, end_sec, track)
            except WorkerError as exc:
                if exc.code != "worker_killed" or attempt == KILLED_TRIES:
                    raise
        raise AssertionError("it is decoded at least once")

    async def _decode_and_listen(
        self, media: MediaFile, start_sec: float, end_sec: float | None, track: TrackChoice
    ) -> DecodeReport:
        self._source, self._track = media, track
        self._meter.expect("decoding", 2)
        decoded = self._meter.part("decoding", "decode")
        async with failing_as_one() as group:
            listening = _Listening(
                lambda first, last: group.create_task(self._listen(first, last)), self._sound, self.beginning
            )

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
                tries=1,
            )
            listening.follow(is_whole=True)
            listening.tell(self._meter.part("decoding", "listen"))
        return report

    async def _listen(self, first_tick: int, last_tick: int) -> None:
        await self._run("listen", self._folder, first_tick, last_tick, timeout_s=PART_TIMEOUT_S)

    async def give_back_memory(self, report: DecodeReport) -> None:
        """Have the workers that wait end, after a long recording."""
        if report.end_sec - report.start_sec >= LONG_SEC:
            await self._pool.retire_idle()

    async def plan(self, end_tick: int | None = None) -> tuple[Passage, ...]:
        """What the recogniser is to be given of what was listened to, or of what comes before `end_tick`."""
        passages: tuple[Passage, ...] = await self._run("plan", self._folder, end_tick, timeout_s=PART_TIMEOUT_S)
        return passages

    def expect(self, passages: Sequence[Passage], report: DecodeReport, parts: int = 1) -> None:
        """Tell how much is to be done; none of it is yet."""
        self._meter.expect("transcribing", len(passages) + len(self._voice_spans(passages, report)))
        self._meter.expect("embedding", parts)

    def skip(self, passages: Sequence[Passage]) -> None:
        """Tell that these are recognised already."""
        self._recognised(passages)(1.0)

    def _recognised(self, passages: Sequence[Passage]) -> Callable[[float], None]:
        parts = [self._meter.part("transcribing", passage) for passage in passages]

        def report(fraction: float) -> None:
            for part in parts:
                part(fraction)

        return report

    async def speakers(self, passages: Sequence[Passage], report: DecodeReport) -> tuple[Turn, ...]:
        """Who speaks when in the whole; nothing where the profile can't tell."""
        voices, spans = self._profile.voices, self._voice_spans(passages, report)
        if voices is None or not spans:
            return ()
        jobs = [
            self._run(
                "hear_voices",
                self._folder,
                *span,
                str(voices.folder),
                on_progress=self._meter.part("transcribing", span),
                timeout_s=PART_TIMEOUT_S,
                rank=_SPEAKERS,
            )
            for span in spans
        ]
        await all_of(*jobs)
        turns: tuple[Turn, ...] = await self._run_light(
            "tell_speakers", self._folder, report.start_sec, timeout_s=PART_TIMEOUT_S
        )
        return turns

    def _voice_spans(self, passages: Sequence[Passage], report: DecodeReport) -> list[tuple[int, int]]:
        is_told = bool(passages) and self._profile.voices is not None
        return tick_spans(0, -(-report.sample_count // TICK_SAMPLES)) if is_told else []

    async def recognise(self, passages: Sequence[Passage], report: DecodeReport, part: int = 1) -> Recognition:
        """What is said in a part, some passages at a time, and those side by side."""
        size = min(PASSAGE_BATCH, -(-len(passages) // 2))  # a short recording is spread over two processes
        recogniser = self._profile.recogniser
        hotwords = await asyncio.to_thread(recogniser.hotwords)
        model = (report.start_sec, str(recogniser.folder), recogniser.language, hotwords)
        jobs = [
            self._run(
                "recognise",
                self._folder,
                batch,
                *model,
                on_progress=self._recognised(batch),
                timeout_s=PART_TIMEOUT_S,
                rank=_SPEAKERS + part,
            )
            for batch in (tuple(passages[at : at + size]) for at in range(0, len(passages), max(size, 1)))
        ]
        return Recognition.joined(await all_of(*jobs))

    async def segments(
        self, report: DecodeReport, strategy: Literal["fixed", "natural"], duration_sec: int, cut: Cut | None
    ) -> tuple[Segment, ...]:
        """The spans that get vectors; `cut` says where the clips of speech are, where that is known."""
        wanted = (report.start_sec, report.end_sec, strategy, duration_sec)
        where = (cut.clips, cut.begin_tick, cut.is_last) if cut else (None,)
        segments: tuple[Segment, ...] = await self._run_light(
            "segment", self._folder, *wanted, *where, timeout_s=PART_TIMEOUT_S
        )
        return segments

    async def describe(self, segments: Sequence[Segment], report: DecodeReport, part: int = 1) -> Described:
        """How all segments of a part sound, batches side by side."""
        batches, sounds = segment_batches(segments), self._profile.sounds
        arguments = (report.start_sec, *sounds.arguments(self._source, self._track))
        tell, done = self._meter.part("embedding", part), [0.0] * len(batches)

        def progress_of(index: int) -> Callable[[float], None]:
            def report_batch(fraction: float) -> None:
                done[index] = fraction
                tell(sum(done) / len(done))

            return report_batch

        jobs = [
            self._run_light(
                sounds.job, self._folder, batch, *arguments, on_progress=progress_of(at), timeout_s=PART_TIMEOUT_S
            )
            for at, batch in enumerate(batches)
        ]
        return Described.joined(await all_of(*jobs))

    async def embed_clips(self, clips: Sequence[Sentence]) -> Floats:
        """The speech blocks of `clips` (clips, speech block); zeros where nothing is said."""
        folder = str(self._profile.texts.folder)
        blocks: Floats = await self._run_light("embed_clips", list(clips), folder, timeout_s=PART_TIMEOUT_S)
        return blocks


class _Listening:
    """Hands out the spans of a scratch file that grows."""

    def __init__(self, start: Callable[[int, int], asyncio.Task[None]], sound: Path, beginning: asyncio.Event) -> None:
        self._start = start
        self._sound = sound
        self._beginning = beginning
        self._next_tick = 0
        self._tasks: list[asyncio.Task[None]] = []

    def follow(self, is_whole: bool = False) -> None:
        """Start on what has been written since; a last short span only when the file `is_whole`."""
        ticks = self._sound.stat().st_size // (2 * TICK_SAMPLES)
        for first, last in tick_spans(self._next_tick, ticks):
            if is_whole or last - first == LISTEN_SPAN_TICKS:
                self._tasks.append(self._start(first, last))
                self._tasks[-1].add_done_callback(self._note_beginning)
                self._next_tick = last
        self._note_beginning()

    def _note_beginning(self, _task: object = None) -> None:
        first = self._tasks[: BEGINNING_TICKS // LISTEN_SPAN_TICKS]
        is_heard = all(task.done() and not task.cancelled() and task.exception() is None for task in first)
        if is_heard and self._next_tick * TICK_SEC > PARTS_FROM_SEC:
            self._beginning.set()

    def tell(self, report: Callable[[float], None]) -> None:
        """From now on, `report` the share of spans that are done."""

        def count(_task: object) -> None:
            report(sum(task.done() for task in self._tasks) / len(self._tasks))

        for task in self._tasks:
            task.add_done_callback(count)
