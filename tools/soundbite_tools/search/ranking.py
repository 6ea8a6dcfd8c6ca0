"""How well a clip answers: the evidence of words, meaning and sound, weighed into one score from 0 to 1.

Verbatim questions want words and paraphrases want vectors, and giving both an equal say is worse than the better of
the two on either kind. So the question itself decides: words count by the share of the question's rare-word weight
that the clip holds, and the meaning fills what the words leave open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from soundbite_tools.search.calibration import Ramp
from soundbite_tools.search.phonetics import LikelyHeard
from soundbite_tools.search.words import coverage, named_share, terms_of

if TYPE_CHECKING:
    from soundbite_store import ClipHit, StoredClip
    from soundbite_tools.search.evidence import Evidence

WORDS, PHONETIC, SPEECH, SOUND, FUSED = "words", "phonetic", "speech", "sound", "fused"
NAMED, WITHOUT = "named sound", "without"
# Below this an answer is noise.
LEAST_SCORE = 0.15
# Below this it is weak: at least 95 % of the questions that something answers have a better one.
WEAK_SCORE = 0.37


# Both are made for many clips of every question; frozen dataclasses take several times as long to make.
class Part(NamedTuple):
    """What one kind of evidence says of a clip: its strength from 0 to 1, and its rank among all clips."""

    score: float
    rank: int


_NOTHING = Part(0.0, 0)


class Scored(NamedTuple):
    """A clip with its score, what it matched by, and the parts of the score by name."""

    clip: StoredClip
    score: float
    matched: str
    parts: Mapping[str, Part] = MappingProxyType({})


# What the best clip holds of the question's rare words says what kind of question it is: a paraphrase shares few with
# any clip (95 % of them under .27), a quotation many with one (95 % over .36, for all the recogniser mishears).
_IS_VERBATIM = Ramp(0.2, 0.4)
_MEANING_IN_VERBATIM = 0.4


def by_question(evidence: Evidence) -> list[Scored]:
    """Return the clips that answer a question in words, best first."""
    ramps = evidence.calibration
    clips, parts = _collected(
        evidence, {SPEECH: ramps.text_to_speech, SOUND: ramps.text_to_sound, FUSED: ramps.text_to_speech}
    )
    weight_of = evidence.word_weights or {}
    heard = LikelyHeard(weight_of)
    bm25 = {hit.clip.clip_id: rank for rank, hit in enumerate(evidence.words, 1)}
    for hit in evidence.words:
        clips.setdefault(hit.clip.clip_id, hit.clip)
    for clip_id, clip in clips.items():
        rank = bm25.get(clip_id, len(bm25) + 1)
        said = terms_of(clip.transcript)
        found = parts.setdefault(clip_id, {})
        if share := coverage(weight_of, said):
            found[WORDS] = Part(share, rank)
        if alike := heard.share(said):
            found[PHONETIC] = Part(alike, rank)
        if clip.sound_words and (named := named_share(evidence.sound_terms, clip.sound_words)):
            found[NAMED] = Part(named, rank)
    best_share = max((found[WORDS].score for found in parts.values() if WORDS in found), default=0.0)
    trust = 1.0 - (1.0 - _MEANING_IN_VERBATIM) * _IS_VERBATIM(best_share)
    return in_order([_answer(clip, parts[clip_id], trust) for clip_id, clip in clips.items()])


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
    what is left.
    """
    trust = 1.0 - 0.5**words if words else 1.0
    against = {each.clip.clip_id: Part(_unwanted(each, trust), rank) for rank, each in enumerate(unwanted, 1)}
    return in_order(
        [
            each._replace(score=each.score * (1.0 - part.score), parts={**each.parts, WITHOUT: part})
            if (part := against.get(each.clip.clip_id))
            else each
            for each in scored
        ]
    )


def _unwanted(found: Scored, trust: float) -> float:
    others = max((part.score for name, part in found.parts.items() if name not in (WORDS, PHONETIC)), default=0.0)
    return max(found.score * trust, min(others, found.score))


def in_order(scored: Sequence[Scored]) -> list[Scored]:
    """Return those that are more than noise, best first, in the same order every time."""
    good = [each for each in scored if each.score >= LEAST_SCORE]
    return sorted(
        good, key=lambda each: (-round(each.score, 6), each.clip.asset_id, each.clip.start_sec, each.clip.clip_id)
    )


def _answer(clip: StoredClip, found: Mapping[str, Part], trust: float) -> Scored:
    part = found.get
    words = min(part(WORDS, _NOTHING).score + part(PHONETIC, _NOTHING).score, 1.0)
    meaning, fused = part(SPEECH, _NOTHING).score, part(FUSED, _NOTHING).score
    said = words + (1.0 - words) * trust * max(meaning, fused)
    heard = max(part(SOUND, _NOTHING).score, part(NAMED, _NOTHING).score)
    if said >= heard:
        return Scored(clip, said, "speech and sound" if FUSED in found and not meaning else SPEECH, found)
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
