"""The recogniser: what it hears in an utterance, whatever it heard before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.speech.pocketsphinx import recognise

# Where somebody speaks in the sample recordings, of two voices and rooms.
SPOKEN = {"standup.flac": (0.0, 3.0), "memos.mp3": (0.0, 2.5)}


def sound_of(path: Path, start_sec: float, end_sec: float) -> np.ndarray:
    return np.concatenate(list(decoded_blocks(str(path), start_sec, end_sec)))


@pytest.fixture
def utterances(samples: Path) -> list[np.ndarray]:
    return [sound_of(samples / name, *window) for name, window in SPOKEN.items()]


def test_the_words_of_an_utterance_do_not_depend_on_what_was_heard_before(utterances: list[np.ndarray]) -> None:
    first, second = utterances
    forwards = [recognise(first, 0.0), recognise(second, 0.0)]
    backwards = [recognise(second, 0.0), recognise(first, 0.0)]
    assert all(forwards)
    assert forwards == backwards[::-1]
