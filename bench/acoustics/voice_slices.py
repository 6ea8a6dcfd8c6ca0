"""Slices of recordings with one voice and with two, and in how many of them as many are told apart."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from acoustics.diarization import Span, listen_to, score, told_spans, write_wav

from soundbite_api import SourceFile
from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.speech import turns as told
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, SOUND_FILE

ONE_VOICE_SEC = (4, 6, 8, 12, 20, 30, 60)
TWO_VOICES_SEC = (10, 20, 30, 60)
MOST_SLICES = 20  # of one recording and length, evenly spread
LEAST_OF_ONE_SEC, LEAST_OF_TWO_SEC = 2.0, 3.0
# Of these channels the other speaker is heard too, says the README of the recordings.
NOT_ALONE = {("call_MUL1423", "A")}


@dataclass(frozen=True)
class Slice:
    """A piece of a recording, in samples of 16 kHz; `seconds` is 0 for a whole one, `truth` empty for one voice."""

    recording: str
    seconds: int
    sound: np.ndarray
    truth: tuple[Span, ...] = ()

    @property
    def people(self) -> int:
        return 2 if self.truth else 1


@dataclass(frozen=True)
class Told:
    """How many were told apart in a slice, and the share of its speech with the right speaker."""

    slice: Slice
    speakers: int
    right: float

    @property
    def is_right(self) -> bool:
        return max(1, self.speakers) == self.slice.people


def measure_slices(folder: Path, truth: Mapping[str, Sequence[Span]], thresholds: Sequence[float]) -> int:
    """Print how many slices of a folder are told right, at each threshold and at one chosen without each recording."""
    chosen = told.ONE_SPEAKER
    with TemporaryDirectory() as temporary:
        scratches: list[tuple[Slice, Path]] = []
        for number, one in enumerate(slices(folder, truth)):
            source, scratch = Path(temporary) / "slice.wav", Path(temporary) / f"{number}"
            write_wav(source, one.sound)
            listen_to(source, scratch)
            (scratch / SOUND_FILE).unlink()
            scratches.append((one, scratch))
        by_threshold = {threshold: _told(scratches, threshold) for threshold in sorted({*thresholds, chosen})}
    print("threshold  one voice told as one   two told as two (as one, as more), speech with the right speaker")
    for threshold, ones in by_threshold.items():
        print(f"{threshold:9.2f}  {shares(ones)}")
    print(f"at {chosen:.2f}, by seconds of a slice (0: a short recording, whole):")
    for people, lengths in ((1, (0, *ONE_VOICE_SEC)), (2, TWO_VOICES_SEC)):
        parts = []
        for seconds in lengths:
            ones = [one for one in by_threshold[chosen] if (one.slice.people, one.slice.seconds) == (people, seconds)]
            parts.append(f"{seconds}: {sum(one.is_right for one in ones)} of {len(ones)}")
        print(f"  {'two voices' if people == 2 else 'one voice '}  {', '.join(parts)}")
    print("threshold chosen without a recording:")
    for recording in dict.fromkeys(one.recording for one, _ in scratches):
        worths = {threshold: _worth(ones, recording) for threshold, ones in by_threshold.items()}
        best = max(worths, key=lambda threshold: worths[threshold])
        own = [one for one in by_threshold[best] if one.slice.recording == recording]
        print(f"  {recording:28} {best:.2f}  {shares(own)}")
    return 0


def slices(folder: Path, truth: Mapping[str, Sequence[Span]]) -> Iterator[Slice]:
    """The short readings, and slices of the long ones, of the channels of calls, and of calls mixed."""
    for path in sorted((folder / "speech").iterdir()):
        yield Slice(path.stem.partition("-")[0], 0, _sound(path))
    for path in sorted(truth):
        name, source, turns = Path(path).stem, folder / "long" / path, truth[path]
        if name.startswith(("reading_", "foreign_")):
            yield from _slices_of_one(name, _sound(source), None)
        if name.startswith("call_"):
            for speaker, sound in zip("AB", _channels(source), strict=True):
                if (name, speaker) not in NOT_ALONE:
                    yield from _slices_of_one(name, sound, [turn for turn in turns if turn[2] == speaker])
            yield from _slices_of_two(name, _sound(source), turns)


def _slices_of_one(name: str, sound: np.ndarray, turns: Sequence[Span] | None) -> Iterator[Slice]:
    """Slices one after the other; those of a channel only where its speaker speaks."""
    for seconds in ONE_VOICE_SEC:
        starts = np.arange(0, sound.size / SAMPLE_RATE_HZ - seconds + 1, seconds)
        if starts.size > MOST_SLICES:
            starts = starts[np.linspace(0, starts.size - 1, MOST_SLICES).astype(int)]
        for start in starts.tolist():
            if turns is None or _spoken_sec(_between(turns, start, start + seconds)) >= LEAST_OF_ONE_SEC:
                yield Slice(name, seconds, _cut(sound, start, seconds))


def _slices_of_two(name: str, sound: np.ndarray, turns: Sequence[Span]) -> Iterator[Slice]:
    """Slices that begin every half of their length, where both speak."""
    for seconds in TWO_VOICES_SEC:
        for start in np.arange(0, sound.size / SAMPLE_RATE_HZ - seconds + 1, seconds / 2).tolist():
            own = _between(turns, start, start + seconds)
            if all(_spoken_sec([turn for turn in own if turn[2] == one]) >= LEAST_OF_TWO_SEC for one in "AB"):
                yield Slice(name, seconds, _cut(sound, start, seconds), tuple(own))


def _told(scratches: Sequence[tuple[Slice, Path]], threshold: float) -> list[Told]:
    told.ONE_SPEAKER = threshold
    results = []
    for one, scratch in scratches:
        spans = told_spans(scratch)
        right = score(one.recording, one.truth, spans).right if one.truth and spans else float("nan")
        results.append(Told(one, len({speaker for *_, speaker in spans}), right))
    return results


def shares(ones: Sequence[Told]) -> str:
    """What is told right of slices with one voice and with two, in words."""
    single = [one for one in ones if one.slice.people == 1]
    double = [one for one in ones if one.slice.people == 2]
    text = f"{statistics.mean(one.is_right for one in single):.3f} of {len(single):3}"
    if double:
        counts = [min(one.speakers, 3) for one in double]
        two, few, many = (sum(count in wanted for count in counts) / len(counts) for wanted in ((2,), (0, 1), (3,)))
        right = statistics.mean(one.right for one in double)
        text += f"   {two:.3f} of {len(double)} ({few:.3f}, {many:.3f}), {right:.3f}"
    return text


def _worth(ones: Sequence[Told], without: str) -> float:
    """The mean of what is told right of one voice and of two, in all recordings but one."""
    rest = [one for one in ones if one.slice.recording != without]
    kinds = [[one.is_right for one in rest if one.slice.people == people] for people in (1, 2)]
    return round(statistics.mean(statistics.mean(kind) for kind in kinds), 3)


def _between(turns: Sequence[Span], first_sec: float, last_sec: float) -> list[Span]:
    """What lies between two times of turns, counted from the first."""
    return [
        (max(start, first_sec) - first_sec, min(end, last_sec) - first_sec, speaker)
        for start, end, speaker in turns
        if start < last_sec and end > first_sec
    ]


def _spoken_sec(turns: Sequence[Span]) -> float:
    return sum(end - start for start, end, _ in turns)


def _cut(sound: np.ndarray, start_sec: float, seconds: float) -> np.ndarray:
    return sound[round(start_sec * SAMPLE_RATE_HZ) : round((start_sec + seconds) * SAMPLE_RATE_HZ)]


def _sound(path: Path) -> np.ndarray:
    return np.concatenate(list(decoded_blocks(SourceFile.at(path))))


def _channels(path: Path) -> np.ndarray:
    """The two channels of a recording, (2, samples)."""
    resampler = av.AudioResampler("s16p", "stereo", SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        frames = [out.to_ndarray() for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([*frames, *(out.to_ndarray() for out in resampler.resample(None))], axis=1)
