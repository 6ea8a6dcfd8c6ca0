"""Asking the store: the clips nearest by meaning and by sound, and those that hold the words."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from soundbite_store import ClipFilter, ClipHit, ClipStore, Space, StoredClip
from soundbite_tools.search.calibration import Calibration, calibration_of
from soundbite_tools.search.queries import SOUND, SPEECH
from soundbite_tools.search.words import ExactWords, QuestionWords, sound_terms

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.queries import QueryVectors, Vector

_LOOSE_HITS = 12
MOST_HITS = 1_000


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
    is_exact: bool = False
    """Whether the clips of `words` are known to hold all that was asked for."""


async def gather_exact(library: Library, vectors: QueryVectors, text: str, where: ClipFilter) -> Evidence:
    """Return the evidence for clips that hold all of the exact words, at most the thousand that hold most of them.

    Raises:
        StoreError: the store can't be read.
    """
    words = ExactWords(text)
    search = _Search(await library.store(), vectors.current.space, where, MOST_HITS)
    holding = await search.store.text_search(search.space, " ".join(words.spellings), where=where, limit=MOST_HITS)
    hits = [hit for hit in holding if words.are_in(hit.clip.transcript)]
    near: Sequence[ClipHit] = ()
    if vectors.speech is not None and hits:
        of_those = replace(where, clip_ids=tuple(hit.clip.clip_id for hit in hits))
        near = await replace(search, where=of_those, limit=len(hits)).nearest(vectors.speech, "transcription")
    return Evidence(
        speech=near, words=hits, spoken=text, calibration=calibration_of(vectors.current.space.id), is_exact=True
    )


async def gather(
    library: Library, vectors: QueryVectors, text: str, where: ClipFilter, limit: int, modality: str = "any"
) -> Evidence:
    """Return the evidence for a question; `text` is empty for an example. In the modality sound its words count only
    as names of sounds, in speech only as what is said.

    The store is asked three questions at the most, one more where recordings were embedded as `fused`.

    Raises:
        StoreError: the store can't be read.
    """
    search = _Search(await library.store(), vectors.current.space, where, limit)
    searches: dict[str, Awaitable[Sequence[ClipHit]]] = {}
    if vectors.speech is not None:
        searches["speech"] = search.nearest(vectors.speech, "transcription")
    if vectors.sound is not None:
        searches["sound"] = search.nearest(vectors.sound, "audio")
    if vectors.whole is not None and await search.has_fused():
        searches["fused"] = search.loose(vectors.whole, "fused", "clip")
    if text:
        searches["words"] = search.holding(text, vectors.speech)
    # Not a task group, which wraps what fails in it: the store's own error tells what to do.
    hits = dict(zip(searches, await asyncio.gather(*searches.values()), strict=True))
    if vectors.speech is not None and vectors.sound is None and "words" in hits:
        hits["speech"] = await search.with_meaning(vectors.speech, hits["speech"], hits["words"])
    return Evidence(
        speech=hits.get("speech", ()),
        sound=hits.get("sound", ()),
        fused=hits.get("fused", ()),
        words=hits.get("words", ()),
        spoken=text if modality != SOUND else "",
        sound_terms=sound_terms(text) if modality != SPEECH else frozenset(),
        calibration=calibration_of(vectors.current.space.id),
    )


async def gather_whole(library: Library, vectors: QueryVectors, text: str, where: ClipFilter) -> Evidence:
    """Return the evidence of recordings that were embedded as a whole only: no clip of them can answer.

    Raises:
        StoreError: the store can't be read.
    """
    search = _Search(await library.store(), vectors.current.space, where, _LOOSE_HITS)
    return Evidence(
        fused=await search.loose(vectors.whole, None, "asset") if vectors.whole is not None else (),
        spoken=text,
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
        further = [hit for hit in holding if hit.clip.clip_id not in known]
        if len(nearest) < self.limit or not further:
            return nearest
        measured = [ClipHit(hit.clip, hit.cosine) for hit in further if hit.cosine is not None and _is_said(hit.clip)]
        known |= {hit.clip.clip_id for hit in measured}
        if asked := tuple(hit.clip.clip_id for hit in further if hit.clip.clip_id not in known):
            of_those = replace(self, where=replace(self.where, clip_ids=asked), limit=len(asked))
            measured += await of_those.nearest(vector, "transcription")
        return [*nearest, *sorted(measured, key=lambda hit: (-hit.score, hit.clip.asset_id, hit.clip.start_sec))]

    async def has_fused(self) -> bool:
        """Whether any recording was embedded with sound and speech in one vector; the store remembers that."""
        return await self.store.has_clips(self.space, ClipFilter(embedding_option="fused"))

    async def loose(self, vector: Vector, option: str | None, scope: str) -> Sequence[ClipHit]:
        """Hits in recordings that have no separate clips of their own."""
        where = replace(self.where, embedding_option=option, embedding_scope=scope)
        hits = await self.store.vector_search(self.space, vector, where=where, limit=_LOOSE_HITS)
        clipped = await self.store.assets_with_clips(self.space, {hit.clip.asset_id for hit in hits})
        return [hit for hit in hits if hit.clip.asset_id not in clipped]

    async def holding(self, text: str, vector: Vector | None) -> Sequence[ClipHit]:
        words = QuestionWords(text).spellings()
        if not words:
            return []
        return await self.store.text_search(
            self.space, " ".join(words), where=self.where, limit=self.limit, near=vector
        )


def _is_said(clip: StoredClip) -> bool:
    """Whether it is the row of what is said in a clip, which `nearest` looks through."""
    return clip.embedding_option == "transcription" and clip.embedding_scope == "clip"
