"""Who speaks when, measured on recordings with known turns.

    python bench/speakers.py FOLDER [--one-voice] [--voices] [--minutes N] [--json OUT]

The folder is in the evaluation format; its folder `long` has turns.csv (path, start_sec, end_sec, speaker). Calls of
two channels are measured twice: mixed to one, and as they are. Printed for each recording:

  right      share of the time in which somebody speaks with the right speaker, after the best one-to-one mapping; where
             several speak at once, one of them is right; what no turn covers is wrong
  DER        diarization error rate: time missed, invented or given to somebody else, of all time that is spoken; what
             is said at once counts for each speaker; no collar. One turn at a time is all that the product knows:
             by kind is printed how much is missed, how much of it must be since others speak too, and the rest
  speakers   how many, and how many there are

ONE_SPEAKER is the constant that was chosen; it is chosen again without each recording in turn, and what that recording
gets then is printed as its spread. --minutes N measures instead what telling speakers apart adds to the time of N
minutes of speech (the calls and the reading, one after the other), and to the processors' time, which is what counts
on a machine that does other work beside.

--one-voice measures instead how many are told apart in short recordings: the folder's read speech, slices of 4 to 60 s
of the reading, the poems and single channels of calls (one voice), and of 10 to 60 s of mixed calls in which both speak
for 3 s at least (two). Printed are the shares told right, by threshold and by length, and what each recording gets with
the threshold that is best for the others.

--voices measures instead whether a person who was named is known again: every recording is cut into halves, each half
is taken for a recording of its own, and each speaker who is told apart in one is looked for in all the others. Printed
are precision and recall at SAME_VOICE, and per recording with the threshold chosen from the others: half-way between
what two people are alike at most and what one person is at least. Who spoke is whom the true turns name for most of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from acoustics.diarization import Score, Span, ignore, listen_to, mixed, score, told_spans, true_turns, write_wav
from acoustics.voice_slices import measure_slices
from machine.peaks import processor_seconds

from soundbite_api import SourceFile
from soundbite_engine.analysis.analyse import transcribe
from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.profiles import base_profile
from soundbite_engine.speech import turns as told
from soundbite_engine.speech.voices import voice_of
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ
from soundbite_engine.workers.pool import WorkerPool
from soundbite_tools.speakers import SAME_VOICE

THRESHOLDS = (0.80, 0.82, 0.84, 0.85, 0.86, 0.87, 0.88, 0.90)


def measure(scratches: Mapping[str, Path], truth: Mapping[str, Sequence[Span]], threshold: float) -> list[Score]:
    """Score every recording, speakers told apart at `threshold`."""
    told.ONE_SPEAKER = threshold
    scores = []
    for name, scratch in scratches.items():
        scores.append(score(name, truth[name.partition(" ")[0]], told_spans(scratch)))
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
    if options.voices:
        return measure_voices(folder, truth)
    if options.one_voice:
        return measure_slices(options.folder, truth, THRESHOLDS)
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
            names = ("right", "error_rate", "missed", "at_once", "invented", "confused")
            right, wrong, *parts = (statistics.mean(getattr(one, name) for one in ones) for name in names)
            print(f"{kind}: right {right:.3f}, DER {wrong:.3f}, speakers right within one {near} of {len(ones)}")
            print("  missed {:.3f} (said at once {:.3f}), invented {:.3f}, somebody else's {:.3f}".format(*parts))


@dataclass(frozen=True)
class HalfSpeaker:
    """A speaker told apart in half of a recording; `voice` is None where there was too little speech."""

    path: str
    half: int
    person: str
    voice: np.ndarray | None


@dataclass(frozen=True)
class Trial:
    """Somebody in one half looked for in a speaker of another: how alike the voices are, -1 without one."""

    path: str
    other: str
    is_same: bool
    likeness: float


def measure_voices(folder: Path, truth: Mapping[str, Sequence[Span]]) -> int:
    """Print how well who is named in half of a recording is known in other halves."""
    with TemporaryDirectory() as temporary:
        speakers = [
            one
            for path in sorted(truth)
            for half in range(2)
            for one in half_speakers(folder, path, half, truth[path], Path(temporary))
        ]
    meetings = [one for one in speakers if "/meeting_" in one.path]
    others = [one for one in speakers if "/meeting_" not in one.path]
    trials = trials_among(others)
    print_trials("calls, reading and poems", trials)
    print("threshold chosen without a recording:")
    for path in dict.fromkeys(trial.path for trial in trials):
        rest = [trial for trial in trials if path not in (trial.path, trial.other)]
        own = [trial for trial in trials if path in (trial.path, trial.other)]
        chosen = (
            min(one.likeness for one in rest if one.is_same) + max(one.likeness for one in rest if not one.is_same)
        ) / 2
        print(f"  {path:50} {chosen:.3f}  {found(own, chosen)}")
    print_trials("meetings, a microphone in the room", trials_among(meetings))
    print_trials(
        "calls, reading and poems looked for in meetings",
        [
            Trial(one.path, other.path, is_same=False, likeness=likeness_of(one, other))
            for one in others
            for other in meetings
            if one.voice is not None
        ],
    )
    return 0


def half_speakers(folder: Path, path: str, half: int, truth: Sequence[Span], temporary: Path) -> list[HalfSpeaker]:
    """The speakers of half of a recording, each with who it is for most of the time."""
    sound = np.concatenate(list(decoded_blocks(SourceFile.at(folder / path))))
    first, last = half * sound.size // 2, (half + 1) * sound.size // 2
    name = f"{len(list(temporary.iterdir()))}"
    file, scratch = temporary / f"{name}.wav", temporary / f"{name}.d"
    write_wav(file, sound[first:last])
    listen_to(file, scratch)
    offset_sec, encoder = first / SAMPLE_RATE_HZ, base_profile().voices
    assert encoder is not None
    by_speaker: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for turn in told.tell_speakers(ignore, str(scratch), 0.0):
        by_speaker[turn.speaker].append((turn.start_sec, turn.end_sec))
    speakers = []
    for turns in by_speaker.values():
        shared: dict[str, float] = defaultdict(float)
        for start, end, person in truth:
            for begin, stop in turns:
                shared[person] += max(0.0, min(end, stop + offset_sec) - max(start, begin + offset_sec))
        person = max(shared, key=lambda one: shared[one])
        # Names of people hold in all meetings, A, B and `reader` in one recording.
        identity = person if "/meeting_" in path else f"{path} {person}"
        voice = voice_of(ignore, SourceFile.at(file), turns, str(encoder.folder))
        speakers.append(HalfSpeaker(path, half, identity, voice))
    return speakers


def likeness_of(one: HalfSpeaker, other: HalfSpeaker) -> float:
    return -1.0 if one.voice is None or other.voice is None else float(one.voice @ other.voice)


def trials_among(speakers: Sequence[HalfSpeaker]) -> list[Trial]:
    """Everybody with a voice looked for in all halves but the own one."""
    return [
        Trial(one.path, other.path, one.person == other.person, likeness_of(one, other))
        for one in speakers
        for other in speakers
        if one.voice is not None and (one.path, one.half) != (other.path, other.half)
    ]


def print_trials(name: str, trials: Sequence[Trial]) -> None:
    same = sorted(trial.likeness for trial in trials if trial.is_same and trial.likeness >= 0)
    different = sorted(trial.likeness for trial in trials if not trial.is_same and trial.likeness >= 0)
    print(f"{name}: {len(same)} pairs of one person, {len(different)} of two")
    for kind, values in (("one person", same), ("two people", different)):
        if values:
            print(f"  {kind}: alike {values[0]:.3f} to {values[-1]:.3f}, median {statistics.median(values):.3f}")
    print(f"  at {SAME_VOICE:.2f}: {found(trials, SAME_VOICE)}")


def found(trials: Sequence[Trial], threshold: float) -> str:
    """Precision and recall at a threshold, in words."""
    hits = [trial for trial in trials if trial.likeness >= threshold]
    right, there = sum(trial.is_same for trial in hits), sum(trial.is_same for trial in trials)
    precision = f"{right / len(hits):.2f}" if hits else "-"
    recall = f"{right / there:.2f}" if there else "-"
    return f"precision {precision}, recall {recall} ({right} of {there} found, {len(hits) - right} wrong)"


async def measure_time(folder: Path, paths: Sequence[str], minutes: float) -> int:
    """Print what `minutes` of speech take with and without speakers, by turns, in one process of workers each."""
    spoken = [folder / path for path in paths if "/call_" in path or "/reading_" in path]
    sound = np.concatenate([np.concatenate(list(decoded_blocks(SourceFile.at(path)))) for path in spoken])
    sound = np.resize(sound, round(minutes * 60 * SAMPLE_RATE_HZ))
    seconds: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    with TemporaryDirectory() as temporary:
        path = Path(temporary) / "speech.wav"
        write_wav(path, sound)
        async with WorkerPool(2) as pool:
            await transcribe(SourceFile.at(path), pool, end_sec=60.0)  # loads the models
            for has_speakers in (False, True, False, True):
                profile = base_profile() if has_speakers else base_profile().without_speakers()
                begin = time.perf_counter(), processor_seconds()
                await transcribe(SourceFile.at(path), pool, profile=profile)
                seconds[has_speakers].append((time.perf_counter() - begin[0], processor_seconds() - begin[1]))
    for number, kind in enumerate(("clock", "processors")):
        without, with_speakers = (min(one[number] for one in seconds[key]) for key in (False, True))
        print(f"{minutes:g} min of speech, {kind}: {without:.1f} s without speakers, {with_speakers:.1f} s with them")
        print(f"that is {with_speakers / without - 1:+.1%}")
    return 0


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Who speaks when, measured on recordings with known turns.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--voices", action="store_true")
    parser.add_argument("--one-voice", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
