"""Asking the store: the clips nearest by meaning and by sound, and those that hold the words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, ClipHit, ClipStore, Space
from soundbite_tools.search.calibration import Calibration, calibration_of
from soundbite_tools.search.queries import SOUND, SPEECH
from soundbite_tools.search.words import QuestionWords, sound_terms

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.queries import QueryVectors, Vector

_LOOSE_HITS = 12


@dataclass(frozen=True)
class Evidence:
    """What the store found, best first in each list, and the words to compare the clips with."""

    speech: Sequence[ClipHit] = ()
    sound: Sequence[ClipHit] = ()
    fused: Sequence[ClipHit] = ()
    words: Sequence[ClipHit] = ()
    spoken: str = ""
    """The question, where its words may have been said."""
    sound_terms: frozenset[str] = frozenset()
    """Words of the question that may name a sound."""
    calibration: Calibration = field(default_factory=lambda: calibration_of(""))


async def gather(
    library: Library, vectors: QueryVectors, text: str, where: ClipFilter, limit: int, modality: str = "any"
) -> Evidence:
    """Return the evidence for a question; `text` is empty for an example. In the modality sound its words count only
    as names of sounds, in speech only as what is said.

    The store is asked three questions at the most, unless recordings were embedded without separate clips.

    Raises:
        StoreError: the store can't be read.
    """
    search = _Search(await library.store(), vectors.current.space, where, limit)
    asked: dict[str, Awaitable[Sequence[ClipHit]]] = {}
    if vectors.speech is not None:
        asked["speech"] = search.nearest(vectors.speech, "transcription")
    if vectors.sound is not None:
        asked["sound"] = search.nearest(vectors.sound, "audio")
    if vectors.whole is not None:
        asked["fused"] = search.loose(vectors.whole)
    if text:
        asked["words"] = search.holding(text)
    # Not a task group, which wraps what fails in it: the store's own error tells what to do.
    found = dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
    if vectors.speech is not None and vectors.sound is None and "words" in found:
        found["speech"] = await search.with_meaning(vectors.speech, found["speech"], found["words"])
    return Evidence(
        **found,
        spoken=text if modality != SOUND else "",
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

    async def with_meaning(
        self, vector: Vector, nearest: Sequence[ClipHit], holding: Sequence[ClipHit]
    ) -> Sequence[ClipHit]:
        """The nearest clips, and those that hold the words and are further away, with their cosines too.

        Without them the score of a clip would depend on how many others are nearer.
        """
        known = {hit.clip.clip_id for hit in nearest}
        further = [hit.clip.clip_id for hit in holding if hit.clip.clip_id not in known]
        if len(nearest) < self.limit or not further:
            return nearest
        of_those = replace(self, where=replace(self.where, clip_ids=tuple(further)), limit=len(further))
        return [*nearest, *await of_those.nearest(vector, "transcription")]

    async def loose(self, vector: Vector) -> Sequence[ClipHit]:
        """Hits in recordings that were embedded without separate clips: only fused ones, or only as a whole."""
        hits = list[ClipHit]()
        for loose in (
            ClipFilter(embedding_option="fused", embedding_scope="clip"),
            ClipFilter(embedding_scope="asset"),
        ):
            # Most libraries have none; the store remembers that.
            if await self.store.has_clips(self.space, loose):
                where = replace(
                    self.where, embedding_option=loose.embedding_option, embedding_scope=loose.embedding_scope
                )
                hits += await self.store.vector_search(self.space, vector, where=where, limit=_LOOSE_HITS)
        clipped = await self.store.assets_with_clips(self.space, {hit.clip.asset_id for hit in hits})
        return [hit for hit in hits if hit.clip.asset_id not in clipped]

    async def holding(self, text: str) -> Sequence[ClipHit]:
        words = QuestionWords(text).spellings()
        if not words:
            return []
        return await self.store.text_search(self.space, " ".join(words), where=self.where, limit=self.limit)
