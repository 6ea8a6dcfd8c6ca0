"""Cutting a recording into the spans that get vectors: `fixed` windows, or `natural` ones that fit what happens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import numpy.typing as npt

from soundbite_engine.audio.voice_activity import Floats, Stretch, bridged, speech_stretches
from soundbite_engine.workers.plans import TICK_SEC, Kind, Segment, Span

# Natural segments; pauses and lengths in seconds. Speech: a sentence or two, as retrieval wants it.
SPEECH_PAUSE_SEC = 0.2  # between stretches that were padded already: .4 s of silence
MAX_SEGMENT_SEC = 15.0
MIN_SEGMENT_SEC = 0.4
MAX_BACKGROUND_SEC = 30.0
# Around what is said, where there is room; pauses that are left shorter are no segments, nor is speech without words.
CLIP_MARGIN_SEC = 0.25
MIN_GAP_SEC = 1.0
# Sounds rise so far above the quietest tenth of their surroundings; pauses in one sound, in seconds.
SILENCE_DB = -60.0
RISE_DB = 3.0
FLOOR_WINDOW_SEC = 20.0
SMOOTHING_TICKS = 3
MIN_SOUND_SEC = 0.1
SOUND_BREATH_SEC = 0.25
SOUND_PAUSE_SEC = 1.0
ALIKE_DB = 4.0
# A change of timbre that ends a sound though there is no pause, and the shortest part it leaves.
SHARP_CHANGE_DB = 12.0
MIN_PART_SEC = 1.5


def fixed(start_sec: float, end_sec: float, duration_sec: float) -> list[Segment]:
    """Windows of `duration_sec`, the last one shorter: 12 s by 5 is 0-5, 5-10, 10-12. At least one."""
    # A few samples are no time at all to the millisecond, and still a recording.
    count = max(1, math.ceil((end_sec - start_sec) / duration_sec - 1e-6))
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


def natural(
    ticks: Ticks,
    start_sec: float,
    end_sec: float,
    clips: Sequence[Span] | None = None,
    begin_tick: int = 0,
    *,
    is_last: bool = True,
) -> list[Segment]:
    """Clips of speech, sounds split at silences and changes, and the silences between them.

    `clips` are the spans of what is said, in order; without them speech is split at its pauses. Parts of sound under
    MIN_SEGMENT_SEC are left out, unless there would be nothing else: then the whole is one.

    A recording may be cut part by part: a part begins at `begin_tick`, the end of the clip before, and ends with a clip
    unless it `is_last`; the last of `clips` is then the one that follows.
    """
    if clips is None:
        speech = _speech_segments(ticks)
    else:
        stretches = _clip_stretches(clips, start_sec, len(ticks), begin_tick)
        speech = list(stretches if is_last else islice(stretches, len(clips) - 1))
        speech = [stretch for stretch in speech if stretch.last > stretch.first]
    end_tick = len(ticks) if is_last else speech[-1].last if speech else begin_tick
    pieces: list[tuple[Stretch, Kind]] = [(stretch, "speech") for stretch in speech]
    for gap in _between(speech, end_tick, begin_tick):
        if clips is None:
            pieces.extend(_sound_segments(ticks, gap))
        elif not (pieces or begin_tick) or gap.seconds >= MIN_GAP_SEC:
            pieces.extend(_wordless_segments(ticks, gap))
    if not pieces and not begin_tick:
        return [Segment(round(start_sec, 3), round(end_sec, 3), "sound")]
    pieces.sort(key=lambda piece: piece[0].first)
    return [
        Segment(
            round(start_sec + piece.first * TICK_SEC, 3),
            round(end_sec if piece.last == len(ticks) else start_sec + piece.last * TICK_SEC, 3),
            kind,
        )
        for piece, kind in pieces
    ]


def _clip_stretches(clips: Sequence[Span], start_sec: float, end: int, before: int) -> Iterator[Stretch]:
    """The clips in ticks, with `CLIP_MARGIN_SEC` around each, after tick `before`; neighbours share the pause between.

    One that others leave no room is empty.
    """
    for number, (begin_sec, stop_sec) in enumerate(clips):
        following_sec = clips[number + 1][0] if number + 1 < len(clips) else np.inf
        margin_sec = min(CLIP_MARGIN_SEC, max(0.0, following_sec - stop_sec) / 2)
        first = max(before, math.floor((begin_sec - CLIP_MARGIN_SEC - start_sec) / TICK_SEC))
        last = min(end, math.ceil((stop_sec + margin_sec - start_sec) / TICK_SEC))
        yield Stretch(first, max(first, last))
        before = last if last > first else before


def _wordless_segments(ticks: Ticks, gap: Stretch) -> list[tuple[Stretch, Kind]]:
    """What lies between two clips: speech of which no word is known, and sounds."""
    inside = bridged(speech_stretches(ticks.speech[gap.first : gap.last]), SPEECH_PAUSE_SEC)
    long = [Stretch(gap.first + one.first, gap.first + one.last) for one in inside if one.seconds >= MIN_GAP_SEC]
    speech = [part for stretch in long for part in split_long(stretch, 1.0 - ticks.speech, MAX_SEGMENT_SEC)]
    pieces: list[tuple[Stretch, Kind]] = [(stretch, "speech") for stretch in speech]
    for rest in _between(speech, gap.last, gap.first):
        pieces.extend(_sound_segments(ticks, rest))
    return pieces


def _between(stretches: Iterable[Stretch], end: int, begin: int = 0) -> list[Stretch]:
    gaps, at = [], begin
    for stretch in stretches:
        gaps.append(Stretch(at, stretch.first))
        at = stretch.last
    gaps.append(Stretch(at, end))
    return [gap for gap in gaps if gap.last > gap.first]


def _speech_segments(ticks: Ticks) -> list[Stretch]:
    whole = bridged(speech_stretches(ticks.speech), SPEECH_PAUSE_SEC)
    return [part for stretch in whole for part in split_long(stretch, 1.0 - ticks.speech, MAX_SEGMENT_SEC)]


def split_long(stretch: Stretch, openness: Floats, max_sec: float) -> list[Stretch]:
    """`stretch` in parts of at most `max_sec`, cut where `openness` (per tick, smoothed) is largest."""
    if stretch.seconds <= max_sec:
        return [stretch]
    margin = max(1, round(0.25 * (stretch.last - stretch.first)))
    margin = min(margin, round(max_sec / 2 / TICK_SEC))
    inner = _smoothed(openness[stretch.first : stretch.last], 9)[margin:-margin]
    cut = stretch.first + margin + int(np.argmax(inner))
    return [
        *split_long(Stretch(stretch.first, cut), openness, max_sec),
        *split_long(Stretch(cut, stretch.last), openness, max_sec),
    ]


def _sound_segments(ticks: Ticks, gap: Stretch) -> list[tuple[Stretch, Kind]]:
    """What lies between two stretches of speech: sounds that rise above the background, and the background."""
    level = _smoothed(ticks.level_db[gap.first : gap.last], SMOOTHING_TICKS)
    is_active = level > np.maximum(_floor_db(level) + RISE_DB, SILENCE_DB)
    sounds = [run for run in _joined_if_alike(ticks, _runs(is_active, gap.first)) if run.seconds >= MIN_SOUND_SEC]
    pieces: list[tuple[Stretch, Kind]] = []
    for sound in sounds:
        pieces.extend((part, "sound") for part in _split_where_it_changes(ticks, sound, MAX_SEGMENT_SEC))
    for rest in _between(sounds, gap.last, gap.first):
        is_silent = float(np.median(ticks.level_db[rest.first : rest.last])) < SILENCE_DB
        kind: Kind = "silence" if is_silent else "sound"
        pieces.extend((part, kind) for part in _split_where_it_changes(ticks, rest, MAX_BACKGROUND_SEC))
    return [piece for piece in pieces if piece[0].seconds >= MIN_SEGMENT_SEC]


def _joined_if_alike(ticks: Ticks, runs: list[Stretch]) -> list[Stretch]:
    """Runs with hardly a pause between them joined, and with a longer one if they sound alike: barks of one dog."""
    joined: list[Stretch] = []
    for run in runs:
        pause = (run.first - joined[-1].last) * TICK_SEC if joined else np.inf
        if pause < SOUND_BREATH_SEC or (
            pause < SOUND_PAUSE_SEC and _timbre_distance(ticks, joined[-1], run) < ALIKE_DB
        ):
            joined[-1] = Stretch(joined[-1].first, run.last)
        else:
            joined.append(run)
    return joined


def _timbre_distance(ticks: Ticks, left: Stretch, right: Stretch) -> float:
    """dB per band between the end of `left` and the beginning of `right`, loudness aside."""
    reach = round(2.0 / TICK_SEC)
    before = ticks.bands_db[max(left.first, left.last - reach) : left.last].mean(axis=0)
    after = ticks.bands_db[right.first : min(right.last, right.first + reach)].mean(axis=0)
    return float(np.abs((before - before.mean()) - (after - after.mean())).mean())


def _split_where_it_changes(ticks: Ticks, stretch: Stretch, max_sec: float) -> list[Stretch]:
    """`stretch` cut at every sharp change of timbre, then at the sharpest that keep parts under `max_sec`."""
    change = _change(ticks.bands_db[stretch.first : stretch.last])
    cuts = _peaks(change, SHARP_CHANGE_DB, round(MIN_PART_SEC / TICK_SEC))
    edges = [0, *cuts, len(change)]
    return [
        Stretch(stretch.first + part.first, stretch.first + part.last)
        for first, last in pairwise(edges)
        for part in split_long(Stretch(first, last), change, max_sec)
    ]


def _peaks(values: Floats, height: float, distance: int) -> list[int]:
    """Indices of values above `height` that are the largest within `distance`, which also keeps off the ends."""
    peaks: list[int] = []
    for index in np.flatnonzero(values > height).tolist():
        around = values[max(0, index - distance) : index + distance + 1]
        is_inside = distance <= index < len(values) - distance
        if is_inside and values[index] == around.max() and (not peaks or index - peaks[-1] >= distance):
            peaks.append(index)
    return peaks


def _smoothed(values: Floats, ticks: int) -> Floats:
    """The mean of the `ticks` (odd) around each value; the ends repeated."""
    padded = np.pad(values, ticks // 2, mode="edge")
    smoothed: Floats = np.convolve(padded, np.full(ticks, 1 / ticks, np.float32), mode="valid").astype(np.float32)
    return smoothed


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
