"""Turns of speakers beside the true ones, and what the engine hears before it tells speakers apart."""

from __future__ import annotations

import csv
import wave
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soundbite_api import SourceFile
from soundbite_engine.analysis.listening import listen, plan
from soundbite_engine.audio.decode import decode_to_scratch, decoded_blocks
from soundbite_engine.profiles import base_profile
from soundbite_engine.speech import turns as told
from soundbite_engine.speech.voices import hear_voices
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, SOUND_FILE, TICK_SAMPLES, tick_spans

STEP_SEC = 0.01
Span = tuple[float, float, str]


@dataclass(frozen=True)
class Score:
    """How well one recording's turns fit; shares, 0 to 1 (the error rate, the sum of the next three, may be above).

    `at_once` is the share that is said while another speaks too, beyond the first.
    """

    name: str
    right: float
    error_rate: float
    missed: float
    invented: float
    confused: float
    at_once: float
    speakers: int
    true_speakers: int


def score(name: str, truth: Sequence[Span], turns: Sequence[Span]) -> Score:
    """Compare `turns` with the true ones."""
    end_sec = max(end for _, end, _ in (*truth, *turns))
    spoken, heard = _grid(truth, end_sec), _grid(turns, end_sec)
    together = spoken @ heard.T
    hit = np.zeros(spoken.shape[1], np.int64)
    for row, column in best_pairs(together):
        hit += spoken[row] & heard[column]
    true_count, count = spoken.sum(axis=0), heard.sum(axis=0)
    both = np.minimum(true_count, count)
    parts = (true_count - both, count - both, both - np.minimum(hit, both), np.maximum(true_count - 1, 0))
    missed, invented, confused, at_once = (float(part.sum() / true_count.sum()) for part in parts)
    right, wrong = float((hit > 0)[true_count > 0].mean()), missed + invented + confused
    return Score(name, right, wrong, missed, invented, confused, at_once, len(heard), len(spoken))


def best_pairs(together: np.ndarray) -> list[tuple[int, int]]:
    """The pairs of a row and a column, each used once at most, that add up to the most."""
    best: dict[int, tuple[int, list[tuple[int, int]]]] = {0: (0, [])}  # by the set of columns that are used, in bits
    for row in range(len(together)):
        for used, (total, pairs) in list(best.items()):
            for column in range(together.shape[1]):
                grown = used | 1 << column
                worth = total + int(together[row, column])
                if grown != used and worth > best.get(grown, (-1, []))[0] and all(row != one for one, _ in pairs):
                    best[grown] = (worth, [*pairs, (row, column)])
    return max(best.values(), key=lambda entry: entry[0])[1]


def _grid(turns: Sequence[Span], end_sec: float) -> np.ndarray:
    speakers = list(dict.fromkeys(speaker for *_, speaker in turns))
    times = (np.arange(round(end_sec / STEP_SEC)) + 0.5) * STEP_SEC
    grid = np.zeros((len(speakers), times.size), np.int64)
    for start, end, speaker in turns:
        grid[speakers.index(speaker), (times >= start) & (times < end)] = 1
    return grid


def true_turns(folder: Path) -> dict[str, list[Span]]:
    """The turns of each recording of a folder, by its path."""
    turns: dict[str, list[Span]] = defaultdict(list)
    with (folder / "turns.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            turns[row["path"]].append((float(row["start_sec"]), float(row["end_sec"]), row["speaker"]))
    return dict(turns)


def listen_to(path: Path, scratch: Path) -> None:
    """Do all that the engine does before it tells speakers apart."""
    scratch.mkdir()
    report = decode_to_scratch(ignore, SourceFile.at(path), str(scratch / SOUND_FILE))
    ticks = -(-report.sample_count // TICK_SAMPLES)
    for first, last in tick_spans(0, ticks):
        listen(ignore, str(scratch), first, last)
    plan(ignore, str(scratch))
    voices = base_profile().voices
    assert voices is not None
    hear_voices(ignore, str(scratch), 0, ticks, str(voices.folder))


def ignore(_fraction: float) -> None: ...


def mixed(path: Path, target: Path) -> Path:
    """Write the recording at `path` as one channel of 16 kHz."""
    write_wav(target, np.concatenate(list(decoded_blocks(SourceFile.at(path)))))
    return target


def write_wav(target: Path, sound: np.ndarray) -> None:
    """Write samples of 16 kHz as one channel."""
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(sound.tobytes())


def told_spans(scratch: Path) -> list[Span]:
    """The turns of what was listened to."""
    turns = told.tell_speakers(ignore, str(scratch), 0.0)
    return [(turn.start_sec, turn.end_sec, str(turn.speaker)) for turn in turns]
