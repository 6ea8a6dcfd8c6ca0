"""Our word pieces are those of the reference tokenizer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

import soundbite_engine
from soundbite_engine.text.wordpiece import WordPieces

FILE = Path(soundbite_engine.__file__).parent / "data" / "text_table" / "tokenizer.json"
OURS = WordPieces.from_file(FILE)
REFERENCE = Tokenizer.from_file(str(FILE))
UNKNOWN = REFERENCE.token_to_id("[UNK]")


def reference_ids(text: str) -> list[int]:
    return [piece for piece in REFERENCE.encode(text, add_special_tokens=False).ids if piece != UNKNOWN]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "The invoice is $1,200.50 - pay by Friday!",
        "unbelievable antidisestablishmentarianism",
        "Café naïve Zürich ÅNGSTRÖM",
        "東京 is big; 你好world",
        "tabs\tand\nlines\r\nand\u00a0no-break",
        "zero\u200bwidth \u202ebidi \x00 null \ufffd",
        "emoji 🎧 and ∑ symbols ±",
        "x" * 101,
        "don't stop—really…",
        "İstanbul ǅ ß ﬁ",
    ],
)
def test_a_text_is_cut_as_the_reference_cuts_it(text: str) -> None:
    assert OURS.ids(text) == reference_ids(text)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cn", "Co")), max_size=60))
def test_any_text_is_cut_as_the_reference_cuts_it(text: str) -> None:
    if "[" not in text:  # the reference reads "[CLS]" and its like as marks, which in speech they are not
        assert OURS.ids(text) == reference_ids(text)


def test_half_a_surrogate_pair_is_left_out() -> None:
    assert OURS.ids("so\ud800und") == OURS.ids("sound")


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"model": {"type": "BPE", "continuing_subword_prefix": ""}}))
    with pytest.raises(ValueError, match="not WordPiece"):
        WordPieces.from_file(path)
