"""A guessed length is no fact, nor is a false one: what is there counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from odd_recordings import Format, Sound, chatter, joined, write

from soundbite_engine.audio.decode import decode_to_scratch, probe
from soundbite_engine.config import RateLimits
from soundbite_engine.platform.limits import Limiter, Window

SECONDS = 24.0


def speech_after_silence(rate_hz: int) -> Sound:
    """Silence takes few bits: whoever guesses by the bit rate of the beginning is far off."""
    return np.concatenate([np.zeros(16 * rate_hz, np.float32), chatter(SECONDS - 16, rate_hz)])


def _adts(path: Path) -> Path:
    return write(path, speech_after_silence(16_000), Format("adts", "aac"))


def _mp3_without_header(path: Path) -> Path:
    return write(path, speech_after_silence(16_000), Format("mp3", "libmp3lame", options=(("write_xing", "0"),)))


def _mp3_that_states_less(path: Path) -> Path:
    form = Format("mp3", "libmp3lame")
    parts = [write(path.with_suffix(f".{seed}"), chatter(8, 16_000, seed), form) for seed in range(3)]
    return joined(path, *parts)


def _flac_that_states(seconds: int) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        write(path, np.zeros(round(SECONDS * 16_000), np.float32), Format("flac", "flac"))
        data = bytearray(path.read_bytes())
        count = seconds * 16_000
        data[21] = data[21] & 0xF0 | count >> 32
        data[22:26] = (count & 0xFFFFFFFF).to_bytes(4, "big")
        path.write_bytes(data)
        return path

    return make


def _ac3(path: Path) -> Path:
    return write(path, speech_after_silence(48_000), Format("ac3", "ac3", 48_000))


def _amr(path: Path) -> Path:
    form = Format("amr", "libopencore_amrnb", 8000, bit_rate=12_200)
    return write(path, speech_after_silence(8000), form)


def _adpcm_of_false_byte_rate(path: Path) -> Path:
    write(path, chatter(SECONDS, 11_025), Format("wav", "adpcm_ima_wav", 11_025))
    data = bytearray(path.read_bytes())
    data[28:32] = (int.from_bytes(data[28:32], "little") * 4).to_bytes(4, "little")
    path.write_bytes(data)
    return path


MAKERS: dict[str, Callable[[Path], Path]] = {
    "a.aac": _adts,
    "no-header.mp3": _mp3_without_header,
    "states-less.mp3": _mp3_that_states_less,
    "states-1-s.flac": _flac_that_states(1),
    "states-nothing.flac": _flac_that_states(0),
    "states-more.flac": _flac_that_states(4000),
    "a.ac3": _ac3,
    "a.amr": _amr,
    "false-byte-rate.wav": _adpcm_of_false_byte_rate,
}


@pytest.mark.parametrize("name", MAKERS)
def test_kinds_of_lengths(name: str, tmp_path: Path) -> None:
    path = MAKERS[name](tmp_path / name)
    assert probe(lambda _: None, str(path)).duration_sec == pytest.approx(SECONDS, abs=0.5)
    report = decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm"))
    assert report.source_sec == pytest.approx(SECONDS, abs=0.5)
    if name not in ("states-more.flac", "states-less.mp3"):
        assert report.warnings == ()
    window = decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm"), 2.0, 8.0)
    assert window.source_sec == pytest.approx(SECONDS if name != "states-more.flac" else 4000, abs=0.5)


def test_media_is_settled_by_what_was_decoded() -> None:
    now = 0.0
    window = Window(120.0, 3600.0, lambda: now)
    assert window.take(1.0)
    window.settle(1200.0 - 1.0)
    assert not window.take(1.0)
    assert window.usage().used == pytest.approx(1200.0)
    window.settle(-1150.0)
    assert window.usage().used == pytest.approx(50.0)
    assert window.take(60.0)


def test_a_limiter_without_a_limit_settles_nothing() -> None:
    limiter = Limiter(RateLimits())
    limiter.settle_media(1.0, 1200.0)
    assert limiter.headers("embeddings") == {}
