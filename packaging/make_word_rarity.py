"""Make the table of how rare English words are, which soundbite_tools.search.words reads.

    python packaging/make_word_rarity.py engine/soundbite_engine/weights/minilm-l6-v2/tokenizer.json

For developers. The source is the vocabulary of BERT (google-research/bert, Apache-2.0) as MiniLM's tokenizer has it:
its whole words come in the order of how frequent they are in English Wikipedia and books, so the place of a word gives
its frequency by Zipf's law. Words with one stem count together. A term weighs the logarithm of how much rarer it is
than the commonest words: 0 to 4, in tenths; what is not in the table weighs 4.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from pathlib import Path

from soundbite_tools.words.terms import UNKNOWN_WEIGHT, term_of

TABLE = Path(__file__).parents[1] / "tools" / "soundbite_tools" / "words" / "english_rarity.txt"
# Zipf-Mandelbrot: the frequency of the word at a place is proportional to 1 / (place + 3).
OFFSET = 3
# A term of this frequency, as a share of the sum over 1 / (place + OFFSET), tells nothing.
COMMONEST = 0.04


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description="Make the table of how rare English words are.")
    parser.add_argument("tokenizer", type=Path, help="tokenizer.json with BERT's vocabulary")
    vocabulary = json.loads(parser.parse_args().tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    words = [word for word in sorted(vocabulary, key=vocabulary.__getitem__) if word.isascii() and word.isalpha()]
    frequency: defaultdict[str, float] = defaultdict(float)
    for place, word in enumerate((word for word in words if len(word) > 1), start=1):
        frequency[term_of(word)] += 1.0 / (place + OFFSET)
    by_weight: defaultdict[int, list[str]] = defaultdict(list)
    for term, share in frequency.items():
        weight = round(10.0 * max(math.log10(COMMONEST / share), 0.0))
        if weight < 10.0 * UNKNOWN_WEIGHT:
            by_weight[weight].append(term)
    lines = [f"{weight} {' '.join(sorted(terms))}" for weight, terms in sorted(by_weight.items())]
    TABLE.write_text(
        "# How rare English words are: weight in tenths, then the stems that have it. Made by make_word_rarity.py\n"
        "# from the order of the vocabulary of BERT (google-research/bert, Apache-2.0).\n" + "\n".join(lines) + "\n",
        encoding="ascii",
    )


if __name__ == "__main__":
    main()
