"""The parts of the evaluation, run one after another over one folder."""

import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from evalset import EvalSet, Query, Recording
from library import Library, call, embed_all
from mcp import Client
from models import chosen_models
from progress_line import progress_line
from range_fit import RangeFit, range_fit
from ranking import RankSummary, summarise
from rejection import Rejection, best_scores, rejection, scores_without_answers
from scenes import Scene, scenes
from segment_fit import Fit, segment_fit
from sound_vectors import Likeness, Naming, likeness, naming, sound_vectors
from speed import Speed, speech_speed
from words import spoken_words, word_errors

from soundbite_server import Settings, build_server

PARTS = ("retrieval", "wer", "rejection", "likeness", "names", "segments", "ranges", "speed")
QUERY_KINDS = ("verbatim", "keywords", "paraphrase")
NOISE_DB = (20.0, 10.0, 0.0)
TOP_K = 20


@dataclass
class Report:
    """Everything measured; what was not stays empty, and `skipped` says why where it was asked for.

    `kinds` maps a kind of query to its ranks, `wer_by_source` a source to (errors, words said).
    """

    profile: str = "base"
    recordings: int = 0
    audio_seconds: float = 0.0
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    rtf: float | None = None
    kinds: dict[str, RankSummary] = field(default_factory=dict)
    wer_by_source: dict[str, tuple[int, int]] = field(default_factory=dict)
    rejection: Rejection | None = None
    likeness: Likeness | None = None
    names: dict[str, Naming] = field(default_factory=dict)
    segments: dict[str, dict[str, Fit]] = field(default_factory=dict)
    ranges: dict[str, RangeFit] = field(default_factory=dict)
    speed: Speed | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def wer(self) -> float | None:
        """Errors over words said, in all recordings with a transcript; None when there are none."""
        said = sum(words for _, words in self.wer_by_source.values())
        return sum(errors for errors, _ in self.wer_by_source.values()) / said if said else None


async def measure(eval_set: EvalSet, parts: Sequence[str], profile: str, seeds: int) -> Report:
    """Measure the parts that were asked for."""
    report = Report(profile)
    if {"retrieval", "wer", "rejection"} & set(parts):
        await _measure_library(eval_set, parts, report)
    if {"likeness", "names"} & set(parts):
        await _measure_sounds(eval_set, parts, report)
    if {"segments", "ranges"} & set(parts):
        made = [scene for seed in range(seeds) for scene in scenes(eval_set, seed, NOISE_DB)]
        await _measure_scenes(made, parts, report)
    if "speed" in parts:
        speech = [recording for recording in eval_set.recordings if recording.is_speech]
        report.speed = await speech_speed(eval_set, speech, profile)
    return report


async def _measure_library(eval_set: EvalSet, parts: Sequence[str], report: Report) -> None:
    """One library of the whole folder, or of its speech where only the transcripts are wanted."""
    is_whole = {"retrieval", "rejection"} & set(parts)
    recordings = [each for each in eval_set.recordings if is_whole or each.is_speech]
    with tempfile.TemporaryDirectory(prefix="soundbite-quality-") as folder:
        home = Path(folder) / "home"
        settings = Settings(
            home=home,
            roots=(eval_set.folder,),
            log_level="WARNING",
            profile=report.profile,
            models_folder=chosen_models().folder,
        )
        async with Client(build_server(settings)) as client:
            library = await _embedded(client, eval_set, recordings, report)
            if not library.asset_ids:
                return  # the failures say why
            if "retrieval" in parts:
                report.kinds = await _ranks(client, eval_set, library)
            if "wer" in parts:
                report.wer_by_source = await _word_errors(client, recordings, library)
            kept = await best_scores(client, eval_set.queries) if "rejection" in parts else []
        if kept:
            asked = await scores_without_answers(settings, eval_set, library, Path(folder) / "copies")
            report.rejection = rejection(kept, asked)


async def _embedded(client: Client, eval_set: EvalSet, recordings: Sequence[Recording], report: Report) -> Library:
    with progress_line(len(recordings)) as on_done:
        library = await embed_all(client, eval_set.folder, [each.path for each in recordings], on_done)
    report.recordings, report.failures = len(library.asset_ids), library.failures
    report.audio_seconds = sum(each.seconds for each in recordings)
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


async def _word_errors(client: Client, recordings: Sequence[Recording], library: Library) -> dict[str, tuple[int, int]]:
    errors: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for recording in recordings:
        if recording.is_speech and recording.path in library.asset_ids:
            spoken = spoken_words(recording.transcript)
            heard = await _recognised(client, library.asset_ids[recording.path], recording.seconds)
            errors[recording.source] += word_errors(spoken, spoken_words(heard))
            said[recording.source] += len(spoken)
    return {source: (errors[source], words) for source, words in said.items()}


async def _recognised(client: Client, asset_id: str, seconds: float) -> str:
    clip = await call(client, "get_clip", asset_id=asset_id, start_sec=0, end_sec=seconds)
    return str(clip.get("text", ""))


async def _measure_sounds(eval_set: EvalSet, parts: Sequence[str], report: Report) -> None:
    sounds = [recording for recording in eval_set.recordings if recording.is_sound]
    wanted = set(parts)
    if "names" in wanted and report.profile == "base":
        report.skipped["names"] = "the base profile knows a few plain words for sounds only; choose --profile sounds."
        wanted.discard("names")
    if not sounds or not wanted & {"likeness", "names"}:
        return
    vectors = await sound_vectors(eval_set, sounds, report.profile)
    if "likeness" in wanted:
        report.likeness = likeness(sounds, vectors)
    if "names" in wanted:
        folded = [index for index, sound in enumerate(sounds) if sound.fold]
        in_folds = naming([sounds[index] for index in folded], vectors[folded], report.profile)
        everything = naming(sounds, vectors, report.profile)
        report.names = {name: found for name, found in (("folds", in_folds), ("all", everything)) if found}


async def _measure_scenes(made: Sequence[Scene], parts: Sequence[str], report: Report) -> None:
    if "segments" in parts:
        report.segments = await segment_fit(made)
    if "ranges" in parts:
        report.ranges = await range_fit(made, report.profile)
