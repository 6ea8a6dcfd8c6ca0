"""Words that others wrote (transcripts, titles, tags, file names), made safe to show.

They are data: a control, bidirectional or zero-width character could hide or reorder what a person or a model reads.
"""

from __future__ import annotations

import unicodedata

LONGEST_TITLE = 120
LONGEST_TAG = 40
MOST_TAGS = 20


def plain_text(text: str, longest: int) -> str:
    """Return the text on one line, without invisible characters, at most `longest` characters long."""
    kept = "".join(_visible(char) for char in text)
    return shortened(" ".join(kept.split()), longest)


def shortened(text: str, longest: int) -> str:
    """Return the text cut at a word where possible, with an ellipsis where something is missing."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    space = cut.rfind(" ")
    # A word boundary is worth a fifth of the space, not more: some languages have none.
    return (cut[:space] if space > longest * 0.8 else cut) + "…"


def plain_tags(tags: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    """Return tags in lower case, cleaned, without repeats, in the order given."""
    cleaned = (plain_text(tag, LONGEST_TAG).lower() for tag in tags)
    return tuple(dict.fromkeys(tag for tag in cleaned if tag))


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Zs", "Zl", "Zp") or char in "\t\n\r\v\f":
        return " "
    # Cc control, Cf format (zero-width, bidi, tags), Cs lone surrogates, Co private use, Cn unassigned.
    return "" if category.startswith("C") else char
