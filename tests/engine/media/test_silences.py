"""A file that is to be silent somewhere is so for whoever decodes it, and nowhere else."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from soundbite_api import SourceFile
from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.audio.encode import to_flac


@pytest.fixture
def noise(tmp_path: Path) -> SourceFile:
    """Thirty seconds of noise, silent from 5 to 6 and from 21.5 to 22.25."""
    path = tmp_path / "noise.wav"
    samples = np.random.default_rng(1).integers(-8000, 8000, 30 * 16_000).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    return SourceFile(path, silences=((5.0, 6.0), (21.5, 22.25)))


@pytest.mark.parametrize(("start_sec", "end_sec"), [(0.0, None), (4.3, 25.0), (5.5, 5.9), (21.7, None)])
def test_the_spans_are_silent_in_any_window(noise: SourceFile, start_sec: float, end_sec: float | None) -> None:
    heard = np.concatenate(list(decoded_blocks(noise, start_sec, end_sec)))
    times = start_sec + (np.arange(heard.size) + 0.5) / 16_000
    silent = np.logical_or.reduce([(begin <= times) & (times < end) for begin, end in noise.silences])
    assert np.all(heard[silent] == 0)
    assert not silent.all() or (start_sec, end_sec) == (5.5, 5.9)
    assert np.count_nonzero(heard[~silent]) >= 0.99 * np.count_nonzero(~silent)


def test_a_copy_of_it_is_silent_there_without_being_told(noise: SourceFile, tmp_path: Path) -> None:
    out = tmp_path / "copy.flac"
    to_flac(lambda _: None, noise, str(out), 0.0, None)
    heard = np.concatenate(list(decoded_blocks(out)))
    assert np.abs(heard[5 * 16_000 : 6 * 16_000]).max() == 0
    assert np.abs(heard[7 * 16_000 : 8 * 16_000]).max() > 5000


def test_the_address_of_a_file_says_where_it_is_silent(noise: SourceFile) -> None:
    with noise.open() as file:
        named = SourceFile(noise.path, file.identity, "0" * 64, noise.silences)
    path, _, fragment = named.url.partition("#")
    assert path == noise.path.as_uri()
    assert SourceFile.of_fragment(noise.path, fragment) == named
