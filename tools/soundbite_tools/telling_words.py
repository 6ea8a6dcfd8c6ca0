"""Words that tell a group of texts from the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from soundbite_tools.words import terms_of

# English words that tell nothing by themselves, whichever group they are frequent in.
_COMMON = frozenset(
    terms_of(
        """a about after again all also am an and any are aren't as at be because been before being but by can can't
        could couldn't did didn't do does doesn't doing don't down each even ever every for from get gets getting go
        goes going gone good got had has hasn't have haven't having he he's her here hers him his how i i'd i'll i'm
        i've if in into is isn't it it's its just know let let's like ll made make many may me might more most much
        must my no nor not now of off oh ok okay on once one only or other our ours out over own quite rather really
        right said same say says see seem she she's should shouldn't so some still such take than that that's the
        their them then there there's these they they're thing things think this those through to too two um uh
        under until up upon us ve very was wasn't way we we'll we're we've well were weren't what what's when where
        which while who whose why will with within without won't would wouldn't yeah yes yet you you'd you'll you're
        you've your yours"""
    )
)
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
    return [word for word in terms_of(text) if len(word) >= _SHORTEST and word not in _COMMON]


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
