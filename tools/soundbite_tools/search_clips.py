"""search_clips: the time ranges that answer a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from soundbite_store import ClipFilter
from soundbite_tools.boundary import translated
from soundbite_tools.budget import Room, first_that_fits
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.evidence import gather
from soundbite_tools.likeness import example
from soundbite_tools.queries import LONGEST_QUERY, SOUND, query_vectors
from soundbite_tools.range_view import Answer, with_text
from soundbite_tools.ranges import time_ranges
from soundbite_tools.ranking import Scored, by_example, by_question
from soundbite_tools.results import SearchResult
from soundbite_tools.scope import searched_clips
from soundbite_tools.untrusted import plain_text

if TYPE_CHECKING:
    from soundbite_tools.library import Library

DEFAULT_TOP_K = 5
MOST_CLIPS = 50
_HITS_PER_CLIP = 8
_FEWEST_HITS = 100
_LONGEST_SHOWN_QUERY = 300

Modality = Literal["any", "speech", "sound"]


@translated
async def search_clips(
    library: Library,
    query: str = "",
    *,
    like: str = "",
    modality: Modality = "any",
    asset_ids: Sequence[str] = (),
    tags: Sequence[str] = (),
    top_k: int = DEFAULT_TOP_K,
    detail: Literal["concise", "detailed"] = "concise",
) -> SearchResult:
    """Return the time ranges that answer a question in words (`query`), or that are like a clip or a recording.

    `modality` speech looks only at what is said, sound only at what is heard. `asset_ids` and `tags` (any of them)
    narrow the search. `top_k` is at most 50. Equal questions get equal answers, in the same order.

    Raises:
        ToolProblem: there is no question or two, the library is empty, or an id or tag is not in it.
    """
    question = _question(query, like)
    searched = await searched_clips(library, asset_ids, tags)
    limit = max(_FEWEST_HITS, _HITS_PER_CLIP * min(max(top_k, 1), MOST_CLIPS))
    if question:
        scored, notes = await _for_question(library, question, modality, searched.where, limit)
    else:
        scored, notes = await _for_example(library, like.strip(), modality, searched.where, limit), []
    ranges = time_ranges(scored, min(max(top_k, 1), MOST_CLIPS))
    answers = await with_text(library, searched.space, ranges)
    notes += ["Nothing in the library answers this well."] if not answers and not notes else []

    def made(room: Room) -> SearchResult:
        left_out = len(answers) - room.entries
        return SearchResult(
            clips=[each.result(room, is_detailed=detail == "detailed") for each in answers[: room.entries]],
            query=plain_text(question, _LONGEST_SHOWN_QUERY),
            like=like.strip(),
            modality=modality,
            clips_searched=searched.count,
            notes=[*notes, f"{left_out} more clips are left out to keep this short."] if left_out > 0 else notes,
            next_step=_next_step(answers),
        )

    return first_that_fits(made)


def _question(query: str, like: str) -> str:
    question = " ".join(query.split())
    if question and like.strip():
        raise QuestionProblem(
            "query and like were both given.", "Give one: words in query, or a clip_id or asset_id in like."
        )
    if not question and not like.strip():
        raise QuestionProblem(
            "The question is empty.",
            'Say in query what was said or heard, for example query="what did the doctor say", or give a clip in like.',
            code="question_empty",
        )
    if len(question) > LONGEST_QUERY:
        raise QuestionProblem(
            f"The question is {len(question)} characters long; {LONGEST_QUERY} are taken.", "Ask in fewer words."
        )
    return question


async def _for_question(
    library: Library, question: str, modality: Modality, where: ClipFilter, limit: int
) -> tuple[list[Scored], list[str]]:
    vectors = (await query_vectors(library, question)).only(modality)
    if modality == SOUND and vectors.sound is None:
        note = (
            "This engine profile finds sounds by plain words only (speech, music, silence, loud, quiet, rhythm, noise, "
            "tone, high, low, knock, hum and words close to them), and the question has none. "
            "Use one of them, or give a clip that sounds like it in like."
        )
        return [], [note]
    evidence = await gather(library, vectors, "" if modality == SOUND else question, where, limit)
    return by_question(evidence), []


async def _for_example(library: Library, like: str, modality: Modality, where: ClipFilter, limit: int) -> list[Scored]:
    wanted = await example(library, like)
    evidence = await gather(library, wanted.vectors.only(modality), "", where, limit)
    return [
        each
        for each in by_example(evidence)
        if not wanted.is_itself(each.clip.asset_id, each.clip.start_sec, each.clip.end_sec)
    ]


def _next_step(answers: Sequence[Answer]) -> str:
    if not answers:
        return "Try other words or another modality, or call list_audio to see what is in the library."
    return "Call get_clip with a clip_id to quote or play a clip, or with asset_id, start_sec and end_sec for a range."
