"""Labels in words, and how well each of them fits each clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_store import ClipHit, StoredClip, TermCounts
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.search.calibration import calibration_of
from soundbite_tools.search.evidence import Evidence
from soundbite_tools.search.queries import SOUND, SPEECH, QueryVectors, Vector, query_vectors
from soundbite_tools.search.ranking import Scored, by_question
from soundbite_tools.search.words import distinct_terms, sound_terms, terms_of, weights
from soundbite_tools.untrusted import plain_text

if TYPE_CHECKING:
    from soundbite_tools.groups.clip_rows import ClipRows
    from soundbite_tools.library import Library

NONE = "none of these"
MOST_LABELS = 30
LONGEST_LABEL = 100


@dataclass(frozen=True)
class Labelled:
    """A clip, the label that fits it best (`NONE` where none does), and how well that and the next one fit."""

    clip: StoredClip
    label: str
    score: float
    matched: str
    scores: Mapping[str, float]


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels cleaned, in their order.

    Raises:
        QuestionProblem: none, too many, one that is empty, too long, given twice or stands for none of them.
    """
    cleaned = [plain_text(label, LONGEST_LABEL + 1) for label in labels]
    if not cleaned:
        raise _bad("No labels were given.", 'Give some, for example labels=["praise", "complaint", "question"].')
    if len(cleaned) > MOST_LABELS:
        raise _bad(f"{len(cleaned)} labels were given; {MOST_LABELS} are taken.", "Ask for fewer at a time.")
    for label in cleaned:
        if not terms_of(label):
            raise _bad(f"{label!r} is no label: it holds no word.", "Name each label in a few words.")
        if len(label) > LONGEST_LABEL:
            raise _bad(f"A label is longer than {LONGEST_LABEL} characters.", "Name each label in a few words.")
    lowered = [label.lower() for label in cleaned]
    if twice := sorted({label for label in lowered if lowered.count(label) > 1}):
        raise _bad(f"The label {twice[0]!r} was given twice.", "Give each label once.")
    if NONE in lowered:
        raise _bad(f"{NONE!r} is always among the answers.", "Leave it out of the labels.")
    return tuple(cleaned)


async def labelled(
    library: Library, labels: Sequence[str], rows: ClipRows, modality: str, least_score: float
) -> tuple[list[Labelled], list[str]]:
    """Return the clips with their labels, in order, and the labels that could not be compared with what is heard.

    Raises:
        PlatformError, StoreError: a label can't be embedded.
    """
    vectors = {label: (await query_vectors(library, label)).only(modality) for label in labels}
    unheard = [label for label, each in vectors.items() if each.sound is None and modality != SPEECH]

    def fitted() -> list[Labelled]:
        fits = {}
        for label, each in vectors.items():
            evidence = _evidence(rows, each, label, modality)
            fits[label] = {scored.clip.clip_id: scored for scored in by_question(evidence)}
        return [_best(clip, fits, least_score) for clip in rows.clips]

    # Some seconds of work for thirty labels of thousands of clips; other calls must not wait for it.
    return await anyio.to_thread.run_sync(fitted), unheard


def _best(clip: StoredClip, fits: Mapping[str, Mapping[str, Scored]], least_score: float) -> Labelled:
    found = {label: scored[clip.clip_id] for label, scored in fits.items() if clip.clip_id in scored}
    scores = {label: each.score for label, each in sorted(found.items(), key=lambda item: -item[1].score)}
    label = next(iter(scores), NONE)
    if label == NONE or scores[label] < least_score:
        return Labelled(clip, NONE, 0.0, "", scores)
    return Labelled(clip, label, scores[label], found[label].matched, scores)


def _evidence(rows: ClipRows, vectors: QueryVectors, text: str, modality: str) -> Evidence:
    terms = distinct_terms(text)
    said = [set(terms_of(clip.transcript)) for clip in rows.clips]
    counts = {term: sum(term in words for words in said) for term in terms}
    return Evidence(
        speech=_hits(rows, "transcription", vectors.speech),
        sound=_hits(rows, "audio", vectors.sound),
        fused=_hits(rows, "fused", vectors.whole),
        words=[ClipHit(clip, 0.0) for clip, words in zip(rows.clips, said, strict=True) if not words.isdisjoint(terms)],
        word_weights=weights(TermCounts(len(rows.clips), counts)) if modality != SOUND else None,
        sound_terms=sound_terms(text) if modality != SPEECH else frozenset(),
        calibration=calibration_of(vectors.current.space.id),
    )


def _hits(rows: ClipRows, option: str, vector: Vector | None) -> list[ClipHit]:
    found, matrix = rows.of_option(option)
    if vector is None or not found:
        return []
    cosines = matrix @ vector
    order = sorted(range(len(found)), key=lambda number: (-float(cosines[number]), number))
    return [ClipHit(found[number], float(cosines[number])) for number in order]


def _bad(message: str, next_step: str) -> QuestionProblem:
    return QuestionProblem(message, next_step, code="labels_invalid")
