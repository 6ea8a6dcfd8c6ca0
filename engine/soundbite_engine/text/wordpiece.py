"""Text to word pieces, as BERT's uncased models cut it.

The rules are those of the reference tokenizer (Devlin et al. 2018, `tokenization.py`; the same as a `BertNormalizer`,
`BertPreTokenizer` and `WordPiece` in a Hugging Face tokenizer.json). Kept here because the library that implements
them brings a model hub's client along, 37 MB that an offline engine has no use for; a test holds the two side by side.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

_LONGEST_WORD = 100
_ASCII_WORD = re.compile(r"[a-z0-9]+|[^a-z0-9 ]")
_CONTINUED = "##"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


@dataclass(frozen=True, eq=False)
class WordPieces:
    """Cuts text into the pieces of a vocabulary."""

    vocabulary: dict[str, int]

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the vocabulary of a Hugging Face tokenizer.json of the kind WordPiece.

        Raises:
            ValueError: it is of another kind.
        """
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        if model["type"] != "WordPiece" or model["continuing_subword_prefix"] != _CONTINUED:
            raise ValueError(f"{path} holds a {model['type']} tokenizer, not WordPiece")
        return cls(model["vocab"])

    def ids(self, text: str) -> list[int]:
        """Return the ids of the pieces in order; a word that can't be made of pieces is left out."""
        words = _ASCII_WORD.findall(text.lower()) if text.isascii() and text.isprintable() else _words(text)
        return [piece for word in words for piece in self._pieces(word)]

    @lru_cache(maxsize=16_384)  # noqa: B019 - the one packaged vocabulary lives as long as the process
    def _pieces(self, word: str) -> tuple[int, ...]:
        if len(word) > _LONGEST_WORD:
            return ()
        pieces: list[int] = []
        start = 0
        while start < len(word):
            prefix = _CONTINUED if start else ""
            for end in range(len(word), start, -1):
                piece = self.vocabulary.get(prefix + word[start:end])
                if piece is not None:
                    pieces.append(piece)
                    start = end
                    break
            else:
                return ()
        return tuple(pieces)


def _words(text: str) -> Iterator[str]:
    spaced = "".join(_cleaned(character) for character in text)
    bare = "".join(each for each in unicodedata.normalize("NFD", spaced) if unicodedata.category(each) != "Mn")
    # Letter by letter, as the reference does: as a whole, Python would write a final sigma differently.
    for chunk in "".join(each.lower() for each in bare).split():
        word = ""
        for character in chunk:
            if _is_punctuation(character):
                if word:
                    yield word
                yield character
                word = ""
            else:
                word += character
        if word:
            yield word


@lru_cache(maxsize=4096)
def _cleaned(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if character == _REPLACEMENT or unicodedata.category(character) in ("Cc", "Cf", "Cn", "Co", "Cs"):
        return ""
    if character.isspace():
        return " "
    code = ord(character)
    if any(first <= code <= last for first, last in _CHINESE):
        return f" {character} "
    return character


@lru_cache(maxsize=4096)
def _is_punctuation(character: str) -> bool:
    # ASCII symbols such as $ and + count as punctuation though Unicode says otherwise.
    is_ascii_symbol = character.isascii() and character.isprintable() and not character.isalnum() and character != " "
    return is_ascii_symbol or unicodedata.category(character).startswith("P")
