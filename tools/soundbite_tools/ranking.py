"""How well a clip answers: the evidence of words, meaning and sound, weighed into one score from 0 to 1.

Verbatim questions want words and paraphrases want vectors, and giving both an equal say is worse than the better of
the two on either kind. So the question itself decides: words count by the share of the question's rare-word weight
that the clip holds, and the meaning fills what the words leave open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soundbite_tools.words import coverage, terms_of

if TYPE_CHECKING:
    from soundbite_store import ClipHit, StoredClip
    from soundbite_tools.evidence import Evidence

WORDS, SPEECH, SOUND, FUSED = "words", "speech", "sound", "fused"
# Below this an answer is noise.
LEAST_SCORE = 0.15


@dataclass(frozen=True)
class Ramp:
    """Where a cosine begins to mean something, and where it means all it can."""

    low: float
    high: float

    def __call__(self, cosine: float) -> float:
        """Return 0 up to `low`, 1 from `high` on, and straight between."""
        return min(max((cosine - self.low) / (self.high - self.low), 0.0), 1.0)


@dataclass(frozen=True)
class Part:
    """What one kind of evidence says of a clip: its strength from 0 to 1, and its rank among all clips."""

    score: float
    rank: int


@dataclass(frozen=True)
class Scored:
    """A clip with its score, what it matched by, and the parts of the score by name."""

    clip: StoredClip
    score: float
    matched: str
    parts: Mapping[str, Part] = field(default_factory=dict)


# Fitted on the development recordings of the evaluation folder and on the samples; bench/quality.py measures them.
_TEXT_TO_SPEECH = Ramp(0.2, 0.85)
# A text names properties of a sound, which are at most .4 of its block: one of two that apply alike has .28.
_TEXT_TO_SOUND = Ramp(0.06, 0.34)
_SPEECH_TO_SPEECH = Ramp(0.2, 1.0)
# Of everyday sounds in ten classes, nine of ten unlike pairs lie under .45 and half of the like ones over .57.
_SOUND_TO_SOUND = Ramp(0.3, 0.9)
# What the best clip holds of the question's rare words says what kind of question it is: a paraphrase shares few with
# any clip (95 % of them under .27), a quotation many with one (95 % over .36, for all the recogniser mishears).
_IS_VERBATIM = Ramp(0.2, 0.4)
_MEANING_IN_VERBATIM = 0.4


def by_question(evidence: Evidence) -> list[Scored]:
    """Return the clips that answer a question in words, best first."""
    clips, parts = _collected(evidence, {SPEECH: _TEXT_TO_SPEECH, SOUND: _TEXT_TO_SOUND, FUSED: _TEXT_TO_SPEECH})
    weight_of = evidence.word_weights or {}
    bm25 = {hit.clip.clip_id: rank for rank, hit in enumerate(evidence.words, 1)}
    for hit in evidence.words:
        clips.setdefault(hit.clip.clip_id, hit.clip)
    for clip_id, clip in clips.items():
        if share := coverage(weight_of, terms_of(clip.transcript)):
            parts.setdefault(clip_id, {})[WORDS] = Part(share, bm25.get(clip_id, len(bm25) + 1))
    best_share = max((found[WORDS].score for found in parts.values() if WORDS in found), default=0.0)
    trust = 1.0 - (1.0 - _MEANING_IN_VERBATIM) * _IS_VERBATIM(best_share)
    return _in_order([_answer(clip, parts.get(clip_id, {}), trust) for clip_id, clip in clips.items()])


def by_example(evidence: Evidence) -> list[Scored]:
    """Return the clips that are like an example, best first: as alike in all that the example has, speech and sound."""
    clips, parts = _collected(evidence, {SPEECH: _SPEECH_TO_SPEECH, SOUND: _SOUND_TO_SOUND, FUSED: _SOUND_TO_SOUND})
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
    return _in_order(scored)


def _answer(clip: StoredClip, found: Mapping[str, Part], trust: float) -> Scored:
    words, meaning, sound, fused = (
        found[name].score if name in found else 0.0 for name in (WORDS, SPEECH, SOUND, FUSED)
    )
    said = words + (1.0 - words) * trust * max(meaning, fused)
    if said >= sound:
        return Scored(clip, said, "speech and sound" if FUSED in found and not meaning else SPEECH, found)
    return Scored(clip, sound, SOUND, found)


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


def _in_order(scored: Sequence[Scored]) -> list[Scored]:
    good = [each for each in scored if each.score >= LEAST_SCORE]
    return sorted(
        good, key=lambda each: (-round(each.score, 6), each.clip.asset_id, each.clip.start_sec, each.clip.clip_id)
    )
