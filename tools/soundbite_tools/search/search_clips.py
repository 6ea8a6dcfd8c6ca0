"""search_clips: the time ranges that answer a question."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from soundbite_tools.boundary import translated
from soundbite_tools.budget import Room, first_that_fits
from soundbite_tools.counts import count_of
from soundbite_tools.results import SearchResult
from soundbite_tools.search.answers import answers
from soundbite_tools.search.cursors import cursor_at, offset_of
from soundbite_tools.search.question import Modality, Question
from soundbite_tools.search.range_view import Answer, with_text
from soundbite_tools.search.ranges import spread, time_ranges
from soundbite_tools.search.ranking import WEAK_SCORE
from soundbite_tools.search.scope import maker_of, searched_clips
from soundbite_tools.search.selection import Selection
from soundbite_tools.untrusted import plain_text

if TYPE_CHECKING:
    from soundbite_store import Space
    from soundbite_tools.library import Library

DEFAULT_TOP_K = 5
MOST_CLIPS = 50
LAST_PAGE_ENDS = 200
_HITS_PER_CLIP = 8
_FEWEST_HITS = 100
_LONGEST_SHOWN_QUERY = 300


@translated
async def search_clips(
    library: Library,
    query: str = "",
    *,
    like: str = "",
    without: str = "",
    modality: Modality = "any",
    asset_ids: Sequence[str] = (),
    tags: Sequence[str] = (),
    sounds: Sequence[str] = (),
    start_sec: float = 0.0,
    end_sec: float = 0.0,
    min_seconds: float = 0.0,
    added_after: str = "",
    diversity: float = 0.0,
    top_k: int = DEFAULT_TOP_K,
    cursor: str = "",
    detail: Literal["concise", "detailed"] = "concise",
) -> SearchResult:
    """Return the time ranges that answer a question in words (`query`), that are like an example (`like`), or both.

    `like` is a clip, a recording, or a sound that is not in the library (a path or an https URL), which is listened to
    and not kept. `without` takes away what is like it: words, a clip or a recording. `modality` speech looks only at
    what is said, sound only at what is heard. The other filters must all hold; see `Selection`. `diversity` 0 to 1
    spreads the answers over recordings. `top_k` is at most 50, and `cursor` goes on where an answer ended, for at most
    200 clips in all. Equal questions get equal answers, in the same order.

    Raises:
        ToolProblem: there is no question, the library is empty, or an id, tag, sound or cursor is not known.
    """
    question = Question.checked(query, like, without, modality)
    selection = Selection.checked(
        asset_ids=asset_ids,
        tags=tags,
        sounds=sounds,
        start_sec=start_sec,
        end_sec=end_sec,
        min_seconds=min_seconds,
        added_after=added_after,
    )
    wanted, diversity = min(max(top_k, 1), MOST_CLIPS), min(max(diversity, 0.0), 1.0)
    search = (question, selection, diversity, wanted)
    first = offset_of(cursor, search)
    last = min(first + wanted, LAST_PAGE_ENDS)
    searched = await searched_clips(library, selection)
    # The ledger is asked beside the search: its answer comes from a thread.
    (scored, notes), left_out = await asyncio.gather(
        answers(library, question, searched, max(_FEWEST_HITS, _HITS_PER_CLIP * wanted)),
        _not_searched(library, searched.space),
    )
    # One more than is shown tells whether there is a next page.
    ranges = spread(time_ranges(scored, LAST_PAGE_ENDS if diversity else last + 1), diversity)
    is_detailed = detail == "detailed"
    page = await with_text(library, searched.space, ranges[first:last], with_room=is_detailed)
    notes += _quality(page, first)
    notes += [] if first else left_out

    def made(room: Room) -> SearchResult:
        shown = page[: room.entries]
        is_more = len(ranges) > first + len(shown) and first + len(shown) < LAST_PAGE_ENDS
        return SearchResult(
            clips=[each.result(room, is_detailed=is_detailed) for each in shown],
            query=plain_text(question.words, _LONGEST_SHOWN_QUERY),
            like=plain_text(question.like, _LONGEST_SHOWN_QUERY),
            without=plain_text(question.without, _LONGEST_SHOWN_QUERY),
            modality=modality,
            clips_searched=searched.count,
            notes=notes,
            next_cursor=cursor_at(first + len(shown), search) if is_more else "",
            next_step=_next_step(page),
        )

    return first_that_fits(made)


def _quality(page: Sequence[Answer], first: int) -> list[str]:
    if first or (page and page[0].found.best.score >= WEAK_SCORE):
        return []
    if not page:
        return ["Nothing in the library answers this."]
    return ["Nothing in the library answers this well: these are the nearest, and all of them are weak."]


async def _not_searched(library: Library, space: Space) -> list[str]:
    counts: Counter[str] = Counter()
    for other, count in (await (await library.ledger()).left_behind(space.id)).items():
        counts[maker_of(other, space.id)] += count
    return [
        f"{count_of(count, 'recording')} {'was' if count == 1 else 'were'} embedded by {maker} only, whose vectors "
        "can't be compared, and not searched: `soundbite reembed` on the command line embeds them again."
        for maker, count in counts.items()
    ]


def _next_step(page: Sequence[Answer]) -> str:
    # What may follow an answer is in the tool's description: an agent need not read it again with each.
    return "" if page else "Try other words or another modality, or call list_audio to see what is in the library."
