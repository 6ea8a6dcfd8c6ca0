"""Cutting a recording into the spans that get vectors: `fixed` windows, or `natural` ones that fit what happens."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundbite_engine.plans import TICK_SEC, Kind, Segment
from soundbite_engine.voice import Floats, Stretch, speech_stretches

# Natural segments. Speech: retrieval wants a sentence or two. Pauses and lengths in seconds.
SPEECH_PAUSE_SEC = 0.7
MAX_SEGMENT_SEC = 15.0
MIN_SEGMENT_SEC = 0.4
SOUND_PAUSE_SEC = 0.8
SILENCE_DB = -60.0
RISE_DB = 8.0
FLOOR_WINDOW_SEC = 20.0


def fixed(start_sec: float, end_sec: float, duration_sec: float) -> list[Segment]:
    """Windows of `duration_sec`, the last one shorter: 12 s by 5 is 0-5, 5-10, 10-12."""
    count = math.ceil((end_sec - start_sec) / duration_sec - 1e-6)
    starts = [start_sec + index * duration_sec for index in range(count)]
    return [Segment(round(at, 3), round(min(at + duration_sec, end_sec), 3), "window") for at in starts]


@dataclass(frozen=True)
class Ticks:
    """What was heard, tick by tick (32 ms): speech probability, level in dB, log-mel bands in dB (ticks x bands)."""

    speech: Floats
    level_db: Floats
    bands_db: Floats

    def __len__(self) -> int:
        return len(self.speech)


def natural(ticks: Ticks, start_sec: float, end_sec: float) -> list[Segment]:
    """Speech split at pauses, sounds at silences and changes; they and the silences cover all of the time."""
    if len(ticks) == 0:
        return [Segment(round(start_sec, 3), round(end_sec, 3), "sound")]
    speech = _speech_segments(ticks)
    pieces: list[tuple[Stretch, Kind]] = [(stretch, "speech") for stretch in speech]
    for gap in _between(speech, len(ticks)):
        pieces.extend(_sound_segments(ticks, gap))
    pieces.sort(key=lambda piece: piece[0].first)
    return [
        Segment(
            round(start_sec + piece.first * TICK_SEC, 3),
            round(end_sec if piece.last == len(ticks) else start_sec + piece.last * TICK_SEC, 3),
            kind,
        )
        for piece, kind in pieces
    ]


def _between(stretches: Iterable[Stretch], end: int) -> list[Stretch]:
    gaps, at = [], 0
    for stretch in stretches:
        gaps.append(Stretch(at, stretch.first))
        at = stretch.last
    gaps.append(Stretch(at, end))
    return [gap for gap in gaps if gap.last > gap.first]


def bridged(stretches: list[Stretch], pause_sec: float) -> list[Stretch]:
    """`stretches` with pauses shorter than `pause_sec` taken in."""
    merged: list[Stretch] = []
    for stretch in stretches:
        if merged and (stretch.first - merged[-1].last) * TICK_SEC < pause_sec:
            merged[-1] = Stretch(merged[-1].first, stretch.last)
        else:
            merged.append(stretch)
    return merged


def _speech_segments(ticks: Ticks) -> list[Stretch]:
    whole = bridged(speech_stretches(ticks.speech), SPEECH_PAUSE_SEC)
    return [part for stretch in whole for part in split_long(stretch, 1.0 - ticks.speech, MAX_SEGMENT_SEC)]


def split_long(stretch: Stretch, openness: Floats, max_sec: float) -> list[Stretch]:
    """`stretch` in parts of at most `max_sec`, cut where `openness` (per tick, smoothed) is largest."""
    if stretch.seconds <= max_sec:
        return [stretch]
    margin = max(1, round(0.25 * (stretch.last - stretch.first)))
    margin = min(margin, round(max_sec / 2 / TICK_SEC))
    inner = np.convolve(openness[stretch.first : stretch.last], np.ones(9) / 9, mode="same")[margin:-margin]
    cut = stretch.first + margin + int(np.argmax(inner))
    return [
        *split_long(Stretch(stretch.first, cut), openness, max_sec),
        *split_long(Stretch(cut, stretch.last), openness, max_sec),
    ]


def _sound_segments(ticks: Ticks, gap: Stretch) -> list[tuple[Stretch, Kind]]:
    level = ticks.level_db[gap.first : gap.last]
    active = level > np.maximum(_floor_db(level) + RISE_DB, SILENCE_DB)
    sounds = bridged(_runs(active, gap.first), SOUND_PAUSE_SEC)
    sounds = [stretch for stretch in sounds if stretch.seconds >= 0.1]
    change = _change(ticks.bands_db)
    pieces: list[tuple[Stretch, Kind]] = []
    for stretch in sounds:
        pieces.extend((part, "sound") for part in split_long(stretch, change, MAX_SEGMENT_SEC))
    for rest in _between([Stretch(s.first - gap.first, s.last - gap.first) for s in sounds], len(level)):
        quiet = Stretch(rest.first + gap.first, rest.last + gap.first)
        is_silent = float(np.median(ticks.level_db[quiet.first : quiet.last])) < SILENCE_DB
        kind: Kind = "silence" if is_silent else "sound"
        pieces.extend((part, kind) for part in split_long(quiet, change, 2 * MAX_SEGMENT_SEC))
    return [piece for piece in pieces if piece[0].seconds >= MIN_SEGMENT_SEC]


def _runs(flags: npt.NDArray[np.bool_], offset: int) -> list[Stretch]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))).reshape(-1, 2)
    return [Stretch(offset + first, offset + last) for first, last in edges.tolist()]


def _floor_db(level: Floats) -> Floats:
    """The level that the quietest tenth of the surrounding `FLOOR_WINDOW_SEC` stays under."""
    block = max(1, round(1.0 / TICK_SEC))
    lows = np.array([np.percentile(level[at : at + block], 10) for at in range(0, level.size, block)])
    reach = round(FLOOR_WINDOW_SEC / 2)
    floor = np.array([np.percentile(lows[max(0, at - reach) : at + reach + 1], 10) for at in range(lows.size)])
    repeated: Floats = np.repeat(floor, block)[: level.size].astype(np.float32)
    return repeated


def _change(bands_db: Floats) -> Floats:
    """How unlike the second before each tick the second after it is, in dB per band."""
    reach = round(1.0 / TICK_SEC)
    sums = np.concatenate([np.zeros((1, bands_db.shape[1])), np.cumsum(bands_db, axis=0, dtype=np.float64)])
    at = np.arange(len(bands_db))
    before, after = np.maximum(at - reach, 0), np.minimum(at + reach, len(bands_db))
    left = (sums[at] - sums[before]) / np.maximum(at - before, 1)[:, None]
    right = (sums[after] - sums[at]) / np.maximum(after - at, 1)[:, None]
    change = np.abs(right - left).mean(axis=1)
    change[0] = 0.0
    change32: Floats = change.astype(np.float32)
    return change32
