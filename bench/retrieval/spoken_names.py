"""Measures the glossary on names that a synthesiser says: the recordings that no threshold was chosen on.

Run `python bench/retrieval/spoken_names.py` (needs flite). Sentences with two names each (names.txt) are said by three
voices and recognised; then all names are taught. A name is right where it stands as it was said; a word is broken where
it was right before and is not afterwards.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from retrieval.glossary import other_names, right_words
from retrieval.words import spoken_words

from soundbite_engine.analysis.analyse import transcribe
from soundbite_engine.profiles import base_profile
from soundbite_engine.workers.pool import WorkerPool
from soundbite_store import StoredTranscript, TimedText
from soundbite_tools.words.glossary import Name
from soundbite_tools.words.soundalikes import matches
from soundbite_tools.words.timed_words import reworded, with_words

VOICES = ("rms", "slt", "awb")
SENTENCES = (
    "We met {} in the office and {} came along later.",
    "The report from {} was sent to {} on Monday morning.",
    "Please ask {} whether the invoice for {} has been paid.",
    "Nobody told {} that the train to {} was late again.",
    "I think {} should write about the plans of {} this week.",
    "After lunch {} showed the new design to {} and the others.",
)
SEED = 11


async def main(count: int) -> int:
    names = other_names()
    said = random.Random(SEED).sample(names, min(2 * (count // 2), len(names)))
    taught = [Name.parse(name) for name in names]
    right, wrong_names, broken, replaced = [0, 0], 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="soundbite-names-") as folder:
        async with WorkerPool(size=2) as pool:
            for number, pair in enumerate(zip(said[::2], said[1::2], strict=True)):
                text = SENTENCES[number % len(SENTENCES)].format(*pair)
                before = await heard(text, VOICES[number % len(VOICES)], Path(folder) / "said.wav", pool)
                new, after = matches(before, taught), before
                for one in reversed(new):
                    after = with_words(after, one.passage, reworded(one.passage.words, one.text))
                    print(
                        f"  {one.passage.text} -> {one.text}  {one.nearness:.2f}  {'' if one.name in pair else 'wrong'}"
                    )
                words = spoken_words(text)
                places = [right_words(words, transcript) for transcript in (before, after)]
                for at, there in enumerate(places):
                    right[at] += sum(words.index(name.lower()) in there for name in pair)
                broken += len(places[0] - places[1])
                replaced += len(new)
                wrong_names += sum(one.name not in pair for one in new)
    print(f"{len(said)} names said: right before {right[0]}, after {right[1]}")
    print(f"{replaced} replacements: {wrong_names} by a name that was not said there; words broken: {broken}")
    return 0


async def heard(text: str, voice: str, path: Path, pool: WorkerPool) -> StoredTranscript:
    """What is recognised of a text that a voice says."""
    subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
    words = (await transcribe(str(path), pool, profile=base_profile().without_speakers())).words
    return StoredTranscript(
        asset_id="said",
        source="",
        start_sec=0.0,
        end_sec=max((word.end_sec for word in words), default=0.0),
        words=timed(words),
        sentences=(),
    )


def timed(words: Sequence[object]) -> tuple[TimedText, ...]:
    """Words of the engine as the store has them."""
    fields = ("value", "start_sec", "end_sec", "probability")
    return tuple(TimedText(**{field: getattr(word, field) for field in fields}) for word in words)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure the glossary on names that a synthesiser says.")
    parser.add_argument("--names", type=int, default=120)
    sys.exit(asyncio.run(main(parser.parse_args().names)))
