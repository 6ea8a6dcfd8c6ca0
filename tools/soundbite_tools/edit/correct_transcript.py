"""correct_transcript: what is said, put right by who knows it; the earlier words are kept and can be had back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store import (
    ClipFilter,
    Correction,
    LedgerChange,
    encoded_changes,
    finish_rewrites,
    in_force,
)
from soundbite_tools.embed.spending import changed_counts
from soundbite_tools.errors import QuestionProblem, UnknownId, raises_problems
from soundbite_tools.text import clock, clock_range, plain_text, quoted, range_of, rounded_sec, shorten
from soundbite_tools.transcript_requests import CorrectionResult
from soundbite_tools.words.corrections import correction_of
from soundbite_tools.words.rewording import clip_changes
from soundbite_tools.words.soundalikes import in_marks_of
from soundbite_tools.words.timed_words import (
    LONGEST_TRANSCRIPT,
    Passage,
    TimedWords,
    passages,
    reworded,
    timed_words,
    with_words,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_store import Asset, CorrectionKind, StoredTranscript, TimedText
    from soundbite_tools.library import Library
    from soundbite_tools.transcript_requests import CorrectRequest

_LONGEST_QUOTE = 300
_MOST_TIMES = 5


@dataclass(frozen=True)
class _Place:
    """A range of a recording."""

    asset: Asset
    start_sec: float
    end_sec: float


@dataclass(frozen=True)
class Replacement:
    """Words of a transcript and those that take their place."""

    passage: Passage
    words: tuple[TimedText, ...]
    new_text: str


@raises_problems
async def correct_transcript(library: Library, request: CorrectRequest) -> CorrectionResult:
    """Put words in the place of others, in the transcript and the clips at once; or take the last correction back.

    Raises:
        ToolProblem: no such recording or clip, no transcript, or the old words are not there, or several times.
    """
    place = await _place(library, request)
    async with library.rewriting():
        asset, ledger = place.asset, await library.ledger()
        transcript = await ledger.get_transcript(asset.asset_id, library.config.platform)
        if transcript is None:
            raise QuestionProblem(
                f"{quoted(asset.title)} has no transcript.",
                "Embed it with embedding_option transcription, or wait until its task is ready (get_task).",
                code="no_transcript",
            )
        if request.undo:
            known = in_force(await ledger.corrections_of(asset.asset_id))
            undone = _last_there(known, place)
            passage = passage_of(transcript, undone)
            replacement = Replacement(passage, undone.old_words, undone.old_text)
            clips = await replace_words(library, asset, transcript, [replacement], undone=(undone.correction_id,))
        else:
            passage = _the_passage(transcript, request.old_text, place)
            new_text = in_marks_of(passage.text, request.old_text, request.new_text)
            words = reworded(passage.words, new_text) if new_text else ()
            replacement = Replacement(passage, words, new_text)
            if words == passage.words:
                raise QuestionProblem(
                    "That is what is written there.", "Give new_text as it is said.", code="unchanged"
                )
            clips = await replace_words(library, asset, transcript, [replacement], kind="correction")
    return CorrectionResult(
        asset_id=asset.asset_id,
        title=asset.title,
        start_sec=rounded_sec(replacement.passage.start_sec),
        end_sec=rounded_sec(replacement.passage.end_sec),
        time_range=clock_range(replacement.passage.start_sec, replacement.passage.end_sec),
        old_text=shorten(replacement.passage.text, _LONGEST_QUOTE),
        text=shorten(replacement.new_text, _LONGEST_QUOTE),
        clips_changed=clips.count,
        notes=list(dict.fromkeys(clips.notes)),
        next_step="" if request.undo else "The earlier words come back by the same place with undo=true.",
    )


@dataclass(frozen=True)
class ChangedClips:
    """How many clips have other words, and what is to be told of that."""

    count: int
    notes: Sequence[str]


async def replace_words(
    library: Library,
    asset: Asset,
    transcript: StoredTranscript,
    replacements: Sequence[Replacement],
    *,
    kind: CorrectionKind | None = None,
    undone: Sequence[int] = (),
) -> ChangedClips:
    """Replace words in a transcript, its clips and the index of words; the caller holds `library.rewriting()`.

    The ledger's transaction is the commit: a process killed before it has changed nothing, and after it the next one
    that opens the library goes on with the clips. With a `kind` each replacement is kept as a correction.

    Raises:
        PlatformError, StoreError: the new words can't be embedded, or nothing can be written.
    """
    made, spans = list[Correction](), list[tuple[float, float]]()
    # From the end, so that the places of the earlier ones stay what they are.
    for one in sorted(replacements, key=lambda one: one.passage.first, reverse=True):
        transcript = with_words(transcript, one.passage, one.words)
        spans.append((one.passage.start_sec, one.passage.end_sec))
        if kind:
            made.insert(0, correction_of(asset, one.passage, one.words, one.new_text, kind))
    ledger, store = await library.ledger(), await library.store()
    changes = await clip_changes(library, asset.asset_id, transcript, spans, erased=asset.erased)
    tasks = await ledger.list_tasks(None, asset_id=asset.asset_id, status="ready")
    change = LedgerChange(
        asset_id=asset.asset_id,
        transcripts=[transcript],
        made=made,
        undone=undone,
        counts=changed_counts(tasks, changes),
        rewrite=encoded_changes(changes.rows) if changes.rows else b"",
    )
    await ledger.apply_change(change)
    await finish_rewrites(store, ledger)
    if sharing := await library.sharing():
        await sharing.publish(asset.asset_id)
    return ChangedClips(len(changes.reworded), changes.notes)


async def _place(library: Library, request: CorrectRequest) -> _Place:
    if bool(request.clip_id) == bool(request.asset_id):
        raise QuestionProblem(
            "clip_id and asset_id were both given." if request.clip_id else "No place was named.",
            "Give a clip_id, or an asset_id with start_sec and end_sec.",
        )
    if not (request.undo or request.old_text):
        raise QuestionProblem("The words to correct were not given.", "Give old_text as read_transcript has it.")
    store, ledger = await library.store(), await library.ledger()
    if request.asset_id:
        if (asset := await ledger.get_asset(request.asset_id)) is None:
            raise UnknownId(
                f"There is no recording {request.asset_id!r}.", "Call list_audio for the ids.", code="unknown_asset"
            )
        return _Place(asset, request.start_sec, request.end_sec or float("inf"))
    if times := range_of(request.clip_id):  # of clips that search has joined
        if asset := await ledger.get_asset(times[0]):
            return _Place(asset, *times[1:])
        raise _unknown_clip(request.clip_id)
    for info in await store.spaces():
        for row in await store.clips(info.space, ClipFilter(clip_ids=(request.clip_id,)), limit=1):
            if asset := await ledger.get_asset(row.asset_id):
                return _Place(asset, row.start_sec, row.end_sec)
    raise _unknown_clip(request.clip_id)


def _unknown_clip(clip_id: str) -> UnknownId:
    return UnknownId(
        f"There is no clip {clip_id!r}.",
        "Take a clip_id from search_clips, or name a range by asset_id, start_sec and end_sec.",
        code="unknown_clip",
    )


def _the_passage(transcript: StoredTranscript, text: str, place: _Place) -> Passage:
    there = passages(transcript, text, place.start_sec, place.end_sec)
    if len(there) == 1:
        return there[0]
    if there:
        times = ", ".join(clock(passage.start_sec) for passage in there[:_MOST_TIMES])
        times += f" and {len(there) - _MOST_TIMES} more" if len(there) > _MOST_TIMES else ""
        raise QuestionProblem(
            f"{quoted(text)} is said {len(there)} times there: {times}.",
            "Name one by start_sec and end_sec, or give more of the sentence as old_text.",
            code="text_repeated",
        )
    end_sec = min(place.end_sec, transcript.end_sec + 1.0)
    spoken = plain_text(TimedWords(transcript).between(place.start_sec, end_sec), LONGEST_TRANSCRIPT)
    raise QuestionProblem(
        f"{quoted(text)} is not written there. There is: {quoted(shorten(spoken, _LONGEST_QUOTE))}",
        "Give old_text as read_transcript has it, in whole words.",
        code="text_missing",
    )


def _last_there(known: Sequence[Correction], place: _Place) -> Correction:
    there = [one for one in known if one.start_sec < place.end_sec and one.end_sec > place.start_sec]
    if not there:
        raise QuestionProblem(
            "Nothing was corrected there.", "Name the place of a correction by its times.", code="nothing_corrected"
        )
    return there[-1]


def passage_of(transcript: StoredTranscript, correction: Correction) -> Passage:
    """Return where the words of a correction stand now.

    Raises:
        QuestionProblem: nowhere.
    """
    words, new = timed_words(transcript), list(correction.new_words)
    if not new:
        at = sum(word.start_sec < correction.start_sec for word in words)
        return Passage(at, at, (), (correction.start_sec, correction.end_sec))
    for at in range(len(words) - len(new) + 1):
        if words[at : at + len(new)] == new:
            return Passage(at, at + len(new), tuple(new))
    there = passages(transcript, correction.new_text, correction.start_sec - 1.0, correction.end_sec + 1.0)
    if there:
        return there[0]
    raise QuestionProblem(
        f"{quoted(correction.new_text)} is not there any more: something else was written over it.",
        "Correct it as it is written now.",
        code="text_missing",
    )
