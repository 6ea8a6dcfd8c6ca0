"""The parts of the evaluation, run one after another over one folder."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acoustics.range_fit import RangeFit, range_fit
from acoustics.scenes import Scene, scenes
from acoustics.segment_fit import Fit, segment_fit
from acoustics.sound_vectors import Likeness, Naming, likeness, naming, sound_vectors
from machine.progress_line import progress_line
from machine.speed import Speed, speech_speed
from mcp import Client
from retrieval.embedded_library import Library, call, embed_all, settings_for
from retrieval.evaluation_set import EvalSet, Query, Recording
from retrieval.human_words import human_words
from retrieval.long_answers import LongReport, long_answers
from retrieval.meetings import meeting_ranks
from retrieval.passages import LongSet
from retrieval.ranking import RankSummary, summarise
from retrieval.rejection import Rejection, best_scores, rejection, scores_without_answers
from retrieval.word_errors import Invented, WordErrors, errors_in, errors_through, invented_words

from soundbite_server import build_server

PARTS = (
    "retrieval",
    "wer",
    "rejection",
    "invented",
    "long",
    "likeness",
    "names",
    "segments",
    "ranges",
    "speed",
    "meetings",
)
QUERY_KINDS = ("verbatim", "keywords", "paraphrase")
NOISE_DB = (20.0, 10.0, 0.0)
TOP_K = 20
CLEAN = "clean"
RECOGNISED, HUMAN = "recognised", "human"


@dataclass(frozen=True)
class Order:
    """What to measure: parts by name, and how; `meetings` is a file of meetings as text, where it is measured."""

    parts: tuple[str, ...]
    profile: str = "base"
    seeds: int = 1
    is_phone: bool = False
    noise_db: tuple[float, ...] = ()
    is_true_text: bool = False
    meetings: Path | None = None

    def wants(self, *parts: str) -> bool:
        """Whether any of these parts is to be measured."""
        return not set(parts).isdisjoint(self.parts)


@dataclass
class Report:
    """Everything measured; what was not stays empty, and `skipped` says why where it was asked for.

    `kinds` maps a kind of query to its ranks, `words` a line (clean, phone, noise) to its errors, `long` the text
    searched (recognised, human) to its figures.
    """

    profile: str = "base"
    recordings: int = 0
    audio_seconds: float = 0.0
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    rtf: float | None = None
    kinds: dict[str, RankSummary] = field(default_factory=dict)
    words: dict[str, WordErrors] = field(default_factory=dict)
    rejection: Rejection | None = None
    invented: Invented | None = None
    long: dict[str, LongReport] = field(default_factory=dict)
    likeness: Likeness | None = None
    names: dict[str, Naming] = field(default_factory=dict)
    segments: dict[str, dict[str, Fit]] = field(default_factory=dict)
    ranges: dict[str, RangeFit] = field(default_factory=dict)
    speed: Speed | None = None
    meetings: RankSummary | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


async def measure(eval_set: EvalSet, long_set: LongSet | None, order: Order) -> Report:
    """Measure what was asked for."""
    report = Report(order.profile)
    if order.wants("retrieval", "wer", "rejection", "invented"):
        await _measure_library(eval_set, order, report)
    if order.wants("wer"):
        report.words |= await errors_through(eval_set, order.profile, is_phone=order.is_phone, noise_db=order.noise_db)
    if order.wants("long"):
        await _measure_long(long_set, order, report)
    if order.wants("likeness", "names"):
        await _measure_sounds(eval_set, order, report)
    if order.wants("segments", "ranges"):
        made = [scene for seed in range(order.seeds) for scene in scenes(eval_set, seed, NOISE_DB)]
        await _measure_scenes(made, order, report)
    if order.wants("speed"):
        report.speed = await speech_speed(eval_set, eval_set.speech, order.profile)
    if order.wants("meetings"):
        if order.meetings:
            report.meetings = await meeting_ranks(order.meetings, order.profile)
        else:
            report.skipped["meetings"] = "name the file of meetings with --text-only."
    return report


async def _measure_library(eval_set: EvalSet, order: Order, report: Report) -> None:
    """One library of the whole folder, or of its speech or sounds where no more is wanted."""
    recordings = eval_set.recordings
    if not order.wants("retrieval", "rejection"):
        wanted = {"wer": eval_set.speech, "invented": eval_set.sounds}
        recordings = tuple(recording for part in wanted if order.wants(part) for recording in wanted[part])
    with tempfile.TemporaryDirectory(prefix="soundbite-quality-") as folder:
        made = Path(folder).resolve() / "made"
        made.mkdir()
        settings = settings_for(Path(folder) / "home", eval_set.folder, order.profile)
        settings = settings.model_copy(update={"roots": (eval_set.folder, made)})
        async with Client(build_server(settings)) as client:
            library = await _embedded(client, eval_set, recordings, report)
            if not library.asset_ids:
                return  # the failures say why
            if order.wants("retrieval"):
                report.kinds = await _ranks(client, eval_set, library)
            if order.wants("wer"):
                report.words[CLEAN] = await errors_in(client, eval_set.speech, library)
            scores = await best_scores(client, eval_set.queries) if order.wants("rejection") else []
            # Last, since it adds recordings to the library.
            if order.wants("invented"):
                report.invented = await invented_words(client, eval_set, library, made)
        if scores:
            asked = await scores_without_answers(settings, eval_set, library, Path(folder) / "copies")
            report.rejection = rejection(scores, asked)


async def _embedded(client: Client, eval_set: EvalSet, recordings: Sequence[Recording], report: Report) -> Library:
    with progress_line(len(recordings)) as on_done:
        library = await embed_all(client, eval_set.folder, [recording.path for recording in recordings], on_done)
    report.recordings, report.failures = len(library.asset_ids), library.failures
    report.audio_seconds = sum(recording.seconds for recording in recordings)
    report.rtf = library.wall_seconds / report.audio_seconds
    return library


async def _ranks(client: Client, eval_set: EvalSet, library: Library) -> dict[str, RankSummary]:
    ranks = {query: await rank_of(client, library, query) for query in eval_set.queries}
    asked = [kind for kind in QUERY_KINDS if any(query.kind == kind for query in ranks)]
    return {kind: summarise([rank for query, rank in ranks.items() if query.kind == kind]) for kind in asked}


async def rank_of(client: Client, library: Library, query: Query) -> int | None:
    """Rank, from 1, of the first clip of the recording that answers the query."""
    answer = await call(client, "search_clips", query=query.text, top_k=TOP_K)
    wanted = library.asset_ids.get(query.path)
    ranks = (rank for rank, clip in enumerate(answer["clips"], start=1) if clip["asset_id"] == wanted)
    return next(ranks, None)


async def _measure_long(long_set: LongSet | None, order: Order, report: Report) -> None:
    if long_set is None:
        report.skipped["long"] = "the folder has no folder `long`."
        return
    report.long[RECOGNISED] = await long_answers(long_set, order.profile)
    if order.is_true_text:
        with human_words(long_set):
            report.long[HUMAN] = await long_answers(long_set, order.profile)


async def _measure_sounds(eval_set: EvalSet, order: Order, report: Report) -> None:
    sounds = eval_set.sounds
    wants_names = order.wants("names")
    if wants_names and order.profile == "base":
        report.skipped["names"] = "the base profile knows a few plain words for sounds only; choose --profile sounds."
        wants_names = False
    if not sounds or not (wants_names or order.wants("likeness")):
        return
    vectors = await sound_vectors(eval_set, sounds, order.profile)
    if order.wants("likeness"):
        report.likeness = likeness(sounds, vectors)
    if wants_names:
        folded = [index for index, sound in enumerate(sounds) if sound.fold]
        in_folds = naming([sounds[index] for index in folded], vectors[folded], order.profile)
        everything = naming(sounds, vectors, order.profile)
        report.names = {name: figures for name, figures in (("folds", in_folds), ("all", everything)) if figures}


async def _measure_scenes(made: Sequence[Scene], order: Order, report: Report) -> None:
    if order.wants("segments"):
        report.segments = await segment_fit(made)
    if order.wants("ranges"):
        report.ranges = await range_fit(made, order.profile)
