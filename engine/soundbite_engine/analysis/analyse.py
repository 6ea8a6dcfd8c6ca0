"""A recording to vectors and words: decoded once, then listened to, transcribed and described in parallel parts.

Everything heavy happens in worker processes, over a scratch folder; this module spreads the parts, joins what comes
back, and makes the items of the answer. Listening starts while the end of the file is still being decoded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from soundbite_engine.analysis.parts import (
    Embedding,
    Part,
    PartFacts,
    PartRecords,
    Settling,
    embeddings,
    joined_blocks,
    part_passages,
)
from soundbite_engine.analysis.progress import Meter, Progress
from soundbite_engine.analysis.work import Work, all_of, failing_as_one
from soundbite_engine.errors import EngineError, duration_exceeded
from soundbite_engine.profiles import Profile, base_profile
from soundbite_engine.sound.sound_blocks import Described
from soundbite_engine.speech.recognition import warnings_about, words_of
from soundbite_engine.speech.transcripts import Recognition, Transcript, Word, sayings, transcript
from soundbite_engine.speech.turns import Turn, with_speakers
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.plans import (
    BEGINNING_TICKS,
    PARTS_FROM_SEC,
    SAMPLE_RATE_HZ,
    TICK_SAMPLES,
    DecodeReport,
    Passage,
    Segment,
    TrackChoice,
    scratch_folder,
)
from soundbite_engine.workers.pool import WorkerPool

__all__ = ["Analysis", "AnalysisRequest", "Part", "PartRecords", "Progress", "analyse", "transcribe"]
# Rounding must not refuse a recording of exactly the longest length.
ROUNDING_SEC = 0.5
_log = logging.getLogger(__name__)


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
    track: TrackChoice = None

    spoken: tuple[Word, ...] | None = None
    """The words that are said, where they are known: then none is recognised."""

    @property
    def decoded_until_sec(self) -> float | None:
        """Where decoding may stop: what lies a second beyond `longest_sec` shows that it is longer."""
        bound = None if self.longest_sec is None else self.start_sec + self.longest_sec + 1.0
        return min((end for end in (self.end_sec, bound) if end is not None), default=None)

    @property
    def has_speech(self) -> bool:
        return "transcription" in self.options

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
    peaks: bytes = b""
    """As in `DecodeReport`."""


async def analyse(
    request: AnalysisRequest,
    pool: WorkerPool,
    on_progress: Callable[[Progress], None] | None = None,
    records: PartRecords | None = None,
) -> Analysis:
    """Segments, vectors and words of a window of a file.

    With `records` a long recording is analysed part by part: each is kept once it is done, and what an interrupted
    analysis has kept is not done again.

    Raises:
        MediaError: unreadable, no audio, no sound, too long, or the window begins past its end.
        WorkerError: a process that worked on it failed.
    """
    profile = request.profile
    async with scratch_folder() as folder:
        work = Work(pool, folder, profile, Meter(request.has_speech, on_progress))
        async with failing_as_one() as tasks:
            beginning = tasks.create_task(_beginning(work.of_beginning(), request, records))
            report = await work.decode_and_listen(
                request.media, request.start_sec, request.decoded_until_sec, request.track
            )
            longest_sec = request.longest_sec
            if longest_sec is not None and report.end_sec - report.start_sec > longest_sec + ROUNDING_SEC:
                raise duration_exceeded(None, longest_sec)
            part_by_part = _PartByPart(work, request, report)
            if not work.beginning.is_set():
                beginning.cancel()
            parts = await part_by_part.all(await work.plan(), records, beginning)
    recognition = Recognition.joined([part.facts.recognition for part in parts])
    spoken = await asyncio.to_thread(_Speech.of, recognition, work.language, part_by_part.turns)
    segments = [segment for part in parts for segment in part.facts.segments]
    spans = [(segment.start_sec, segment.end_sec) for segment in segments]
    *clips, whole = await asyncio.to_thread(sayings, spoken.transcript, [*spans, (spans[0][0], spans[-1][1])])
    sounds = [part.sounds for part in parts if part.sounds is not None]
    heard = Described.joined(sounds) if sounds else None
    speech = joined_blocks([part.speech_blocks for part in parts])
    vectors = embeddings(segments, clips, whole, heard, speech, request.wanted_options, request.scopes, profile.blocks)
    said = spoken.transcript if request.has_speech else None
    warnings = (*report.warnings, *(spoken.warnings if request.has_speech else ()))
    return Analysis(report.source_sec, report.start_sec, report.end_sec, vectors, said, warnings, report.peaks)


async def transcribe(
    media: MediaFile,
    pool: WorkerPool,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    profile: Profile | None = None,
    track: TrackChoice = None,
) -> Transcript:
    """The words of a window of a track of the file `media`.

    Raises:
        MediaError, WorkerError: as `analyse`.
    """
    async with scratch_folder() as folder:
        work = Work(pool, folder, profile or base_profile(), Meter(True, None))
        report = await work.decode_and_listen(media, start_sec, end_sec, track)
        passages = await work.plan()
        work.expect(passages, report)
        recognition, turns = await all_of(work.recognise(passages, report), work.speakers(passages, report))
        spoken = await asyncio.to_thread(_Speech.of, recognition, work.language, turns)
    await work.give_back_memory(report)
    return spoken.transcript


async def _beginning(work: Work, request: AnalysisRequest, records: PartRecords | None) -> Part | None:
    """The first part of a long recording, before the whole was listened to, and so without who speaks.

    None where it was made before, little is said at first, or it could not be made.
    """
    if records is None or records.earlier or not request.has_speech or request.spoken is not None:
        return None
    await work.beginning.wait()
    report = DecodeReport(BEGINNING_TICKS * TICK_SAMPLES, request.start_sec, 0.0, ())
    try:
        groups = part_passages(await work.plan(BEGINNING_TICKS))
        if len(groups) < 2:
            return None
        first = groups[0]
        recognition = await work.recognise(first, report)
        part = await _PartByPart(work, request, report).first(first, recognition, groups[1][0])
    except EngineError as exc:
        _log.info("The beginning was not made before the rest: %s", exc)
        return None
    await records.keep(part)
    return part


class _PartByPart:
    """The parts of one analysis, one after the other, while the words of the next ones are recognised."""

    def __init__(self, work: Work, request: AnalysisRequest, report: DecodeReport) -> None:
        self._work = work
        self._request = request
        self._report = report
        self._settling = Settling(report.start_sec, work.language)
        self.turns: tuple[Turn, ...] = ()
        self._windows = 0
        """So many segments of one length were given."""
        self._first_sec = report.start_sec

    async def first(self, passages: Sequence[Passage], recognition: Recognition, following: Passage) -> Part:
        """The first part alone; it is provisional."""
        part = await self._part(1, passages, recognition, following, None)
        return replace(part, facts=replace(part.facts, is_provisional=True))

    async def all(
        self, passages: tuple[Passage, ...], records: PartRecords | None, beginning: asyncio.Task[Part | None]
    ) -> list[Part]:
        """Every part; those of `records` as they are, and the others kept there, except for the last one.

        The words of the `beginning` are not recognised again.
        """
        has_speech, report = self._request.has_speech, self._report
        is_long = records is not None and report.end_sec - report.start_sec > PARTS_FROM_SEC
        whole: tuple[Passage, ...] = passages if has_speech else ()
        groups: list[Sequence[Passage]] = [*part_passages(whole)] if is_long and has_speech else [whole]
        spoken = [passage for group in groups for passage in group]
        self._first_sec = self._begin_of(spoken[0]) if spoken else report.start_sec
        self._work.expect(spoken, report, len(groups))
        parts: list[Part] = []
        # The first part waits for who speaks: that must not wait behind the words of all parts.
        self._work.is_beside = len(groups) > 1
        async with failing_as_one() as tasks:
            # Before the words, and of the whole: where a speaker begins a clip ends, so no part is final without them.
            speakers = tasks.create_task(self._speakers(spoken))
            await asyncio.wait([beginning])
            provisional = None if beginning.cancelled() else beginning.result()
            if records and records.has_provisional:
                provisional = records.earlier[0]
            first = 2 if provisional else 1
            earlier = [records.of_number(at, group) if records else None for at, group in enumerate(groups, first)]
            recognised = [
                tasks.create_task(self._recognise(at, group, known or (provisional if at == 1 else None), after))
                for at, (group, known, after) in enumerate(zip(groups, earlier, [*groups[1:], ()], strict=True), 1)
            ]
            for at, (group, known) in enumerate(zip(groups, earlier, strict=True), 1):
                recognition, is_last = await recognised[at - 1], at == len(groups)
                self.turns = self._settling.turns = await speakers
                following = groups[at][0] if not is_last else None
                part = await self._part(at + first - 1, group, recognition, following, known)
                if records and not is_last and part is not known:
                    await records.keep(part)
                parts.append(part)
        return parts

    def _begin_of(self, passage: Passage) -> float:
        first_sample, _ = passage[0]
        return self._report.start_sec + first_sample / SAMPLE_RATE_HZ

    async def _speakers(self, passages: Sequence[Passage]) -> tuple[Turn, ...]:
        words = self._request.spoken
        if words and any(word.speaker for word in words):
            return ()
        return await self._work.speakers(passages, self._report)

    def _known_words(self, passages: Sequence[Passage], after: Sequence[Passage]) -> Recognition:
        """The words that were given, from where a part begins to where the next one does."""
        is_first = not passages or self._begin_of(passages[0]) <= self._first_sec
        start_sec = self._report.start_sec if is_first else self._begin_of(passages[0])
        end_sec = self._begin_of(after[0]) if after else self._report.end_sec
        words = self._request.spoken or ()
        return Recognition(tuple(word for word in words if start_sec <= (word.start_sec + word.end_sec) / 2 < end_sec))

    async def _recognise(
        self, number: int, passages: Sequence[Passage], known: Part | None, after: Sequence[Passage]
    ) -> Recognition:
        if self._request.spoken is not None and self._request.has_speech:
            self._work.skip(passages)
            return self._known_words(passages, after)
        if known is not None and known.facts.passages == tuple(passages) and not self._work.is_begun_anew:
            self._work.skip(passages)
            return known.facts.recognition
        return await self._work.recognise(passages, self._report, number)

    async def _part(
        self,
        number: int,
        passages: Sequence[Passage],
        recognition: Recognition,
        following: Passage | None,
        known: Part | None,
    ) -> Part:
        request, report, is_last = self._request, self._report, following is None
        cut = await asyncio.to_thread(self._settling.take, recognition, is_last=is_last)
        segments: Sequence[Segment] = ()
        if following is None or request.strategy == "fixed" or cut.clips:
            segments = await self._work.segments(
                report, request.strategy, request.duration_sec, cut if request.has_speech else None
            )
        if request.strategy == "fixed":
            until_sec = self._begin_of(following) if following is not None else report.end_sec
            windows = segments[self._windows :]
            segments = windows if is_last else [window for window in windows if window.end_sec <= until_sec]
            self._windows += len(segments)
        settled = await asyncio.to_thread(self._settling.settle, segments, is_last=is_last)
        if known is not None and known.facts.segments == settled.segments and known.facts.sayings == settled.sayings:
            return known
        sounds = speech = None
        if settled.segments and "audio" in request.options:
            sounds = await self._work.describe(settled.segments, report, number)
        if settled.segments and request.has_speech:
            speech = settled.own(await self._work.embed_clips(settled.surrounded))
        if is_last:
            await self._work.give_back_memory(report)
        facts = PartFacts(
            tuple(passages),
            recognition,
            settled.segments,
            settled.sayings,
            settled.transcript,
            settled.until_sec,
            sounds.names if sounds else None,
        )
        return Part(number, facts, sounds.blocks if sounds else None, speech)


@dataclass(frozen=True)
class _Speech:
    """What is said in a window: its transcript, and what is to be told about it."""

    transcript: Transcript
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, recognition: Recognition, language: str, turns: Sequence[Turn]) -> _Speech:
        """That of all words; `language` is the recogniser's only one, or empty."""
        words = with_speakers(words_of(recognition, language), turns)
        return cls(transcript(words), warnings_about(recognition, language))
