"""A window asked for anywhere is, within 30 ms, that window of the whole; over what the encoder here can write."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from odd_recordings import RATE_HZ, Format, Sound, chatter, joined, place_of, write

from soundbite_engine.audio import reading
from soundbite_engine.audio.decode import decoded_blocks

SECONDS = 44.0
WINDOW_SEC = 1.5
FRAGMENTS = (("movflags", "frag_keyframe+empty_moov"),)
SOUGHT = [
    Format("wav", "pcm_s16le"),
    Format("wav", "pcm_f32le"),
    Format("wav", "pcm_mulaw", 8000),
    Format("w64", "pcm_s24le"),
    Format("aiff", "pcm_s16be"),
    Format("au", "pcm_alaw", 8000),
    Format("caf", "pcm_s16le"),
    Format("mp4", "aac"),
    Format("ipod", "alac"),
    Format("mov", "pcm_s16le"),
    Format("3gp", "libopencore_amrnb", 8000, bit_rate=12_200),
]
READ_FROM_THE_START = [
    Format("wav", "adpcm_ima_wav"),
    Format("wav", "adpcm_ms"),
    Format("wav", "g722"),
    Format("wav", "libmp3lame"),
    Format("caf", "alac"),
    Format("voc", "pcm_u8"),
    Format("flac", "flac"),
    Format("mp3", "libmp3lame"),
    Format("mp2", "mp2"),
    Format("adts", "aac"),
    Format("ac3", "ac3", 48_000),
    Format("eac3", "eac3", 48_000),
    Format("amr", "libopencore_amrnb", 8000, bit_rate=12_200),
    Format("tta", "tta"),
    Format("wv", "wavpack"),
    Format("ogg", "libopus", 48_000),
    Format("ogg", "flac"),
    Format("mp4", "aac", options=FRAGMENTS),
    Format("matroska", "aac"),
    Format("matroska", "pcm_s16le"),
    Format("matroska", "flac"),
    Format("matroska", "libmp3lame"),
    Format("webm", "libopus", 48_000),
    Format("mpegts", "aac"),
    Format("mpegts", "mp2"),
    Format("mpeg", "mp2"),
    Format("avi", "libmp3lame"),
    Format("avi", "pcm_s16le"),
    Format("asf", "wmav2", 44_100, bit_rate=96_000),
    Format("flv", "aac", 44_100),
    Format("flv", "libmp3lame", 44_100),
]


def decoded(path: Path, start_sec: float = 0.0, end_sec: float | None = None) -> Sound:
    return np.concatenate(list(decoded_blocks(str(path), start_sec, end_sec)))


def assert_windows_fit(path: Path, seed: str) -> None:
    sound = decoded(path)
    dice = random.Random(seed)
    last_sec = sound.size / RATE_HZ - WINDOW_SEC
    for start_sec in (0.0, dice.uniform(1, 19), *(dice.uniform(20, last_sec) for _ in range(2)), last_sec - 0.01):
        window = decoded(path, start_sec, start_sec + WINDOW_SEC)
        assert window.size == pytest.approx(WINDOW_SEC * RATE_HZ, abs=0.03 * RATE_HZ)
        assert place_of(window, sound) == pytest.approx(start_sec, abs=0.03)


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """How the windows were reached."""
    reached: set[str] = set()
    timed_blocks = reading.Reading.timed_blocks

    def noted(self: reading.Reading, start_sec: float, rate_hz: int, approach: reading.Approach = "start") -> object:
        reached.add(approach)
        return timed_blocks(self, start_sec, rate_hz, approach)

    monkeypatch.setattr(reading.Reading, "timed_blocks", noted)
    return reached


@pytest.mark.parametrize("form", SOUGHT, ids=str)
def test_kinds_of_windows_that_are_sought(form: Format, ways: set[str], tmp_path: Path) -> None:
    assert_windows_fit(write(tmp_path / "a.bin", chatter(SECONDS, form.rate_hz), form), str(form))
    assert ways == {"start", "seek"}


@pytest.mark.parametrize("form", READ_FROM_THE_START, ids=str)
def test_kinds_of_windows_that_are_read_from_the_start(form: Format, ways: set[str], tmp_path: Path) -> None:
    assert_windows_fit(write(tmp_path / "a.bin", chatter(SECONDS, form.rate_hz), form), str(form))
    assert ways == {"start", "skip"}


@pytest.mark.parametrize(
    ("suffix", "form"),
    [("mp3", Format("mp3", "libmp3lame")), ("flac", Format("flac", "flac")), ("aac", Format("adts", "aac"))],
    ids=lambda value: str(value),
)
def test_kinds_of_windows_in_joined_files(suffix: str, form: Format, tmp_path: Path) -> None:
    parts = [write(tmp_path / f"{seed}.{suffix}", chatter(16.0, form.rate_hz, seed), form) for seed in range(4)]
    assert_windows_fit(joined(tmp_path / f"joined.{suffix}", *parts), suffix)


def test_a_large_matroska_file_is_sought_in(ways: set[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reading, "SOUGHT_MATROSKA_BYTES", 1)
    form = Format("matroska", "aac")
    assert_windows_fit(write(tmp_path / "a.mkv", chatter(SECONDS), form), "large")
    assert ways == {"start", "seek"}


def test_a_false_byte_rate_leads_nowhere_else(tmp_path: Path) -> None:
    form = Format("wav", "adpcm_ima_wav", 11_025)
    path = write(tmp_path / "a.wav", chatter(SECONDS, 11_025), form)
    data = bytearray(path.read_bytes())
    data[28:32] = (int.from_bytes(data[28:32], "little") * 3).to_bytes(4, "little")
    path.write_bytes(data)
    assert_windows_fit(path, "false")
