"""The clips in which a sound is heard, by the words that a profile gave it or by its vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.search.calibration import calibration_of
from soundbite_tools.search.queries import query_vectors
from soundbite_tools.search.words import terms_of

if TYPE_CHECKING:
    from soundbite_tools.library import CurrentSpace, Library

# A sound that is named in words counts as heard from this strength on.
_LEAST_STRENGTH = 0.5
_MOST_HITS = 1000


async def clips_with_sounds(
    library: Library, current: CurrentSpace, where: ClipFilter, sounds: Sequence[str]
) -> tuple[str, ...]:
    """Return the ids of the clips in which any of these sounds is heard, at most 1,000 for each.

    Raises:
        QuestionProblem: none of them is heard in any clip, or can be by this profile.
        PlatformError, StoreError: they could not be asked for.
    """
    found: dict[str, None] = {}
    unknown = []
    for sound in sounds:
        named, heard = await _named(library, current, where, sound), await _heard(library, current, where, sound)
        if heard is None and not named:
            unknown.append(sound)
        found |= dict.fromkeys([*named, *(heard or ())])
    if not found:
        why = " The engine's profile does not know them by name." if len(unknown) == len(sounds) else ""
        raise QuestionProblem(
            f"No clip of this selection has the sound {' or '.join(sounds)}.{why}",
            "Leave sounds out, or name others: plain words such as music, speech, noise, loud, or those that results "
            "show as sounds.",
            code="unknown_sound",
        )
    return tuple(found)


async def _named(library: Library, current: CurrentSpace, where: ClipFilter, sound: str) -> list[str]:
    store = await library.store()
    words = set(terms_of(sound))
    hits = await store.text_search(current.space, sound, where=where, limit=_MOST_HITS)
    return [hit.clip.clip_id for hit in hits if words and words <= set(terms_of(hit.clip.sound_words))]


async def _heard(library: Library, current: CurrentSpace, where: ClipFilter, sound: str) -> list[str] | None:
    vector = (await query_vectors(library, sound)).sound
    if vector is None:
        return None
    store = await library.store()
    audio = replace(where, embedding_option="audio", embedding_scope="clip")
    hits = await store.vector_search(current.space, vector, where=audio, limit=_MOST_HITS)
    strength = calibration_of(current.space.id).text_to_sound
    return [hit.clip.clip_id for hit in hits if strength(hit.score) >= _LEAST_STRENGTH]
