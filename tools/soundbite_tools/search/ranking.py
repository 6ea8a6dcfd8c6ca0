"""Asking the store for clips, and how well each answers: how near it comes to the question, as one score from 0 to 1.

The store is asked for the clips nearest by meaning and by sound, and for those that hold the words.

    held     = (share of the question's words that the clip holds, weighed by how rare they are in English)^2
    nearness = the greater of the cosine of question and clip, and .4 x held
             + .25 x held
             + .15 x (share of the question that the clip holds word for word)
             - .1 where the question asks for a number or a time and the clip holds none
    score    = 1 / (1 + exp(-6 x (nearness - .5)))

Nothing here depends on the other clips of the library, so a score means the same in each. docs/search.md tells how the
constants were chosen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from soundbite_store import ClipFilter, ClipHit, ClipStore, Space, StoredClip
from soundbite_tools.search.calibration import Calibration, calibration_of, probability
from soundbite_tools.search.queries import SOUND, SPEECH, holds, kind_wanted
from soundbite_tools.search.words import ExactWords, QuestionWords, sound_share, sound_terms

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.search.calibration import Ramp
    from soundbite_tools.search.queries import QueryVectors, Vector

WORDS, FUSED, QUOTED = "words", "fused", "quoted"
NAMED, WITHOUT = "named sound", "without"
_WORDS = 0.25
# A clip that holds all of the words answers, whatever it means besides.
_LEAST_MEANING = 0.4
_QUOTED = 0.15
_LACKING = 0.1
# Below this an answer is noise.
LEAST_SCORE = 0.05
# Below this nothing answers: at least 95 % of the questions that something answers have a better one.
WEAK_SCORE = 0.25
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


# Both are made for many clips of every question; frozen dataclasses take several times as long to make.
class Part(NamedTuple):
    """What one kind of evidence says of a clip: its strength from 0 to 1, and its rank among all clips."""

    score: float
    rank: int


class Scored(NamedTuple):
    """A clip with its score, what it matched by, and the parts of the score by name."""

    clip: StoredClip
    score: float
    matched: str
    parts: Mapping[str, Part] = MappingProxyType({})


def by_question(evidence: Evidence) -> list[Scored]:
    """Return the clips that answer a question in words, best first."""
    ramps = evidence.calibration
    clips, parts = _collected(
        evidence, {SPEECH: ramps.text_to_speech, SOUND: ramps.text_to_sound, FUSED: ramps.text_to_speech}
    )
    words = QuestionWords(evidence.spoken)
    kind = kind_wanted(evidence.spoken)
    places = {hit.clip.clip_id: place for place, hit in enumerate(evidence.words, 1)}
    for hit in evidence.words:
        clips.setdefault(hit.clip.clip_id, hit.clip)
    scored = []
    for clip_id, clip in clips.items():
        found, said = parts.setdefault(clip_id, {}), clip.transcript
        place = places.get(clip_id, len(places) + 1)
        if said and (share := 1.0 if evidence.is_exact else words.share(said)):
            found[WORDS] = Part(share, place)
        if said and WORDS in found and (share := words.quoted(said)):
            found[QUOTED] = Part(share, place)
        if clip.sound_words and (named := sound_share(evidence.sound_terms, clip.sound_words)):
            found[NAMED] = Part(named, place)
        scored.append(_answer(clip, found, lacks=kind is not None and not holds(kind, said)))
    return in_order(scored)


def by_example(evidence: Evidence) -> list[Scored]:
    """Return the clips that are like an example, best first: as alike in all that the example has, speech and sound."""
    ramps = evidence.calibration
    clips, parts = _collected(
        evidence, {SPEECH: ramps.speech_to_speech, SOUND: ramps.sound_to_sound, FUSED: ramps.sound_to_sound}
    )
    compared = [name for name, hits in ((SPEECH, evidence.speech), (SOUND, evidence.sound)) if hits]
    scored = []
    for clip_id, clip in clips.items():
        found = parts[clip_id]
        if FUSED in found:
            scored.append(Scored(clip, found[FUSED].score, "speech and sound", found))
            continue
        score = sum(found[name].score for name in compared if name in found) / len(compared)
        matched = " and ".join(name for name in (SPEECH, SOUND) if name in found and found[name].score >= LEAST_SCORE)
        scored.append(Scored(clip, score, matched, found))
    return in_order(scored)


def combined(by_words: Sequence[Scored], by_likeness: Sequence[Scored]) -> list[Scored]:
    """Return the clips that answer a question and are like an example: each of the two gives half of the score."""
    asked, alike = ({each.clip.clip_id: each for each in scored} for scored in (by_words, by_likeness))
    both = []
    for clip_id in dict.fromkeys([*asked, *alike]):
        found = [scored[clip_id] for scored in (asked, alike) if clip_id in scored]
        parts = dict(asked[clip_id].parts) if clip_id in asked else {}
        if clip_id in alike:
            parts |= {f"like {name}": part for name, part in alike[clip_id].parts.items()}
        score = sum(each.score for each in found) / 2.0
        both.append(Scored(found[0].clip, score, found[0].matched, parts))
    return in_order(both)


def lessened(scored: Sequence[Scored], unwanted: Sequence[Scored], words: int = 0) -> list[Scored]:
    """Return the clips with scores lessened by how much they are like what is not wanted.

    `words` is how many different words said what is not wanted, 0 for an example. A clip that holds a single word may
    say it in passing, so few words count less than all that a clip is about: one counts half, each further one halves
    what is left. What is heard counts whole.
    """
    trust = 1.0 - 0.5**words if words else 1.0
    against = {
        each.clip.clip_id: Part(each.score * (1.0 if each.matched == SOUND else trust), rank)
        for rank, each in enumerate(unwanted, 1)
    }
    return in_order(
        [
            each._replace(score=each.score * (1.0 - part.score), parts={**each.parts, WITHOUT: part})
            if (part := against.get(each.clip.clip_id))
            else each
            for each in scored
        ]
    )


def in_order(scored: Sequence[Scored]) -> list[Scored]:
    """Return those that are more than noise, best first, in the same order every time."""
    good = [each for each in scored if each.score >= LEAST_SCORE]
    return sorted(
        good, key=lambda each: (-round(each.score, 6), each.clip.asset_id, each.clip.start_sec, each.clip.clip_id)
    )


def _answer(clip: StoredClip, found: Mapping[str, Part], *, lacks: bool) -> Scored:
    def strength(name: str) -> float:
        return found[name].score if name in found else 0.0

    held = strength(WORDS) ** 2
    meaning = max(strength(SPEECH), strength(FUSED), _LEAST_MEANING * held)
    nearness = meaning + _WORDS * held + _QUOTED * strength(QUOTED) - _LACKING * lacks
    said = probability(nearness) if meaning else 0.0
    heard = max(strength(SOUND), strength(NAMED))
    if said >= heard:
        return Scored(clip, said, "speech and sound" if FUSED in found and SPEECH not in found else SPEECH, found)
    return Scored(clip, heard, SOUND, found)


def _collected(
    evidence: Evidence, ramps: Mapping[str, Ramp]
) -> tuple[dict[str, StoredClip], dict[str, dict[str, Part]]]:
    clips: dict[str, StoredClip] = {}
    parts: dict[str, dict[str, Part]] = {}
    lists: Mapping[str, Sequence[ClipHit]] = {
        SPEECH: evidence.speech,
        FUSED: evidence.fused,
        SOUND: evidence.sound,
    }
    for name, hits in lists.items():
        for rank, hit in enumerate(hits, 1):
            # The row found by meaning carries the words, so it is the one that is kept.
            clips.setdefault(hit.clip.clip_id, hit.clip)
            parts.setdefault(hit.clip.clip_id, {})[name] = Part(ramps[name](hit.score), rank)
    return clips, parts
