"""Questions about long recordings, asked through search_clips: whether the passage that answers them comes first.

An answer is right where its time range overlaps the passage's range in the same recording, by however little; its rank
is that of the first right answer among the first 20. IoU is how well the range of a right first answer fits the
passage.
The folds are the recordings that are asked about: the spread over them tells how much a figure owes to one recording.

Refused is a question without an answer whose best answer scores below the threshold that 95 % of the others reach
(`by_score`), or of which the product itself says that nothing answers it well (`by_verdict`).

Questions of which it is known who says the answer are asked once more of that speaker alone (`by speaker`): the one
that the product tells apart there and that most of the true speaker's sentences have, searched in the whole library.
"""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from acoustics.overlap import Span, iou
from machine.progress_line import progress_line
from mcp import Client
from retrieval.embedded_library import Library, call, embed_all, settings_for
from retrieval.passages import LongSet, Question
from retrieval.ranking import RankSummary, summarise
from retrieval.rejection import threshold_of

from soundbite_server import build_server

TOP_K = 20
# A sentence may begin a little before the turn that it is of.
_INTO_SENTENCE_SEC = 0.5
VERDICT = "Nothing in the library answers"
ALL = "all"
BY_SPEAKER = "by speaker"


@dataclass(frozen=True)
class Reply:
    """What search answered to a question.

    `rank` is that of the first right answer, None without one; `fit` the IoU of a right first answer, None where it is
    wrong; `score` that of the first answer, 0 without one; `is_refused` whether the product said that nothing answers.
    """

    question: Question
    rank: int | None
    fit: float | None
    score: float
    is_refused: bool


@dataclass(frozen=True)
class Spread:
    """The least and the most of R@1 over the folds, and its standard deviation."""

    folds: int
    least: float
    most: float
    deviation: float


@dataclass(frozen=True)
class KindFigures:
    """The figures of a kind of question; `fit` is None where no first answer is right, `spread` with one fold."""

    ranks: RankSummary
    fit: float | None
    spread: Spread | None


@dataclass(frozen=True)
class Refusals:
    """Shares of the `asked` questions that nothing answers; `lost_by_verdict` of those that something answers."""

    asked: int
    threshold: float
    by_score: float
    by_verdict: float
    lost_by_verdict: float


@dataclass
class LongReport:
    """By kind of question, `all`, and those asked of a speaker; by recording, R@1 and how many were asked."""

    recordings: int = 0
    audio_seconds: float = 0.0
    kinds: dict[str, KindFigures] = field(default_factory=dict)
    folds: dict[str, tuple[int, float]] = field(default_factory=dict)
    refusals: Refusals | None = None
    failures: dict[str, str] = field(default_factory=dict)


async def long_answers(long_set: LongSet, profile: str) -> LongReport:
    """Embed the recordings into a library of their own and ask all questions."""
    with TemporaryDirectory(prefix="soundbite-long-") as home:
        async with Client(build_server(settings_for(Path(home), long_set.folder, profile))) as client:
            with progress_line(len(long_set.recordings)) as on_done:
                paths = [recording.path for recording in long_set.recordings]
                library = await embed_all(client, long_set.folder, paths, on_done)
            if not library.asset_ids:
                return LongReport(failures=library.failures)
            replies = [await reply_to(client, library, question) for question in long_set.questions]
            filtered = [
                await reply_to(client, library, question, [await speaker_of(client, library, long_set, question)])
                for question in long_set.questions
                if question.speaker and question.path in library.asset_ids
            ]
    report = report_of(replies)
    if filtered:
        report.kinds[BY_SPEAKER] = _figures(filtered)
    report.recordings, report.failures = len(library.asset_ids), library.failures
    report.audio_seconds = sum(recording.seconds for recording in long_set.recordings)
    return report


async def speaker_of(client: Client, library: Library, long_set: LongSet, question: Question) -> str:
    """What the product calls the speaker who says the answer to a question."""
    said: Counter[str] = Counter()
    for line in (await call(client, "read_transcript", asset_id=library.asset_ids[question.path]))["lines"]:
        at = float(line["start_sec"]) + _INTO_SENTENCE_SEC
        for turn in long_set.turns_of(question.path):
            if turn.speaker == question.speaker and turn.start_sec <= at < turn.end_sec:
                said[line.get("speaker", "")] += len(line["text"])
    return next((speaker for speaker, _ in said.most_common(1)), "")


async def reply_to(client: Client, library: Library, question: Question, speakers: Sequence[str] = ()) -> Reply:
    """Ask a question of the whole library, or of what some speakers say in it."""
    answer = await call(client, "search_clips", query=question.text, speakers=list(speakers), top_k=TOP_K)
    clips = answer["clips"]
    rank, fit = place_of(question, library.asset_ids.get(question.path, ""), clips)
    verdict = not clips or any(note.startswith(VERDICT) for note in answer.get("notes", ()))
    return Reply(question, rank, fit, max((float(clip["score"]) for clip in clips), default=0.0), verdict)


def place_of(question: Question, asset_id: str, clips: Sequence[dict[str, Any]]) -> tuple[int | None, float | None]:
    """The rank of the first right answer, and how well it fits where it is the first of all."""
    passage = (question.start_sec, question.end_sec)
    for rank, clip in enumerate(clips, start=1):
        span = (float(clip["start_sec"]), float(clip["end_sec"]))
        if question.is_answerable and clip["asset_id"] == asset_id and overlaps(span, passage):
            return rank, iou(span, passage) if rank == 1 else None
    return None, None


def overlaps(one: Span, other: Span) -> bool:
    """Whether two spans share time."""
    return one[0] < other[1] and other[0] < one[1]


def report_of(replies: Sequence[Reply]) -> LongReport:
    """The figures of all replies."""
    answerable = [reply for reply in replies if reply.question.is_answerable]
    kinds = list(dict.fromkeys(reply.question.kind for reply in answerable))
    by_kind = {kind: [reply for reply in answerable if reply.question.kind == kind] for kind in kinds}
    report = LongReport(kinds={kind: _figures(group) for kind, group in {**by_kind, ALL: answerable}.items() if group})
    report.folds = {path: (len(group), _r1(group)) for path, group in _folds(answerable).items()}
    unanswerable = [reply for reply in replies if not reply.question.is_answerable]
    if answerable and unanswerable:
        report.refusals = _refusals(answerable, unanswerable)
    return report


def _figures(replies: Sequence[Reply]) -> KindFigures:
    fits = [reply.fit for reply in replies if reply.fit is not None]
    rates = [_r1(group) for group in _folds(replies).values()]
    spread = Spread(len(rates), min(rates), max(rates), statistics.stdev(rates)) if len(rates) > 1 else None
    return KindFigures(summarise([reply.rank for reply in replies]), statistics.fmean(fits) if fits else None, spread)


def _folds(replies: Iterable[Reply]) -> dict[str, list[Reply]]:
    folds: dict[str, list[Reply]] = {}
    for reply in replies:
        folds.setdefault(reply.question.path, []).append(reply)
    return folds


def _r1(replies: Sequence[Reply]) -> float:
    return sum(reply.rank == 1 for reply in replies) / len(replies)


def _refusals(answerable: Sequence[Reply], unanswerable: Sequence[Reply]) -> Refusals:
    threshold = threshold_of([reply.score for reply in answerable])
    return Refusals(
        asked=len(unanswerable),
        threshold=threshold,
        by_score=statistics.fmean(reply.score < threshold for reply in unanswerable),
        by_verdict=statistics.fmean(reply.is_refused for reply in unanswerable),
        lost_by_verdict=statistics.fmean(reply.is_refused for reply in answerable),
    )
