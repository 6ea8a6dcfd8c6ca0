"""Segmentation against the truth of generated sound."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundbite_engine.audio.segments import Ticks, fixed, natural
from soundbite_engine.audio.voice_activity import LENIENT, Leniency, speech_stretches
from soundbite_engine.workers.plans import TICK_SEC, Segment


def times(segments: list[Segment]) -> list[tuple[float, float]]:
    return [(segment.start_sec, segment.end_sec) for segment in segments]


def test_fixed_windows_end_with_a_shorter_one() -> None:
    assert times(fixed(0.0, 12.0, 5)) == [(0.0, 5.0), (5.0, 10.0), (10.0, 12.0)]
    assert times(fixed(0.0, 12.0, 6)) == [(0.0, 6.0), (6.0, 12.0)]


def test_fixed_windows_count_from_the_window_in_times_of_the_source() -> None:
    assert times(fixed(30.0, 43.5, 6)) == [(30.0, 36.0), (36.0, 42.0), (42.0, 43.5)]


@given(start=st.integers(0, 10**7), length=st.integers(1, 10**7), duration=st.integers(2, 10))
def test_fixed_windows_are_as_many_as_the_contract_says(start: int, length: int, duration: int) -> None:
    found = fixed(start / 1000, (start + length) / 1000, duration)
    assert len(found) == -(-length // (duration * 1000))
    assert found[0].start_sec == start / 1000
    assert found[-1].end_sec == (start + length) / 1000
    assert all(left.end_sec == right.start_sec for left, right in pairwise(found))


BANDS = 24


def heard(*parts: tuple[str, float]) -> Ticks:
    """Ticks of parts named speech, hiss, hum or silence, each so many seconds long."""
    levels = {"speech": -25.0, "hiss": -30.0, "hum": -28.0, "silence": -95.0}
    rng = np.random.default_rng(3)
    speech, level, bands = [], [], []
    for name, seconds in parts:
        count = round(seconds / TICK_SEC)
        speech.append(np.full(count, 0.95 if name == "speech" else 0.02))
        level.append(levels[name] + rng.normal(0, 1, count))
        shape = {"hum": np.linspace(0, -60, BANDS), "hiss": np.linspace(-30, 0, BANDS)}.get(name, np.zeros(BANDS))
        bands.append(levels[name] - 15 + shape + rng.normal(0, 1, (count, BANDS)))
    return Ticks(*(np.concatenate(part).astype(np.float32) for part in (speech, level, bands)))


def seconds_of(ticks: Ticks) -> float:
    return len(ticks) * TICK_SEC


def closest(segments: list[Segment], start_sec: float, end_sec: float) -> tuple[float, Segment]:
    """The segment with the largest intersection over union with the span, and that."""

    def overlap(segment: Segment) -> float:
        shared = max(0.0, min(end_sec, segment.end_sec) - max(start_sec, segment.start_sec))
        return shared / (end_sec - start_sec + segment.seconds - shared)

    best = max(segments, key=overlap)
    return overlap(best), best


def test_speech_sounds_and_silences_get_segments_that_fit() -> None:
    parts = [("silence", 2.0), ("speech", 5.0), ("silence", 1.5), ("hiss", 6.0), ("silence", 2.0), ("hum", 4.0)]
    ticks = heard(*parts)
    segments = natural(ticks, 0.0, seconds_of(ticks))
    at = 0.0
    for name, seconds in parts:
        overlap, segment = closest(segments, at, at + seconds)
        assert overlap > 0.85, (name, segment)
        assert segment.kind == {"speech": "speech", "silence": "silence"}.get(name, "sound")
        at += seconds


def test_a_sound_is_cut_where_speech_begins() -> None:
    ticks = heard(("hiss", 5.0), ("speech", 5.0), ("hiss", 5.0))
    found = natural(ticks, 0.0, seconds_of(ticks))
    assert [segment.kind for segment in found] == ["sound", "speech", "sound"]
    assert found[1].start_sec == pytest.approx(5.0, abs=0.3)


def test_a_long_sound_is_cut_where_it_changes() -> None:
    ticks = heard(("hiss", 11.0), ("hum", 20.0))
    found = natural(ticks, 0.0, seconds_of(ticks))
    assert any(abs(segment.end_sec - 11.0) < 0.3 for segment in found)


def test_a_soft_sound_is_told_from_the_noise_of_the_room() -> None:
    ticks = heard(("silence", 4.0), ("hiss", 3.0), ("silence", 4.0))
    room = Ticks(ticks.speech, np.maximum(ticks.level_db, -36.0), np.maximum(ticks.bands_db, -51.0))
    overlap, segment = closest(natural(room, 0.0, seconds_of(room)), 4.0, 7.0)
    assert overlap > 0.9, segment


def test_repeated_calls_of_one_animal_are_one_segment_and_two_sounds_are_two() -> None:
    pause = ("silence", 0.6)
    barks = heard(("silence", 3.0), ("hiss", 0.5), pause, ("hiss", 0.5), pause, ("hiss", 0.5), ("silence", 3.0))
    overlap, segment = closest(natural(barks, 0.0, seconds_of(barks)), 3.0, 5.7)
    assert overlap > 0.9, segment
    both = heard(("silence", 3.0), ("hiss", 2.0), pause, ("hum", 2.0), ("silence", 3.0))
    found = natural(both, 0.0, seconds_of(both))
    assert closest(found, 3.0, 5.0)[0] > 0.85
    assert closest(found, 5.6, 7.6)[0] > 0.85


def test_no_segment_is_longer_than_half_a_minute_and_speech_is_shorter() -> None:
    ticks = heard(("speech", 100.0), ("hiss", 100.0), ("silence", 100.0))
    found = natural(ticks, 0.0, seconds_of(ticks))
    assert max(segment.seconds for segment in found) <= 30.1
    assert max(segment.seconds for segment in found if segment.kind == "speech") <= 15.1


def test_segments_lie_in_order_inside_the_window_without_overlap() -> None:
    ticks = heard(("hiss", 3.0), ("speech", 9.0), ("silence", 4.0), ("speech", 20.0), ("hum", 1.0))
    found = natural(ticks, 100.0, 100.0 + seconds_of(ticks))
    assert found[0].start_sec == 100.0
    assert found[-1].end_sec == pytest.approx(100.0 + seconds_of(ticks), abs=0.001)
    assert all(left.end_sec <= right.start_sec for left, right in pairwise(found))


def test_a_recording_shorter_than_a_tick_is_one_segment(tone: Callable) -> None:
    none = Ticks(np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros((0, BANDS), np.float32))
    assert times(natural(none, 0.0, 0.01)) == [(0.0, 0.01)]


@pytest.mark.parametrize("name", ["hiss", "silence"])
def test_a_recording_with_no_part_long_enough_is_one_segment(name: str) -> None:
    assert times(natural(heard((name, 0.2)), 3.0, 3.2)) == [(3.0, 3.2)]


def test_a_word_long_pause_does_not_end_speech_and_a_blip_does_not_make_it() -> None:
    probabilities = np.zeros(200, np.float32)
    probabilities[50:80] = probabilities[83:120] = 0.9
    probabilities[150:152] = 0.9
    (only,) = speech_stretches(probabilities, Leniency(pad_sec=0.0))
    assert (only.first, only.last) == (50, 120)


def test_a_lenient_reading_takes_faint_speech_and_the_pauses_in_it() -> None:
    probabilities = np.full(400, 0.001, np.float32)
    probabilities[100:120] = probabilities[150:180] = 0.15
    assert speech_stretches(probabilities) == []
    (only,) = speech_stretches(probabilities, LENIENT)
    assert (only.first, only.last) == (75, 205)


def test_clips_of_speech_are_segments_with_a_margin_and_short_pauses_are_none() -> None:
    ticks = heard(("silence", 2.0), ("speech", 10.0), ("silence", 6.0))
    found = natural(ticks, 100.0, 100.0 + seconds_of(ticks), [(102.0, 106.0), (106.3, 112.0)])
    assert [segment.kind for segment in found] == ["silence", "speech", "speech", "silence"]
    assert times(found)[1] == pytest.approx((101.75, 106.15), abs=0.05)
    assert times(found)[2] == pytest.approx((106.15, 112.25), abs=0.05)
    assert all(left.end_sec <= right.start_sec for left, right in pairwise(found))


def test_speech_of_which_no_word_is_known_is_still_a_segment() -> None:
    ticks = heard(("speech", 4.0), ("silence", 3.0), ("speech", 5.0))
    found = natural(ticks, 0.0, seconds_of(ticks), [(0.0, 4.0)])
    assert [segment.kind for segment in found] == ["speech", "silence", "speech"]
    assert times(found)[2] == pytest.approx((7.0, 12.0), abs=0.3)


def test_a_recording_without_words_is_cut_as_any_sound() -> None:
    ticks = heard(("hiss", 11.0), ("hum", 20.0))
    assert natural(ticks, 0.0, seconds_of(ticks), []) == natural(ticks, 0.0, seconds_of(ticks))
