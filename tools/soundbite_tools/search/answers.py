"""The clips that answer a question, scored: its words, its example, and what they must not be like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter
from soundbite_tools.search.evidence import gather
from soundbite_tools.search.examples import example_of, is_id
from soundbite_tools.search.queries import SOUND, query_vectors
from soundbite_tools.search.ranking import Scored, by_example, by_question, combined, lessened
from soundbite_tools.search.words import distinct_terms

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.question import Modality, Question
    from soundbite_tools.search.scope import Searched

_UNNAMED_SOUND = (
    "The question names no sound that this engine profile knows. The base profile knows plain words only (speech, "
    "music, silence, loud, quiet, rhythm, noise, tone, high, low, knock, hum and words close to them). "
    "Use one of them, or give a clip that sounds like it in like."
)


async def answers(
    library: Library, question: Question, searched: Searched, limit: int
) -> tuple[list[Scored], list[str]]:
    """Return the clips that answer, best first, from `limit` hits of each kind of evidence, and notes for the caller.

    Raises:
        ToolProblem: an example can't be used.
        PlatformError, StoreError: they could not be asked.
    """
    where, notes, found = searched.where, list[str](), list[list[Scored]]()
    if question.words:
        scored, note = await _for_words(library, question.words, question.modality, where, limit)
        found.append(scored)
        notes += [note] if note else []
    if question.like:
        scored, note = await _for_example(library, question.like, question.modality, where, limit)
        found.append(scored)
        notes += [note] if note else []
    scored = combined(*found) if len(found) > 1 else found[0]
    if question.without and scored:
        words = 0 if is_id(question.without) else len(distinct_terms(question.without))
        scored = lessened(scored, await _unwanted(library, question, scored), words)
    return scored, notes


async def _for_words(
    library: Library, text: str, modality: Modality, where: ClipFilter, limit: int
) -> tuple[list[Scored], str]:
    vectors = (await query_vectors(library, text)).only(modality)
    scored = by_question(await gather(library, vectors, text, where, limit, modality))
    is_unnamed = modality == SOUND and vectors.sound is None and not scored
    return scored, _UNNAMED_SOUND if is_unnamed else ""


async def _for_example(
    library: Library, like: str, modality: Modality, where: ClipFilter, limit: int
) -> tuple[list[Scored], str]:
    wanted = await example_of(library, like)
    evidence = await gather(library, wanted.vectors.only(modality), "", where, limit)
    scored = [
        each
        for each in by_example(evidence)
        if not wanted.is_itself(each.clip.asset_id, each.clip.start_sec, each.clip.end_sec)
    ]
    return scored, wanted.note


async def _unwanted(library: Library, question: Question, scored: Sequence[Scored]) -> list[Scored]:
    # Asked of the clips found and of no others: each must be told how much it is like what is not wanted.
    where = ClipFilter(clip_ids=tuple(each.clip.clip_id for each in scored))
    limit = len(scored)
    if is_id(question.without):
        wanted = await example_of(library, question.without)
        return by_example(await gather(library, wanted.vectors.only(question.modality), "", where, limit))
    return (await _for_words(library, question.without, question.modality, where, limit))[0]
