"""Who speaks when, measured on recordings with known turns.

    python bench/speakers.py FOLDER [--minutes N] [--json OUT]

The folder is in the evaluation format; its folder `long` has turns.csv (path, start_sec, end_sec, speaker). Calls of
two channels are measured twice: mixed to one, and as they are. Printed for each recording:

  right      share of the time in which somebody speaks with the right speaker, after the best one-to-one mapping; where
             several speak at once, one of them is right; what no turn covers is wrong
  DER        diarization error rate: time missed, invented or given to somebody else, of all time that is spoken; what
             is said at once counts for each speaker; no collar. One turn at a time is all that the product knows
  speakers   how many, and how many there are

ONE_SPEAKER is the constant that was chosen; it is chosen again without each recording in turn, and what that recording
gets then is printed as its spread. --minutes N measures instead what telling speakers apart adds to the time of N
minutes of speech (the calls and the reading, one after the other).
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import statistics
import sys
import time
import wave
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from soundbite_api import SourceFile
from soundbite_engine.analysis.analyse import transcribe
from soundbite_engine.analysis.listening import listen, plan
from soundbite_engine.audio.decode import decode_to_scratch, decoded_blocks
from soundbite_engine.profiles import base_profile
from soundbite_engine.speech import turns as told
from soundbite_engine.speech.voices import hear_voices
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, SOUND_FILE, TICK_SAMPLES, tick_spans
from soundbite_engine.workers.pool import WorkerPool

STEP_SEC = 0.01
THRESHOLDS = (0.78, 0.80, 0.82, 0.84, 0.86, 0.88, 0.90)
Span = tuple[float, float, str]


@dataclass(frozen=True)
class Score:
    """How well one recording's turns fit; shares, 0 to 1 (the error rate may be above)."""

    name: str
    right: float
    error_rate: float
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
    wrong = np.maximum(true_count, count) - np.minimum(hit, np.minimum(true_count, count))
    right = float((hit > 0)[true_count > 0].mean())
    return Score(name, right, float(wrong.sum() / true_count.sum()), len(heard), len(spoken))


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
    report = decode_to_scratch(_ignore, SourceFile.at(path), str(scratch / SOUND_FILE))
    ticks = -(-report.sample_count // TICK_SAMPLES)
    for first, last in tick_spans(0, ticks):
        listen(_ignore, str(scratch), first, last)
    plan(_ignore, str(scratch))
    voices = base_profile().voices
    assert voices is not None
    hear_voices(_ignore, str(scratch), 0, ticks, str(voices.folder))


def _ignore(_fraction: float) -> None: ...


def mixed(path: Path, target: Path) -> Path:
    """Write the recording at `path` as one channel of 16 kHz."""
    sound = np.concatenate(list(decoded_blocks(SourceFile.at(path))))
    with wave.open(str(target), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE_HZ)
        out.writeframes(sound.tobytes())
    return target


def measure(scratches: Mapping[str, Path], truth: Mapping[str, Sequence[Span]], threshold: float) -> list[Score]:
    """Score every recording, speakers told apart at `threshold`."""
    told.ONE_SPEAKER = threshold
    scores = []
    for name, scratch in scratches.items():
        turns = told.tell_speakers(_ignore, str(scratch), 0.0)
        spans = [(turn.start_sec, turn.end_sec, str(turn.speaker)) for turn in turns]
        scores.append(score(name, truth[name.partition(" ")[0]], spans))
    return scores


def spread(by_threshold: Mapping[float, Sequence[Score]]) -> list[Score]:
    """What each recording gets with the threshold that is best for the others: most right, then fewest miscounted."""
    count = len(next(iter(by_threshold.values())))
    chosen = []
    for held_out in range(count):

        def worth(threshold: float, without: int = held_out) -> tuple[float, float]:
            others = [one for at, one in enumerate(by_threshold[threshold]) if at != without]
            miscounted = sum(abs(one.speakers - one.true_speakers) for one in others)
            return round(statistics.mean(one.right for one in others), 3), -miscounted

        chosen.append(by_threshold[max(by_threshold, key=worth)][held_out])
    return chosen


def main() -> int:
    """Measure a folder, print a table, write the JSON when asked."""
    options = arguments()
    folder = options.folder / "long"
    try:
        truth = true_turns(folder)
    except OSError as exc:
        print(f"speakers: {exc}", file=sys.stderr)
        return 2
    if options.minutes:
        return asyncio.run(measure_time(folder, sorted(truth), options.minutes))
    chosen = told.ONE_SPEAKER
    with TemporaryDirectory() as temporary:
        scratches: dict[str, Path] = {}
        for number, path in enumerate(sorted(truth)):
            scratches[path] = Path(temporary) / f"{number}"
            source = mixed(folder / path, Path(temporary) / f"{number}.wav") if "/call_" in path else folder / path
            listen_to(source, scratches[path])
            if "/call_" in path:
                scratches[f"{path} by channel"] = Path(temporary) / f"{number}-channels"
                listen_to(folder / path, scratches[f"{path} by channel"])
        by_threshold = {threshold: measure(scratches, truth, threshold) for threshold in {*THRESHOLDS, chosen}}
    print_scores(by_threshold[chosen], spread(by_threshold))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in by_threshold[chosen]], indent=1), encoding="utf-8")
    return 0


def print_scores(scores: Sequence[Score], left_out: Sequence[Score]) -> None:
    """Print a line a recording, and means by kind."""
    print(f"{'recording':52} right   DER  speakers   right, threshold chosen without it")
    for one, other in zip(scores, left_out, strict=True):
        counts = f"{one.speakers}/{one.true_speakers}"
        print(f"{one.name:52} {one.right:.3f} {one.error_rate:6.3f} {counts:>6} {other.right:14.3f} {other.speakers:3}")
    kinds = {
        "calls, mixed": [one for one in scores if "/call_" in one.name and " " not in one.name],
        "calls, by channel": [one for one in scores if " by channel" in one.name],
        "meetings": [one for one in scores if "/meeting_" in one.name],
    }
    for kind, ones in kinds.items():
        if ones:
            near = sum(abs(one.speakers - one.true_speakers) <= 1 for one in ones)
            means = [
                statistics.mean(values) for values in zip(*((one.right, one.error_rate) for one in ones), strict=True)
            ]
            print(f"{kind}: right {means[0]:.3f}, DER {means[1]:.3f}, speakers right within one {near} of {len(ones)}")


async def measure_time(folder: Path, paths: Sequence[str], minutes: float) -> int:
    """Print what `minutes` of speech take with and without speakers, by turns, in one process of workers each."""
    spoken = [folder / path for path in paths if "/call_" in path or "/reading_" in path]
    sound = np.concatenate([np.concatenate(list(decoded_blocks(SourceFile.at(path)))) for path in spoken])
    sound = np.resize(sound, round(minutes * 60 * SAMPLE_RATE_HZ))
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "speech.wav"
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(SAMPLE_RATE_HZ)
            out.writeframes(sound.tobytes())
        async with WorkerPool(2) as pool:
            await transcribe(SourceFile.at(path), pool, end_sec=60.0)  # loads the models
            for has_speakers in (False, True, False, True):
                profile = base_profile() if has_speakers else base_profile().without_speakers()
                begin = time.perf_counter()
                await transcribe(SourceFile.at(path), pool, profile=profile)
                seconds[has_speakers].append(time.perf_counter() - begin)
    without, with_speakers = (min(seconds[key]) for key in (False, True))
    print(f"{minutes:g} min of speech: {without:.1f} s without speakers, {with_speakers:.1f} s with them")
    print(f"that is {with_speakers / without - 1:+.1%}")
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Who speaks when, measured on recordings with known turns.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
