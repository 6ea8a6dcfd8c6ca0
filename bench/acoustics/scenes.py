"""Long recordings made of short ones, so that it is known what happens when.

A scene is the recordings of a folder in a seeded order, all equally loud, with gaps between them, over silence or
over a bed of pink noise. What is true of a recording is where it can be heard: the silence that some are padded with
at their ends belongs to the gaps.
"""

import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from retrieval.evaluation_set import EvalSet, Recording

from soundbite_engine.audio.decode import decoded_blocks

RATE_HZ = 16_000
GAP_SEC = (0.5, 1.5)
LEVEL_DB = -23.0  # of the sounding part of each recording, against full scale
PEAK = 0.95
SOUNDS_PER_SCENE = 40
SILENCE_DB = -60.0
TICK = 512

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Event:
    """A recording in a scene, from the first to the last moment that it can be heard."""

    recording: Recording
    start_sec: float
    end_sec: float


@dataclass(frozen=True)
class Scene:
    """Sound, 16 kHz mono, and what happens in it, in order of time; `bed` says what the gaps hold."""

    bed: str
    sound: Floats
    events: tuple[Event, ...]

    @property
    def seconds(self) -> float:
        """Length of the whole."""
        return self.sound.size / RATE_HZ

    def write(self, path: Path) -> None:
        """Write the sound as a 16-bit WAV file."""
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
            file.writeframes((np.clip(self.sound, -1.0, 1.0) * 32767).astype("<i2").tobytes())


def scenes(eval_set: EvalSet, seed: int, snrs_db: Sequence[float]) -> list[Scene]:
    """One order of all speech and some of the sounds: with silent gaps, then with a noise bed at each ratio."""
    rng = np.random.default_rng(seed)
    speech = [recording for recording in eval_set.recordings if recording.is_speech]
    sounds = [recording for recording in eval_set.recordings if recording.is_sound]
    some = [sounds[index] for index in rng.permutation(len(sounds))[:SOUNDS_PER_SCENE]]
    order = [*speech, *some]
    order = [order[index] for index in rng.permutation(len(order))]
    sound, events = _laid_out(eval_set.folder, order, rng)
    noise = pink_noise(sound.size, rng)
    beds = [Scene(f"{snr:g} dB", sound + noise * _gain(LEVEL_DB - snr), events) for snr in snrs_db]
    return [Scene("silent", sound, events), *beds]


def _laid_out(folder: Path, order: Sequence[Recording], rng: np.random.Generator) -> tuple[Floats, tuple[Event, ...]]:
    parts, events, at = [], [], 0
    for recording in order:
        gap = np.zeros(round(rng.uniform(*GAP_SEC) * RATE_HZ), np.float32)
        heard = audible(read_sound(folder / recording.path))
        parts += [gap, heard]
        start = at + gap.size
        at = start + heard.size
        events.append(Event(recording, start / RATE_HZ, at / RATE_HZ))
    return np.concatenate([*parts, np.zeros(RATE_HZ, np.float32)]), tuple(events)


def read_sound(path: Path) -> Floats:
    """The sound of a file, -1 to 1."""
    return np.concatenate(list(decoded_blocks(str(path)))).astype(np.float32) / np.float32(32768)


def audible(sound: Floats) -> Floats:
    """`sound` without silence at its ends, its sounding part at `LEVEL_DB` unless that would clip it."""
    power = _tick_power(sound)
    heard = np.flatnonzero(power > 10 ** (SILENCE_DB / 10))
    if not heard.size:
        return sound
    kept = sound[heard[0] * TICK : (heard[-1] + 1) * TICK]
    gain = _gain(LEVEL_DB) / float(np.sqrt(power[heard].mean()))
    return kept * np.float32(min(gain, PEAK / float(np.abs(kept).max())))


def _tick_power(sound: Floats) -> Floats:
    padded = np.pad(sound, (0, -sound.size % TICK))
    power: Floats = (padded.reshape(-1, TICK) ** 2).mean(axis=1)
    return power


def _gain(level_db: float) -> np.float32:
    return np.float32(10 ** (level_db / 20))


def pink_noise(size: int, rng: np.random.Generator) -> Floats:
    """Noise of unit power whose power falls by 3 dB an octave from 30 Hz on."""
    spectrum = np.fft.rfft(rng.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    noise = np.fft.irfft(spectrum / np.sqrt(np.maximum(hz, 30.0)), size)
    scaled: Floats = (noise / noise.std()).astype(np.float32)
    return scaled
