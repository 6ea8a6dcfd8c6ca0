"""How well a clip answers: how near its meaning and its words come to the question, as one score from 0 to 1.

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

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from soundbite_tools.search.calibration import probability
from soundbite_tools.search.queries import holds, kind_wanted
from soundbite_tools.search.words import QuestionWords, sound_share

if TYPE_CHECKING:
    from soundbite_store import ClipHit, StoredClip
    from soundbite_tools.search.calibration import Ramp
    from soundbite_tools.search.evidence import Evidence

WORDS, SPEECH, SOUND, FUSED, QUOTED = "words", "speech", "sound", "fused", "quoted"
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
