"""search_clips: the time ranges that answer a question."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter
from soundbite_tools.embed.parts import unfinished_notes
from soundbite_tools.errors import QuestionProblem, raises_problems
from soundbite_tools.results import SearchResult
from soundbite_tools.search.calibration import knows_sound_names, odds
from soundbite_tools.search.examples import example_of, has_id_form
from soundbite_tools.search.queries import (
    SOUND,
    SPEECH,
    asks_for_words_of_somebody,
    query_vectors,
    topic_of,
    unknown_speaker,
    without_occasion,
    words_of,
)
from soundbite_tools.search.ranges import TimeRange, best_of_each, complete_ranges, time_ranges
from soundbite_tools.search.ranking import (
    WEAK_SCORE,
    Scored,
    by_example,
    by_question,
    combined,
    gather,
    gather_exact,
    gather_whole,
    in_order,
    lessened,
)
from soundbite_tools.search.selection import maker_of, select_clips
from soundbite_tools.search.words import asks_for_sound, distinct_terms
from soundbite_tools.sources.recordings import file_states, origins
from soundbite_tools.speakers import speaker_labels, with_speakers_by_name
from soundbite_tools.text import (
    ERASED,
    Room,
    count_of,
    first_that_fits,
    plain_text,
    quoted,
    speaker_in_words,
    speaker_label,
)

if TYPE_CHECKING:
    from soundbite_store import Space
    from soundbite_tools.library import Library
    from soundbite_tools.requests import Modality, Question, SearchRequest
    from soundbite_tools.search.selection import Selection
    from soundbite_tools.sources.recordings import FileState


_MARK_CHARS = 12
# What a speaker says answers a question that names them, unless the best of all clips has more than so many times its
# odds: then it may name somebody else, or nobody.
_MOST_ODDS_OF_OTHERS = 4.0
_NO_SOUND_NAMES = (
    "This engine profile (base) tells speech, music, silence and loudness only and knows no sound by name, so what is "
    "shown is what was said. `pip install 'soundbite[sounds]'` and `soundbite models pull sounds` add 521 kinds of "
    "sound; or give a clip that sounds like it in like."
)
_UNNAMED_SOUND = (
    "The question names no sound that this engine profile knows. Use other words, or give a clip that sounds like it "
    "in like."
)
LAST_PAGE_ENDS = 200
_NEAREST_SHOWN = 2
_HITS_PER_CLIP = 8
_FEWEST_HITS = 100
_LONGEST_SHOWN_QUERY = 300
_ERASED_NOTE = f"{ERASED} stands where a part of the recording was erased."


def cursor_at(offset: int, search: object) -> str:
    """Return the cursor of the answer number `offset` of a search; equal searches have equal cursors."""
    return base64.urlsafe_b64encode(f"{offset}.{_mark(search)}".encode()).decode().rstrip("=")


def offset_of(cursor: str, search: object) -> int:
    """Return where a cursor points; an empty one points to the beginning.

    Raises:
        QuestionProblem: it is no cursor, or that of another search.
    """
    if not cursor.strip():
        return 0
    try:
        padded = cursor.strip() + "=" * (-len(cursor.strip()) % 4)
        offset, _, mark = base64.urlsafe_b64decode(padded).decode("ascii").partition(".")
        number = int(offset)
    except (binascii.Error, ValueError) as exc:
        raise _bad("The cursor is not one that a search gave.") from exc
    if mark != _mark(search) or number < 0:
        raise _bad("The cursor belongs to another search.")
    return number


def _mark(search: object) -> str:
    return hashlib.sha256(json.dumps(search, sort_keys=True, default=str).encode()).hexdigest()[:_MARK_CHARS]


def _bad(message: str) -> QuestionProblem:
    return QuestionProblem(
        message,
        "Repeat the search with the same arguments and the next_cursor of its last answer, or without a cursor.",
        code="cursor_invalid",
    )


async def answers(
    library: Library, question: Question, selection: Selection, limit: int
) -> tuple[list[Scored], list[str]]:
    """Return the clips that answer, best first, from `limit` hits of each kind of evidence, and notes for the caller.

    Raises:
        ToolProblem: an example can't be used.
        PlatformError, StoreError: they could not be asked.
    """
    where, notes, lists = selection.where, list[str](), list[list[Scored]]()
    if question.query:
        if question.match == "words":
            scored, note = await _for_exact_words(library, question.query, where)
        else:
            scored, note = await _for_question(library, question.query, question.modality, where, limit)
        lists.append(scored)
        notes += [note] if note else []
    if question.like:
        scored, note = await _for_example(library, question.like, question.modality, where, limit)
        lists.append(scored)
        notes += [note] if note else []
    scored = combined(*lists) if len(lists) > 1 else lists[0]
    if question.without and scored:
        words = 0 if has_id_form(question.without) else len(distinct_terms(question.without))
        scored = lessened(scored, await _unwanted(library, question, scored), words)
    return scored, notes


async def _for_question(
    library: Library, text: str, modality: Modality, where: ClipFilter, limit: int
) -> tuple[list[Scored], str]:
    """As for words, of what somebody says where the question asks for that and what others say answers no better."""
    if modality == SOUND or where.speakers_any or where.speakers_in or not asks_for_words_of_somebody(text):
        return await _for_words(library, text, modality, where, limit)
    speakers = await (await library.ledger()).labels_of_speakers(library.config.platform)
    asked = words_of(text, speakers)
    if asked is None:
        scored, note = await _for_words(library, text, modality, where, limit)
        unknown = unknown_speaker(text)
        told = f"Nobody here is called {quoted(unknown)}: all were searched." if unknown else ""
        return scored, " ".join(filter(None, (told, note)))
    by_them = await with_speakers_by_name(library, replace(where, speakers_any=asked.people), speakers)
    (scored, _), (everyone, _) = await asyncio.gather(
        _for_words(library, asked.question, "speech", by_them, limit),
        _for_words(library, text, modality, where, limit),
    )
    names = " or ".join(speaker_in_words(speaker_label(one)) for one in asked.people)
    if not _answer(scored):
        return everyone, f"Nothing that {names} says answers this."
    if everyone and odds(everyone[0].score) > _MOST_ODDS_OF_OTHERS * odds(scored[0].score):
        return everyone, f"Others than {names}, whom the question names, answer this better."
    return scored, f"Only what {names} says is shown, as the question names who speaks."


async def _for_words(
    library: Library, text: str, modality: Modality, where: ClipFilter, limit: int
) -> tuple[list[Scored], str]:
    text = without_occasion(text)
    vectors = (await query_vectors(library, topic_of(text))).only(modality)
    scored = by_question(await gather(library, vectors, text, where, limit, modality))
    if not _answer(scored):
        whole = await gather_whole(library, vectors, text if modality != SOUND else "", where)
        scored = in_order([*scored, *by_question(whole)])
    if vectors.sound is not None or modality == SPEECH:
        return scored, ""
    if not knows_sound_names(vectors.current.space.id):
        return scored, _NO_SOUND_NAMES if modality == SOUND or asks_for_sound(text) else ""
    return scored, _UNNAMED_SOUND if modality == SOUND and not scored else ""


def _answer(scored: Sequence[Scored]) -> bool:
    return bool(scored) and scored[0].score >= WEAK_SCORE


async def _for_exact_words(library: Library, query: str, where: ClipFilter) -> tuple[list[Scored], str]:
    vectors = await query_vectors(library, query)
    scored = by_question(await gather_exact(library, vectors, query, where))
    return scored, "" if scored else "No clip holds all of these words; leave match out to search by meaning."


async def _for_example(
    library: Library, like: str, modality: Modality, where: ClipFilter, limit: int
) -> tuple[list[Scored], str]:
    example = await example_of(library, like)
    vectors = example.vectors.only(modality)
    answers = by_example(await gather(library, vectors, "", where, limit))
    if not _answer(answers):
        answers = in_order([*answers, *by_example(await gather_whole(library, vectors, "", where))])
    return [answer for answer in answers if not example.is_itself(answer.clip)], example.note


async def _unwanted(library: Library, question: Question, scored: Sequence[Scored]) -> list[Scored]:
    # Asked of the clips found and of no others: each must be told how much it is like what is not wanted.
    where = ClipFilter(clip_ids=tuple(answer.clip.clip_id for answer in scored))
    limit = len(scored)
    if has_id_form(question.without):
        example = await example_of(library, question.without)
        return by_example(await gather(library, example.vectors.only(question.modality), "", where, limit))
    return (await _for_words(library, question.without, question.modality, where, limit))[0]


@raises_problems
async def search_clips(library: Library, request: SearchRequest) -> SearchResult:
    """Return the time ranges that answer a question in words (`query`), that are like an example (`like`), or both.

    `like` is a clip, a recording, or a sound that is not in the library (a path or an https URL), which is listened to
    and not kept. `without` takes away what is like it: words, a clip or a recording. `modality` speech looks only at
    what is said, sound only at what is heard. The filters must all hold. `match` words takes clips with
    all of the exact words only. `group_by` recording gives the best range of each recording. `cursor` goes on where an
    answer ended, for at most 200 clips in all. Equal questions get equal answers, in the same order.

    Raises:
        ToolProblem: there is no question, the library is empty, or an id, tag, sound or cursor is not known.
    """
    if not request.query and not request.like:
        raise QuestionProblem(
            "The question is empty.",
            'Say in query what was said or heard, for example query="what did the doctor say", or give a clip in like.',
            code="question_empty",
        )
    # What the next page must be asked for as well.
    search = request.model_dump(mode="json", exclude={"cursor", "detail", "context_sec"})
    first = offset_of(request.cursor, search)
    last = min(first + request.top_k, LAST_PAGE_ENDS)
    selection = await select_clips(library, request)
    # The ledger is asked beside the search: its answer comes from a thread.
    (scored, notes), left_out, unfinished = await asyncio.gather(
        answers(library, request, selection, max(_FEWEST_HITS, _HITS_PER_CLIP * request.top_k)),
        _not_searched(library, selection.space),
        unfinished_notes(library),
    )
    # One more than is shown tells whether there is a next page.
    is_grouped = request.group_by == "recording"
    ranges = time_ranges(scored, LAST_PAGE_ENDS if is_grouped else last + 1)
    if is_grouped:
        ranges = best_of_each(ranges)
    is_detailed = request.detail == "detailed"
    is_unanswered = not first and not (ranges and ranges[0].best.score >= WEAK_SCORE)
    if is_unanswered:
        ranges = ranges[:_NEAREST_SHOWN]
    shown = ranges[first:last]
    # What the ledger and the disk say of the same recordings, side by side: each waits for a thread.
    page, (files, origin), labels = await asyncio.gather(
        complete_ranges(library, selection.space, shown, with_room=is_detailed, context_sec=request.context_sec),
        _of_sources(library, shown),
        speaker_labels(library, (entry.asset_id for entry in shown)),
    )
    doubts = await (await library.ledger()).doubtful_words_at(
        library.config.platform, [(entry.asset_id, entry.start_sec, entry.end_sec) for entry in page]
    )
    notes += selection.notes
    notes += [_ERASED_NOTE] if any(ERASED in entry.words() or ERASED in entry.context for entry in page) else []
    notes += _verdict(page) if is_unanswered else []
    notes += [] if first else [*left_out, *unfinished]

    def answer_in(room: Room) -> SearchResult:
        entries = page[: room.entries]
        is_more = len(ranges) > first + len(entries) and first + len(entries) < LAST_PAGE_ENDS
        return SearchResult(
            clips=[
                entry.result(
                    room,
                    is_detailed=is_detailed,
                    file=files.get(entry.asset_id, ""),
                    origin=origin.get(entry.asset_id, ""),
                    labels=labels,
                    unsure=unsure,
                )
                for entry, unsure in zip(entries, doubts, strict=False)
            ],
            query=plain_text(request.query, _LONGEST_SHOWN_QUERY),
            like=plain_text(request.like, _LONGEST_SHOWN_QUERY),
            without=plain_text(request.without, _LONGEST_SHOWN_QUERY),
            modality=request.modality,
            clips_searched=selection.count,
            notes=notes,
            next_cursor=cursor_at(first + len(entries), search) if is_more else "",
            next_step=_next_step(page),
        )

    return first_that_fits(answer_in)


def _verdict(page: Sequence[TimeRange]) -> list[str]:
    if not page:
        return ["Nothing in the library answers this."]
    nearest = (
        "this is the nearest clip, which hardly" if len(page) == 1 else "these are the two nearest clips, which hardly"
    )
    return [f"Nothing in the library answers this: {nearest} {'does' if len(page) == 1 else 'do'}."]


async def _of_sources(library: Library, page: Sequence[TimeRange]) -> tuple[dict[str, FileState], dict[str, str]]:
    """What became of the files of recordings, and what tells those of one title apart, by id."""
    ledger = await library.ledger()
    assets = await ledger.get_assets(entry.asset_id for entry in page)
    states, told_apart = await asyncio.gather(file_states(assets.values()), origins(ledger, assets.values()))
    return states, told_apart


async def _not_searched(library: Library, space: Space) -> list[str]:
    counts: Counter[str] = Counter()
    for other, count in (await (await library.ledger()).left_behind(space.id)).items():
        counts[maker_of(other, space.id)] += count
    return [
        f"{count_of(count, 'recording')} {'was' if count == 1 else 'were'} embedded by {maker} only, whose vectors "
        "can't be compared, and not searched: `soundbite reembed` on the command line embeds them again."
        for maker, count in counts.items()
    ]


def _next_step(page: Sequence[TimeRange]) -> str:
    # What may follow an answer is in the tool's description: an agent need not read it again with each.
    return "" if page else "Try other words or another modality, or call list_audio to see what is in the library."
