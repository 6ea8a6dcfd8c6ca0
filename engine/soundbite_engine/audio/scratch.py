"""Reading the scratch folder of an analysis: its sound, and where in it people speak."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from soundbite_engine.audio import spectra
from soundbite_engine.audio import voice_activity as voice
from soundbite_engine.audio.spectra import Floats, Samples
from soundbite_engine.workers import plans
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SAMPLES, Segment

SPEECH_FILE = "speech.npy"  # the probability of speech in each tick, once the whole was listened to


def read_samples(scratch: str, first: int, last: int) -> Samples:
    """Samples `first` to `last` of the scratch file, fewer at its end."""
    with (Path(scratch) / plans.SOUND_FILE).open("rb") as file:
        file.seek(2 * first)
        return np.frombuffer(file.read(2 * (last - first)), np.int16)


def speech_probabilities(scratch: str) -> Floats:
    """The probability of speech in each tick, read where it is looked at."""
    probabilities: Floats = np.load(Path(scratch) / SPEECH_FILE, mmap_mode="r")
    return probabilities


def _gains(scratch: str, first: int, last: int) -> Floats | None:
    """What the samples `first` to `last` were multiplied by, one number each; None where that is 1 all along."""
    path = Path(scratch) / plans.GAINS_FILE
    first_tick, last_tick = first // TICK_SAMPLES, -(-last // TICK_SAMPLES)
    if not path.exists():
        return None
    gains = np.fromfile(path, np.float32, last_tick - first_tick, offset=4 * first_tick)
    if np.all(gains == 1.0):
        return None
    begin = first - first_tick * TICK_SAMPLES
    return np.repeat(gains, TICK_SAMPLES)[begin : begin + last - first]


def read_sound(scratch: str, first: int, last: int) -> Floats:
    """Samples `first` to `last` of the scratch file at their true level, float32."""
    sound, gains = spectra.as_floats(read_samples(scratch, first, last)), _gains(scratch, first, last)
    return sound if gains is None else sound / gains[: sound.size]


def segment_sounds(scratch: str, spans: Sequence[Segment], start_sec: float) -> Iterator[tuple[Floats, float]]:
    """The sound of each segment, float32 at 16 kHz, and how much of it is speech, 0..1."""
    probabilities = speech_probabilities(scratch)
    for span in spans:
        first, last = (round((at - start_sec) * SAMPLE_RATE_HZ) for at in (span.start_sec, span.end_sec))
        speech = probabilities[int(first / TICK_SAMPLES) : max(int(first / TICK_SAMPLES) + 1, last // TICK_SAMPLES)]
        ratio = float((speech >= voice.BEGIN_PROBABILITY).mean()) if speech.size else 0.0
        yield read_sound(scratch, first, last), ratio
