"""classify_clips: which of some labels fits each clip, or how much of each recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_store import ClipHit, StoredClip
from soundbite_tools.errors import QuestionProblem, raises_problems
from soundbite_tools.groups.clips import clip_rows
from soundbite_tools.groups.results import ClassifyResult, LabelledAsset, LabelledClip, LabelShare
from soundbite_tools.results import place_fields
from soundbite_tools.search.calibration import calibration_of
from soundbite_tools.search.queries import SOUND, SPEECH, QueryVectors, Vector, query_vectors
from soundbite_tools.search.ranking import Evidence, Scored, by_question
from soundbite_tools.search.selection import select_clips
from soundbite_tools.search.words import sound_terms, terms_of
from soundbite_tools.text import Room, first_that_fits, plain_text, rounded_sec, shorten

if TYPE_CHECKING:
    from soundbite_tools.groups.clips import ClipRows
    from soundbite_tools.library import Library
    from soundbite_tools.requests import ClassifyRequest


NONE = "none of these"
_LONGEST_LABEL = 100
_MOST_SHARES = 4
# Below this the best label is a guess. Of nine topics of calls and readings to choose from, 61 of 100 clips get a label
# and 87 of 100 labels are right (71, were each clip given its best); of clips that no topic fits none gets one.
LEAST_LABEL_SCORE = 0.2


@dataclass(frozen=True)
class ClipLabel:
    """A clip, the label that fits it best (`NONE` where none does), and how well that and the next one fit."""

    clip: StoredClip
    label: str
    score: float
    matched: str
    scores: Mapping[str, float]


def clean_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels cleaned, in their order.

    Raises:
        QuestionProblem: one holds no word, is given twice or stands for none of them.
    """
    cleaned = [plain_text(label, _LONGEST_LABEL) for label in labels]
    for label in cleaned:
        if not terms_of(label):
            raise _bad(f"{label!r} is no label: it holds no word.", "Name each label in a few words.")
    lowered = [label.lower() for label in cleaned]
    if twice := sorted({label for label in lowered if lowered.count(label) > 1}):
        raise _bad(f"The label {twice[0]!r} was given twice.", "Give each label once.")
    if NONE in lowered:
        raise _bad(f"{NONE!r} is always among the answers.", "Leave it out of the labels.")
    return tuple(cleaned)


async def label_clips(
    library: Library, labels: Sequence[str], rows: ClipRows, modality: str, least_score: float
) -> tuple[list[ClipLabel], list[str]]:
    """Return the clips with their labels, in order, and the labels that could not be compared with what is heard.

    Raises:
        PlatformError, StoreError: a label can't be embedded.
    """
    vectors = {label: (await query_vectors(library, label)).only(modality) for label in labels}
    unheard = [label for label, query in vectors.items() if query.sound is None and modality != SPEECH]

    def fitted() -> list[ClipLabel]:
        fits = {}
        for label, query in vectors.items():
            evidence = _evidence(rows, query, label, modality)
            fits[label] = {scored.clip.clip_id: scored for scored in by_question(evidence)}
        return [_best(clip, fits, least_score) for clip in rows.clips]

    # Some seconds of work for thirty labels of thousands of clips; other calls must not wait for it.
    return await anyio.to_thread.run_sync(fitted), unheard


def _best(clip: StoredClip, fits: Mapping[str, Mapping[str, Scored]], least_score: float) -> ClipLabel:
    suitable = {label: scored[clip.clip_id] for label, scored in fits.items() if clip.clip_id in scored}
    scores = {label: item.score for label, item in sorted(suitable.items(), key=lambda item: -item[1].score)}
    label = next(iter(scores), NONE)
    if label == NONE or scores[label] < least_score:
        return ClipLabel(clip, NONE, 0.0, "", scores)
    return ClipLabel(clip, label, scores[label], suitable[label].matched, scores)


def _evidence(rows: ClipRows, vectors: QueryVectors, text: str, modality: str) -> Evidence:
    return Evidence(
        speech=_hits(rows, "transcription", vectors.speech),
        sound=_hits(rows, "audio", vectors.sound),
        fused=_hits(rows, "fused", vectors.whole),
        words=[ClipHit(clip, 0.0) for clip in rows.clips],
        spoken=text if modality != SOUND else "",
        sound_terms=sound_terms(text) if modality != SPEECH else frozenset(),
        calibration=calibration_of(vectors.current.space.id),
    )


def _hits(rows: ClipRows, option: str, vector: Vector | None) -> list[ClipHit]:
    clips, matrix = rows.of_option(option)
    if vector is None or not clips:
        return []
    cosines = matrix @ vector
    order = sorted(range(len(clips)), key=lambda number: (-float(cosines[number]), number))
    return [ClipHit(clips[number], float(cosines[number])) for number in order]


def _bad(message: str, next_step: str) -> QuestionProblem:
    return QuestionProblem(message, next_step, code="labels_invalid")


@raises_problems
async def classify_clips(library: Library, request: ClassifyRequest) -> ClassifyResult:
    """Return which label, in words, fits each clip best by what is said and heard, or none of them.

    `per` asset sums the seconds of each label over a recording. A label counts from `min_score` on; 0 stands for .2.
    Scores mean what they mean in a search. At most 30 labels; of more than 5,000 clips a sample is looked at.

    Raises:
        ToolProblem: the labels can't be used, the library is empty, or an id or tag is not in it.
    """
    wanted, modality, page = clean_labels(request.labels), request.modality, request.page
    selection = await select_clips(library, request.filters)
    rows = await clip_rows(library, selection, modality)
    labels, unheard = await label_clips(library, wanted, rows, modality, request.min_score or LEAST_LABEL_SCORE)
    notes = _notes(rows.note, unheard, modality)
    entries = _by_asset(labels) if request.per == "asset" else [[label] for label in labels]
    page_entries = entries[(page - 1) * request.page_limit : page * request.page_limit]
    left = max(0, len(entries) - page * request.page_limit)

    def answer(room: Room) -> ClassifyResult:
        return ClassifyResult(
            labels=[share for label in (*wanted, NONE) if (share := _share(label, labels)).clips or label != NONE],
            clips=[_clip(entry[0], room) for entry in page_entries] if request.per == "clip" else [],
            assets=[_asset(entry, room) for entry in page_entries] if request.per == "asset" else [],
            per=request.per,
            modality=modality,
            clips_classified=len(labels),
            page=page,
            notes=notes,
            next_step=_next_step(labels, is_past=not page_entries, left=left, page=page),
        )

    return first_that_fits(answer)


def _by_asset(labels: Sequence[ClipLabel]) -> list[list[ClipLabel]]:
    groups = [list(group) for _, group in groupby(labels, key=lambda label: label.clip.asset_id)]
    return sorted(groups, key=lambda group: (group[0].clip.title.lower(), group[0].clip.asset_id))


def _share(label: str, labels: Sequence[ClipLabel]) -> LabelShare:
    having = [item for item in labels if item.label == label]
    total_sec, label_sec = _seconds(labels), _seconds(having)
    return LabelShare(
        label=label,
        clips=len(having),
        seconds=rounded_sec(label_sec),
        share=round(label_sec / total_sec, 2) if total_sec else 0.0,
        mean_score=round(sum(item.score for item in having) / len(having), 2) if having else 0.0,
    )


def _seconds(labels: Sequence[ClipLabel]) -> float:
    return sum(label.clip.end_sec - label.clip.start_sec for label in labels)


def _clip(label: ClipLabel, room: Room) -> LabelledClip:
    clip = label.clip
    return LabelledClip(
        **place_fields(clip, room.title),
        label=label.label,
        score=round(label.score, 2),
        matched=label.matched,
        text=shorten(clip.transcript, room.text // 4) if room.text else "",
    )


def _asset(group: Sequence[ClipLabel], room: Room) -> LabelledAsset:
    names = sorted({item.label for item in group})
    shares = sorted((_share(label, group) for label in names), key=lambda share: (-share.seconds, share.label))
    named = [share for share in shares if share.label != NONE]
    return LabelledAsset(
        asset_id=group[0].clip.asset_id,
        title=shorten(group[0].clip.title, room.title),
        label=named[0].label if named else NONE,
        labels=shares[:_MOST_SHARES],
    )


def _notes(of_sample: str, unheard: Sequence[str], modality: str) -> list[str]:
    notes = [of_sample] if of_sample else []
    if unheard:
        compared = "were not compared with anything" if modality == "sound" else "were compared by what is said only"
        notes.append(
            f"These labels name no sound that the engine's profile knows, and {compared}: {', '.join(unheard)}."
        )
    return notes


def _next_step(labels: Sequence[ClipLabel], *, is_past: bool, left: int, page: int) -> str:
    if is_past:
        return f"Page {page} is past the last: call classify_clips with a lower page."
    if left:
        return f"{left} more: call classify_clips with page={page + 1}."
    if all(label.label == NONE for label in labels):
        return "No label fits: try other words, or cluster_clips to see what groups there are."
    return "Call get_clip with a clip_id to quote or play a clip."
