"""No voice is lost in the mix: not by polarity, layouts, dead or louder channels, nor by its level."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
from odd_recordings import Sound, chatter

from soundbite_engine.audio import scratch
from soundbite_engine.audio.decode import decode_to_scratch, decoded_blocks
from soundbite_engine.audio.mix import speech_share, weights_of
from soundbite_engine.workers import plans

RATE_HZ = 16_000
SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture(scope="module")
def voice() -> Sound:
    """Eight seconds of one of the project's own spoken recordings."""
    path = sorted(SAMPLES.glob("*.*"))
    spoken = next(item for item in path if item.suffix in (".flac", ".mp3", ".wav", ".ogg", ".opus", ".m4a"))
    sound = np.concatenate(list(decoded_blocks(str(spoken), 0.0, 30.0))).astype(np.float32) / 32768
    shares = [speech_share(sound[at : at + 8 * RATE_HZ], RATE_HZ) for at in range(0, sound.size - 8 * RATE_HZ, 32_000)]
    first = 32_000 * int(np.argmax(shares))
    return sound[first : first + 8 * RATE_HZ]


def write_floats(path: Path, channels: Sound, bits: str = "f32") -> Path:
    """`channels` (channels, samples) as a WAV file without a layout, in float32, 24 or 16 bits."""
    count, interleaved = len(channels), np.ascontiguousarray(channels.T)
    if bits == "f32":
        data, width, kind = interleaved.astype("<f4").tobytes(), 4, 3
    elif bits == "s24":
        whole = np.clip(np.rint(interleaved * 2**23), -(2**23), 2**23 - 1).astype("<i4")
        data, width, kind = whole.reshape(-1, 1).view(np.uint8)[:, :3].tobytes(), 3, 1
    else:
        data, width, kind = (np.clip(interleaved, -1, 1) * 32767).astype("<i2").tobytes(), 2, 1
    head = struct.pack("<HHIIHH", kind, count, RATE_HZ, RATE_HZ * count * width, count * width, 8 * width)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def heard(path: Path, tmp_path: Path) -> Sound:
    """What the recogniser gets of it, at -1 to 1."""
    decode_to_scratch(lambda _: None, str(path), str(tmp_path / plans.SOUND_FILE))
    return np.fromfile(tmp_path / plans.SOUND_FILE, np.int16).astype(np.float32) / 32768


def likeness(sound: Sound, voice: Sound) -> float:
    size = min(sound.size, voice.size)
    return float(abs(np.corrcoef(sound[:size], voice[:size])[0, 1]))


def channels_of(voice: Sound, places: dict[int, float], count: int, noise: float = 0.0) -> Sound:
    channels = np.stack([noise * chatter(voice.size / RATE_HZ, seed=seed) for seed in range(count)])
    for place, level in places.items():
        channels[place] = level * voice
    return channels


CHANNELS: dict[str, tuple[dict[int, float], int, float]] = {
    "opposite": ({0: 1.0, 1: -1.0}, 2, 0.0),
    "opposite-quieter": ({0: 1.0, 1: -0.7}, 2, 0.0),
    "opposite-of-four": ({0: 1.0, 1: -1.0, 2: 1.0, 3: -1.0}, 4, 0.0),
    "one-of-six-opposite": ({channel: -1.0 if channel == 3 else 1.0 for channel in range(6)}, 6, 0.0),
    "third-of-three": ({2: 1.0}, 3, 0.0),
    "bass-channel-of-six": ({3: 1.0}, 6, 0.0),
    "last-of-eight": ({7: 1.0}, 8, 0.0),
    "seventh-of-ten": ({6: 1.0}, 10, 0.0),
    "last-of-sixty": ({59: 1.0}, 60, 0.0),
    "left-dead": ({1: 1.0}, 2, 0.0),
    "right-dead": ({0: 1.0}, 2, 0.0),
    "beside-louder-noise": ({0: 0.05}, 2, 1.0),
    "beside-two-louder": ({1: 0.1}, 3, 1.0),
    "centre-of-six-in-noise": ({2: 0.05}, 6, 0.6),
}


@pytest.mark.parametrize("name", CHANNELS)
def test_kinds_of_channels(name: str, voice: Sound, tmp_path: Path) -> None:
    places, count, noise = CHANNELS[name]
    path = write_floats(tmp_path / "a.wav", channels_of(voice, places, count, noise))
    assert likeness(heard(path, tmp_path), voice) > 0.9


LEVELS = {
    "float-16-dB-over": (6.3, "f32"),
    "float-40-dB-over": (100.0, "f32"),
    "float-3-dB-over": (1.4 * 2, "f32"),
    "24-bit-45-dB-down": (0.0056, "s24"),
    "24-bit-70-dB-down": (0.0003, "s24"),
    "float-90-dB-down": (0.00003, "f32"),
    "16-bit-45-dB-down": (0.0056, "s16"),
}


@pytest.mark.parametrize("name", LEVELS)
def test_kinds_of_levels(name: str, voice: Sound, tmp_path: Path) -> None:
    level, bits = LEVELS[name]
    whole = voice / np.abs(voice).max()
    sound = heard(write_floats(tmp_path / "a.wav", level * whole[None], bits), tmp_path)
    assert likeness(sound, whole) > 0.85
    assert 0.2 < np.abs(sound).max() <= 1.0
    true = scratch.read_sound(str(tmp_path), 0, sound.size)
    assert np.abs(true).max() == pytest.approx(level, rel=0.1)


def test_ordinary_levels_stay_as_they_are(voice: Sound, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        samples = (voice * 32768).astype("<i2")
        out.writeframes(samples.tobytes())
    decode_to_scratch(lambda _: None, str(tmp_path / "a.wav"), str(tmp_path / plans.SOUND_FILE))
    assert np.array_equal(np.fromfile(tmp_path / plans.SOUND_FILE, np.int16), samples)
    assert set(np.fromfile(tmp_path / plans.GAINS_FILE, np.float32).tolist()) == {1.0}


def test_quiet_noise_is_not_turned_up(tmp_path: Path) -> None:
    noise = 0.002 * np.random.default_rng(5).standard_normal((1, 8 * RATE_HZ))
    assert np.abs(heard(write_floats(tmp_path / "a.wav", noise), tmp_path)).max() < 0.02


def test_alike_channels_are_averaged(voice: Sound) -> None:
    stretch = np.stack([voice, 0.5 * voice], axis=1)
    assert weights_of(stretch, RATE_HZ).tolist() == [0.5, 0.5]


def test_two_who_talk_on_their_own_channels_are_both_heard(voice: Sound, tmp_path: Path) -> None:
    first, second = voice.copy(), voice[::-1].copy()
    first[4 * RATE_HZ :], second[: 4 * RATE_HZ] = 0.0, 0.0
    sound = heard(write_floats(tmp_path / "a.wav", np.stack([first, 0.3 * second])), tmp_path)
    assert likeness(sound[: 4 * RATE_HZ], first[: 4 * RATE_HZ]) > 0.95
    assert likeness(sound[4 * RATE_HZ :], second[4 * RATE_HZ :]) > 0.95


def test_a_bass_channel_stays_out_of_the_mix(voice: Sound) -> None:
    bass = 0.5 * np.sin(2 * np.pi * 60 * np.arange(4 * RATE_HZ) / RATE_HZ)
    weights = weights_of(np.stack([voice[: 4 * RATE_HZ], bass], axis=1).astype(np.float32), RATE_HZ)
    assert weights.tolist() == [1.0, 0.0]


def test_a_window_is_mixed_as_the_whole_is(voice: Sound, tmp_path: Path) -> None:
    left = np.concatenate([voice] * 6)
    right = np.concatenate([-voice, 0 * voice, chatter(8.0)] * 2)
    path = write_floats(tmp_path / "a.wav", np.stack([left, right]))
    sound = np.concatenate(list(decoded_blocks(str(path)))).astype(np.int32)
    for start_sec in (24.0, 27.9, 33.3):
        window = np.concatenate(list(decoded_blocks(str(path), start_sec, start_sec + 6))).astype(np.int32)
        first = round(start_sec * RATE_HZ)
        assert np.abs(window - sound[first : first + window.size]).max() <= 1
