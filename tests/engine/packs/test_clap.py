"""CLAP: a front end equal to its authors', and the loading code around encoders of the right shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_clap import write_tiny_clap

from soundbite_engine.errors import EngineError
from soundbite_engine.sound.clap import FRAMES, RATE_HZ, WINDOW_SAMPLES, SoundEncoder, TextEncoder, log_mel, windows

BANDS = [0, 5, 10, 20, 31, 40, 50, 63]
# What ClapFeatureExtractor (transformers 5.23.0, rand_trunc, repeatpad) makes of the sound of `tones`, in decibels.
EXTRACTED = {
    0: [4.417, 17.043, 2.867, -14.421, -41.444, -22.638, -22.033, -38.794],
    499: [-40.349, 12.002, -25.630, -64.502, -70.532, -66.604, -69.571, -86.962],
    501: [-40.482, 12.002, -25.688, -59.854, -72.775, -66.521, -68.691, -87.014],
    700: [-42.002, 12.002, -25.629, -61.367, -82.209, -96.445, -100.0, -100.0],
    1000: [4.177, 17.179, 3.113, -12.545, -24.248, -32.997, -42.364, -53.268],
}
EXTRACTED_SHORT = {
    899: [-39.424, 12.002, -25.419, -56.276, -75.049, -68.540, -68.669, -85.154],
    901: [-53.861, -53.899, -55.274, -59.166, -77.916, -68.143, -67.905, -85.181],
    1000: [-100.0] * 8,
}


@pytest.fixture
def tones() -> np.ndarray:
    """Ten seconds of 440 Hz, and 5 kHz through the first half."""
    at = np.arange(WINDOW_SAMPLES) / RATE_HZ
    both = 0.3 * np.sin(2 * np.pi * 440 * at) + 0.1 * np.sin(2 * np.pi * 5000 * at) * (at < 5)
    return both.astype(np.float32)


@pytest.fixture
def clap(models: Path) -> Path:
    return write_tiny_clap(models / "clap-int8")


def test_the_front_end_makes_what_the_authors_extractor_makes(tones: np.ndarray) -> None:
    picture = log_mel(windows(tones)[0])
    assert picture.shape == (FRAMES, 64)
    assert picture.dtype == np.float32
    for frame, decibels in EXTRACTED.items():
        assert picture[frame, BANDS] == pytest.approx(decibels, abs=0.002), frame
    short = log_mel(windows(tones[: RATE_HZ * 3 // 2])[0])
    for frame, decibels in EXTRACTED_SHORT.items():
        assert short[frame, BANDS] == pytest.approx(decibels, abs=0.002), frame


@pytest.mark.parametrize(("seconds", "count"), [(0.0, 1), (0.5, 1), (10.0, 1), (10.5, 1), (12.0, 2), (25.0, 3)])
def test_windows_cover_the_sound_but_for_a_short_rest(seconds: float, count: int) -> None:
    found = windows(np.ones(round(seconds * RATE_HZ), np.float32))
    assert [window.size for window in found] == [WINDOW_SAMPLES] * count


def test_sounds_and_texts_become_unit_vectors_of_one_length(clap: Path, tones: np.ndarray) -> None:
    sounds, texts = SoundEncoder(clap / "audio_model.onnx"), TextEncoder(clap)
    embedded = [sounds.embed(tones), sounds.embed(np.tile(tones, 6)), texts.embed("the sound of rain")]
    for vector in embedded:
        assert vector.shape == (512,)
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert embedded[0] @ embedded[1] == pytest.approx(1.0, abs=1e-4)
    assert texts.embed("dog") @ texts.embed("rain") < 0.999
    assert not texts.embed("  ").any()
    assert texts.embed("rain " * 500).any()


def test_a_file_that_is_no_model_and_one_of_other_shapes_are_named(tmp_path: Path) -> None:
    (tmp_path / "audio_model.onnx").write_bytes(b"no model")
    with pytest.raises(EngineError, match="can't be loaded"):
        SoundEncoder(tmp_path / "audio_model.onnx")
    narrow = write_tiny_clap(tmp_path / "narrow", out=128)
    with pytest.raises(EngineError, match="is not CLAP: it gives audio_embeds"):
        SoundEncoder(narrow / "audio_model.onnx")


def test_a_network_of_the_real_width_hears_each_window_by_itself(
    tmp_path: Path, tones: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "bench"))
    from networks.random_clap import write_random_clap

    encoder = SoundEncoder(write_random_clap(tmp_path)["int8"])
    quiet = tones[::-1] * np.float32(0.01)
    alone = encoder.embed(tones) + encoder.embed(quiet)
    together = encoder.embed(np.concatenate([tones, quiet]))
    assert together @ alone / np.linalg.norm(alone) == pytest.approx(1.0, abs=1e-6)
