"""Asking the store: the clips nearest by meaning and by sound, and those that hold the words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, ClipHit, ClipStore, Space
from soundbite_tools.search.calibration import Calibration, calibration_of
from soundbite_tools.search.queries import SOUND, SPEECH
from soundbite_tools.search.spoken_numbers import numbers_in
from soundbite_tools.search.words import MOST_TERMS, distinct_terms, sound_terms, terms_of, weights

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.queries import QueryVectors, Vector

_LOOSE_HITS = 12
_SPOKEN = ClipFilter(embedding_option="transcription", embedding_scope="clip")


@dataclass(frozen=True)
class Evidence:
    """What the store found, best first in each list, and how much each word of the question tells."""

    speech: Sequence[ClipHit] = ()
    sound: Sequence[ClipHit] = ()
    fused: Sequence[ClipHit] = ()
    words: Sequence[ClipHit] = ()
    word_weights: dict[str, float] | None = None
    sound_terms: frozenset[str] = frozenset()
    """Words of the question that may name a sound."""
    calibration: Calibration = field(default_factory=lambda: calibration_of(""))


async def gather(
    library: Library, vectors: QueryVectors, text: str, where: ClipFilter, limit: int, modality: str = "any"
) -> Evidence:
    """Return the evidence for a question; `text` is empty for an example. In the modality sound its words count only
    as names of sounds, in speech only as what is said.

    Raises:
        StoreError: the store can't be read.
    """
    search = _Search(await library.store(), vectors.current.space, where, limit)
    said = await search.as_said(text)
    asked: dict[str, Awaitable[Sequence[ClipHit]]] = {}
    if vectors.speech is not None:
        asked["speech"] = search.nearest(vectors.speech, "transcription")
    if vectors.sound is not None:
        asked["sound"] = search.nearest(vectors.sound, "audio")
    if vectors.whole is not None:
        asked["fused"] = search.loose(vectors.whole)
    if text:
        asked["words"] = search.holding(said)
    # Not a task group, which wraps what fails in it: the store's own error tells what to do.
    found, counted = await asyncio.gather(
        asyncio.gather(*asked.values()), search.word_weights(said if modality != SOUND else "")
    )
    return Evidence(
        **dict(zip(asked, found, strict=True)),
        word_weights=counted,
        sound_terms=sound_terms(text) if modality != SPEECH else frozenset(),
        calibration=calibration_of(vectors.current.space.id),
    )


@dataclass(frozen=True)
class _Search:
    store: ClipStore
    space: Space
    where: ClipFilter
    limit: int

    async def nearest(self, vector: Vector, option: str) -> Sequence[ClipHit]:
        where = replace(self.where, embedding_option=option, embedding_scope="clip")
        return await self.store.vector_search(self.space, vector, where=where, limit=self.limit)

    async def loose(self, vector: Vector) -> Sequence[ClipHit]:
        """Hits in recordings that were embedded without separate clips: only fused ones, or only as a whole."""
        hits = []
        for where in (
            replace(self.where, embedding_option="fused", embedding_scope="clip"),
            replace(self.where, embedding_scope="asset"),
        ):
            hits += await self.store.vector_search(self.space, vector, where=where, limit=_LOOSE_HITS)
        clipped = await self.store.assets_with_clips(self.space, {hit.clip.asset_id for hit in hits})
        return [hit for hit in hits if hit.clip.asset_id not in clipped]

    async def as_said(self, text: str) -> str:
        """`text`, a number that no clip holds as it is asked ("23") in the form that clips hold ("twenty three")."""
        terms = terms_of(text)
        numbers = numbers_in(terms[:MOST_TERMS])
        if not numbers:
            return text
        known = {term for number in numbers for form in number.forms for term in form}
        clips = (await self.store.term_document_counts(self.space, sorted(known), _SPOKEN)).by_term
        words = list(terms)
        for number in reversed(numbers):
            held = [form for form in number.forms if all(clips[term] for term in form)]
            words[number.first : number.last] = held[0] if held else number.forms[0]
        return " ".join(words)

    async def holding(self, text: str) -> Sequence[ClipHit]:
        return await self.store.text_search(
            self.space, " ".join(distinct_terms(text)), where=self.where, limit=self.limit
        )

    async def word_weights(self, text: str) -> dict[str, float]:
        if not text:
            return {}
        return weights(await self.store.term_document_counts(self.space, distinct_terms(text)[:MOST_TERMS], _SPOKEN))
