"""Words that tell a group of texts from the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from soundbite_tools.search.words import COMMON_WORDS, terms_of

_SHORTEST = 3
# How strongly a word's frequency everywhere pulls its frequency in one group to itself.
_PRIOR = 0.5


def telling_words(groups: Sequence[Sequence[str]], most: int) -> list[list[str]]:
    """Return, for each group of texts, the words said in it more than in the others, the most telling first.

    Ranked by the z-score of the log odds ratio with an informative prior (Monroe, Colaresi and Quinn 2008), counting
    the texts that hold a word.
    """
    counts = [Counter(word for text in texts for word in set(_words(text))) for texts in groups]
    everywhere = sum(counts, Counter[str]())
    return [_telling(found, everywhere)[:most] for found in counts]


def _words(text: str) -> list[str]:
    return [word for word in terms_of(text) if len(word) >= _SHORTEST and word not in COMMON_WORDS]


def _telling(found: Counter[str], everywhere: Counter[str]) -> list[str]:
    total, all_total = found.total(), everywhere.total()
    scores = {}
    for word, count in found.items():
        outside, prior = everywhere[word] - count, _PRIOR * everywhere[word]
        inside_odds = math.log((count + prior) / (total + _PRIOR * all_total - count - prior + 1.0))
        outside_odds = math.log((outside + prior) / (all_total - total + _PRIOR * all_total - outside - prior + 1.0))
        scores[word] = (inside_odds - outside_odds) / math.sqrt(1.0 / (count + prior) + 1.0 / (outside + prior))
    ranked = sorted(scores, key=lambda word: (-round(scores[word], 6), -found[word], word))
    return [word for word in ranked if scores[word] > 0.0]
