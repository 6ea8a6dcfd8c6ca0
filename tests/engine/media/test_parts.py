"""A recording cut part by part has the segments, words and neighbours that it has when it is cut in one go."""

from __future__ import annotations

import random
from collections.abc import Iterable

import numpy as np
import pytest

from soundbite_engine.analysis.listening import passages
from soundbite_engine.analysis.parts import PartFacts, Settled, Settling, part_passages
from soundbite_engine.audio.segments import Ticks, natural
from soundbite_engine.speech.transcripts import Recognition, Sentence, Word, sayings, transcript
from soundbite_engine.speech.turns import Turn, with_speakers
from soundbite_engine.text import surroundings
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SEC, Segment

VALUES = ("so", "we", "wait", "now.", "here,", "there?", "e.g.", "Mr.", "...", "yes.")


def spoken(rng: random.Random, seconds: float) -> tuple[Word, ...]:
    """Words with pauses of every length between them."""
    words, at = [], rng.uniform(0.0, 4.0)
    while at < seconds - 1.0:
        length = rng.uniform(0.05, 0.6)
        words.append(Word(rng.choice(VALUES), round(at, 3), round(at + length, 3), 0.9, "en"))
        at += length + rng.choice((0.0, 0.02, 0.3, 0.8, 1.3, 5.0, 14.0)) * rng.random()
    return tuple(words)


def heard(rng: random.Random, seconds: float) -> Ticks:
    """Noise whose level changes, with voices here and there."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    count = int(seconds / TICK_SEC)
    levels = np.repeat(numbers.uniform(-80.0, -20.0, count // 40 + 1), 40)[:count]
    speech = np.repeat(numbers.uniform(0.0, 1.0, count // 25 + 1), 25)[:count]
    bands = levels[:, None] + np.repeat(numbers.normal(0.0, 12.0, (count // 60 + 1, 24)), 60, axis=0)[:count]
    return Ticks(speech.astype(np.float32), levels.astype(np.float32), bands.astype(np.float32))


def speaking(rng: random.Random, end_sec: float) -> tuple[Turn, ...]:
    """Turns of three people, some of them short."""
    turns, at = [], 0.0
    while at < end_sec:
        length = rng.uniform(0.3, 12.0)
        turns.append(Turn(at, at + length, rng.randint(1, 3)))
        at += length + rng.uniform(0.0, 1.0)
    return tuple(turns)


def in_parts(
    rng: random.Random, words: tuple[Word, ...], ticks: Ticks, start_sec: float, end_sec: float, turns: tuple[Turn, ...]
) -> list[Settled]:
    borders = sorted(rng.sample(range(len(words)), min(len(words), rng.randint(0, 6))))
    settling, parts = Settling(start_sec, "en", turns), []
    for first, last in zip([0, *borders], [*borders, len(words)], strict=True):
        is_last = last == len(words)
        cut = settling.take(Recognition(words[first:last]), is_last=is_last)
        segments: list[Segment] = []
        if is_last or cut.clips:
            segments = natural(ticks, start_sec, end_sec, cut.clips, cut.begin_tick, is_last=is_last)
        parts.append(settling.settle(segments, is_last=is_last))
    return parts


@pytest.mark.parametrize("seed", range(60))
def test_parts_make_what_the_whole_makes(seed: int) -> None:
    rng = random.Random(seed)
    seconds, start_sec = rng.uniform(20.0, 200.0), rng.choice((0.0, 7.5))
    words = tuple(
        Word(word.value, word.start_sec + start_sec, word.end_sec + start_sec, 0.9, "en")
        for word in spoken(rng, seconds)
    )
    ticks, end_sec = heard(rng, seconds), start_sec + seconds
    turns = speaking(rng, end_sec) if seed % 2 else ()
    whole = _whole(words, ticks, start_sec, end_sec, turns)
    parts = in_parts(rng, words, ticks, start_sec, end_sec, turns)
    assert [segment for part in parts for segment in part.segments] == list(whole.segments)
    assert [saying for part in parts for saying in part.sayings] == list(whole.sayings)
    told = [sentence for part in parts for sentence in part.transcript.sentences]
    assert told == list(transcript(with_speakers(words, turns)).sentences)
    _check_neighbours(parts, whole)


def _whole(words: tuple[Word, ...], ticks: Ticks, start_sec: float, end_sec: float, turns: tuple[Turn, ...]) -> Settled:
    settling = Settling(start_sec, "en", turns)
    cut = settling.take(Recognition(words), is_last=True)
    return settling.settle(natural(ticks, start_sec, end_sec, cut.clips), is_last=True)


def _check_neighbours(parts: list[Settled], whole: Settled) -> None:
    def with_words(sayings: Iterable[Sentence]) -> list[Sentence]:
        return [saying for saying in sayings if any(map(str.isalnum, saying.value))]

    texts = []
    for part in parts:
        rows = np.arange(len(part.surrounded))[:, None].astype(np.float32)
        assert [part.surrounded[int(row)] for row in part.own(rows)[:, 0]] == list(part.sayings)
        first, last = len(part.before), len(part.before) + len(with_words(part.sayings))
        texts += surroundings(with_words(part.surrounded))[first:last]
    assert texts == surroundings(with_words(whole.sayings))


def test_the_first_parts_of_a_long_recording_are_short() -> None:
    rng = np.random.default_rng(0)
    speech = np.where(rng.random(int(1800 / TICK_SEC)) < 0.003, 0.0, 0.9).astype(np.float32)
    seconds = [
        sum(last - first for passage in part for first, last in passage) / SAMPLE_RATE_HZ
        for part in part_passages(passages(speech))
    ]
    assert 38.0 < seconds[0] <= 57.0
    assert 95.0 < seconds[1] <= 125.0
    assert all(200.0 < length <= 245.0 for length in seconds[2:-1])
    assert sum(seconds) == pytest.approx(1800.0, abs=1.0)


def test_the_record_of_a_part_is_read_as_it_was_written() -> None:
    words = (Word("Hello", 0.0, 0.5, 0.9, "en"), Word("there.", 0.5, 0.9, 0.8, "en"))
    said = transcript(words)
    facts = PartFacts(
        (((0, 512), (1024, 2048)),),
        Recognition(words, 1.5, 0.25, 2),
        (Segment(0.0, 1.1, "speech"),),
        tuple(sayings(said, [(0.0, 1.1)])),
        said,
        1.1,
        (("dog", "rain"),),
    )
    assert PartFacts.of_json(facts.to_json()) == facts
    assert facts.sayings == (Sentence("Hello there.", 0.0, 1.1, 0.85, "en"),)
