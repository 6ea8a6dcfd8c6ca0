"""How loud a recording is along its time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from soundbite_engine.audio.encode import levels
from soundbite_engine.errors import MediaError


def test_levels_follow_the_sound(
    write_audio: Callable[..., Path], tone: Callable[..., np.ndarray], silence: Callable[..., np.ndarray]
) -> None:
    path = write_audio("steps.wav", np.concatenate([silence(1.0), tone(1.0, level=0.25), tone(2.0, level=0.5)]))
    duration_sec, peaks = levels(lambda _: None, str(path), 4)
    assert duration_sec == pytest.approx(4.0, abs=0.01)
    assert [round(peak / 64) for peak in peaks] == [0, 1, 2, 2]


def test_there_are_as_many_levels_as_asked_for_even_of_a_short_sound(
    write_audio: Callable[..., Path], tone: Callable[..., np.ndarray]
) -> None:
    _, peaks = levels(lambda _: None, str(write_audio("short.wav", tone(0.05))), 100)
    assert len(peaks) == 100
    assert all(peak > 0 for peak in peaks)


def test_what_is_no_sound_has_no_levels(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("words")
    with pytest.raises(MediaError):
        levels(lambda _: None, str(tmp_path / "words.txt"), 10)
