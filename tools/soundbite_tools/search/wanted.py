"""What a question wants: what it is about, and an answer of which kind."""

from __future__ import annotations

import re
from typing import Literal

from soundbite_tools.search.numbers import NUMBER_WORDS
from soundbite_tools.search.words import terms_of

Kind = Literal["number", "time"]

# "What did the manager think about the budget?" is about the budget: who speaks and that they speak is in every clip.
_DISCUSSION = re.compile(
    r"""\b(?:summari[sz]e|what|why|how|who|whom|which|did|do|does|was|were)\b .*?
    \b(?:discussions?|discuss|discussed|discussing|talk|talks|talked|talking|think|thinks|thought|said|say|says|feel|
    opinions?|ideas?|views?|mention|mentions|mentioned|believe|attitude|propose|proposed|suggest|suggested|recommend)\b
    (?:\s\w+)?? \s(?:about|of|on|towards?|for|regarding)\s+ (?P<topic>\S.*)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_WANTS_NUMBER = re.compile(
    r"""\bhow\ (?:many|much|long|old|far|big|large|tall|high|often)\b
    | \b(?:what|which)\ (?:number|amount|percentage|price|share|digits|code|year)\b
    | \bwhat\b.*\b(?:cost|costs|price|number)\b | \blicen[cs]e\ plate\b""",
    re.IGNORECASE | re.VERBOSE,
)
_WANTS_TIME = re.compile(
    r"""^(?:by\ |since\ |until\ )?when\b | \b(?:at\ )?(?:what|which)\ (?:day|year|month|date|hour|time|week)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TIMES = frozenset(
    terms_of(
        """monday tuesday wednesday thursday friday saturday sunday january february march april june july august
        september october november december today tomorrow yesterday tonight morning afternoon evening noon midnight
        o'clock day days week weeks month months year years hour hours minute minutes second seconds"""
    )
)


def topic_of(question: str) -> str:
    """Return what a question about a discussion is about; any other question as it is."""
    match = _DISCUSSION.search(question)
    return match["topic"] if match else question


def kind_wanted(question: str) -> Kind | None:
    """Return the kind of answer that a question in English wants, where that can be told from its words."""
    if _WANTS_TIME.search(question):
        return "time"
    return "number" if _WANTS_NUMBER.search(question) else None


def holds(kind: Kind, text: str) -> bool:
    """Return whether a text holds an answer of that kind: a number, in digits or words, or for a time a day or date."""
    words = terms_of(text)
    if not NUMBER_WORDS.isdisjoint(words) and any(word in NUMBER_WORDS and word != "one" for word in words):
        return True
    if any(char.isdecimal() for char in text):
        return True
    return kind == "time" and not _TIMES.isdisjoint(words)
