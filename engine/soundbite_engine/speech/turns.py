"""Who speaks when: the voices of a recording in as many groups as there are speakers, and turns of one each.

The number of speakers is the largest for which no two groups are alike; where the channels of a recording, or its
tracks, carry different people, they say it instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from soundbite_engine.audio.scratch import speech_probabilities
from soundbite_engine.audio.spectra import Floats
from soundbite_engine.audio.voice_activity import Stretch, speech_stretches
from soundbite_engine.speech.transcripts import Word, ends_sentence
from soundbite_engine.speech.voices import SPOKEN, read_voices, windows_by_stretch
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import CHANNELS_FILE, TICK_SEC

# Groups more alike than this are one speaker; .85 to .87 tell one voice from two best (bench/speakers.py --one-voice).
ONE_SPEAKER = 0.86
MOST_SPEAKERS = 10
LEAST_SPEAKER_SEC = 1.5
# A pause of one speaker up to which a turn goes on, and what belongs to a turn before and after what is heard of it.
JOINED_PAUSE_SEC = 1.0
TURN_MARGIN_SEC = 0.25
# Channels that carry different people differ by so much in most of the speech; each has some of it.
CHANNEL_DB = 6.0
CHANNEL_SHARE = 0.8
LEAST_CHANNEL_SHARE = 0.03

_STARTS, _ROUNDS, _PATIENCE = 12, 25, 2
_LEAST_WEIGHT = 1e-6  # what is left of sums that cancel
_GRID_TICKS = 4
_CHANGE_COST = 0.3  # in likeness times steps of the grid
_BORDER_SEC = 0.5
# A word is where it begins: the recogniser lets the last one before a pause last into it.
_WORD_SEC = 0.2
_Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Turn:
    """One speaker without interruption, in seconds of the source; speakers count from 1, as they are first heard."""

    start_sec: float
    end_sec: float
    speaker: int


def tell_speakers(report: Report, scratch: str, start_sec: float) -> tuple[Turn, ...]:
    """The turns of what was listened to and whose voices were heard; `start_sec` is the time of the first sample."""
    del report
    speech = np.asarray(speech_probabilities(scratch), np.float32)
    stretches = speech_stretches(speech, SPOKEN)
    scores = _channel_scores(scratch, speech)
    if scores is None:
        scores = _voice_scores(stretches, read_voices(scratch), speech.size)
    return _turns(stretches, _path(scores), start_sec)


def groups(voices: Floats, windows: Sequence[Stretch], seconds: Floats) -> Floats:
    """The middles of the groups of `voices` (windows, 256) that stand for `seconds` each, (speakers, 256)."""
    best, misses = _k_means(voices, seconds, 1)[0], 0
    for count in range(2, MOST_SPEAKERS + 1):
        if len(voices) < 2 * count or misses == _PATIENCE:
            break
        middles, labels = _k_means(voices, seconds, count)
        alike = _likeness(voices, windows, seconds, labels, count)[np.triu_indices(count, 1)].max()
        least_sec = np.bincount(labels, seconds, count).min()
        if alike < ONE_SPEAKER and least_sec >= LEAST_SPEAKER_SEC:
            best, misses = middles, 0
        else:
            misses += 1
    return best


def _likeness(
    voices: Floats, windows: Sequence[Stretch], seconds: Floats, labels: _Labels, count: int
) -> npt.NDArray[np.float64]:
    """How alike the windows of two groups are, relative to those of one: (groups, groups), about 1 for one voice.

    Middles of few windows are further apart than the voices, by noise. So windows are compared one by one, and in a
    group only those that share no sound; where it has none such, nothing is known, and the two are taken for one.
    """
    members = (labels[:, None] == np.arange(count)) * seconds[:, None].astype(np.float64)
    sums, total = members.T @ voices, members.sum(axis=0)
    # All pairs of a group, less each window with itself and with those that begin before it ends.
    within, weights = (sums**2).sum(axis=1), total**2
    firsts, lasts = (np.array([getattr(one, end) for one in windows]) for end in ("first", "last"))
    for lag in range(len(windows)):
        shared = np.flatnonzero(firsts[lag:] < lasts[: len(windows) - lag])
        if not shared.size:
            break
        pairs = members[shared] * members[shared + lag] * (2.0 if lag else 1.0)
        within -= (voices[shared] * voices[shared + lag]).sum(axis=1) @ pairs
        weights -= pairs.sum(axis=0)
    within, weights = within[:, None] + within, weights[:, None] + weights
    between = (sums @ sums.T) / np.maximum(np.outer(total, total), _LEAST_WEIGHT)
    is_known = (weights > _LEAST_WEIGHT) & (within > 0)
    likeness: npt.NDArray[np.float64] = np.where(is_known, between * weights / np.where(is_known, within, 1.0), 1.0)
    return likeness


def _k_means(voices: Floats, seconds: Floats, count: int) -> tuple[Floats, _Labels]:
    """The best of some k-means over unit vectors: middles, and the group of each voice."""
    chance = np.random.default_rng(count)
    best, best_worth = (voices[:1], np.zeros(len(voices), np.int64)), -1.0
    for _ in range(_STARTS if count > 1 else 1):
        middles = _spread_voices(voices, seconds, count, chance)
        likeness = voices @ middles.T
        for _ in range(_ROUNDS):
            labels = likeness.argmax(axis=1)
            sums = np.stack([seconds[labels == one] @ voices[labels == one] for one in range(count)])
            lengths = np.linalg.norm(sums, axis=1, keepdims=True)
            moved = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), middles).astype(np.float32)
            if np.allclose(moved, middles, atol=1e-5):
                break
            middles, likeness = moved, voices @ moved.T
        worth = float(seconds @ likeness.max(axis=1))
        if worth > best_worth:
            best, best_worth = (middles, likeness.argmax(axis=1)), worth
    return best


def _spread_voices(voices: Floats, seconds: Floats, count: int, chance: np.random.Generator) -> Floats:
    """`count` of the voices, each likely where none of those before it is like it."""
    chosen = [int(chance.integers(len(voices)))]
    while len(chosen) < count:
        distance = np.maximum(1.0 - (voices @ voices[chosen].T).max(axis=1), 0.0).astype(np.float64) * seconds
        total = distance.sum()
        chosen.append(int(chance.choice(len(voices), p=distance / total if total > 0 else None)))
    return voices[chosen]


def _voice_scores(stretches: Sequence[Stretch], voices: Floats, ticks: int) -> Floats:
    """How like each speaker the voice is at each step of the grid, (steps, speakers); zeros in silence."""
    steps = -(-ticks // _GRID_TICKS)
    by_stretch = windows_by_stretch(stretches)
    windows = [window for of_stretch in by_stretch for window in of_stretch]
    if not windows:
        return np.zeros((steps, 1), np.float32)
    counts = [len(of_stretch) for of_stretch in by_stretch]
    shares = [stretch.seconds / count for stretch, count in zip(stretches, counts, strict=True)]
    middles = groups(voices, windows, np.repeat(np.array(shares, np.float32), counts))
    scores, weights = np.zeros((steps, len(middles)), np.float32), np.full(steps, 1e-9, np.float32)
    for window, likeness in zip(windows, voices @ middles.T, strict=True):
        first, last = window.first // _GRID_TICKS, min(-(-window.last // _GRID_TICKS), steps)
        middle = (first + last - 1) / 2
        weight = 1.0 - np.abs(np.arange(first, last) - middle) / ((last - first) / 2 + 1) * 0.8
        scores[first:last] += weight[:, None] * likeness
        weights[first:last] += weight
    scored: Floats = scores / weights[:, None]
    return scored


def _channel_scores(scratch: str, speech: Floats) -> Floats | None:
    """How much louder each channel is than the others, (steps, channels); None where not different people are on them.

    The tracks of a recording whose tracks are mixed are its channels.
    """
    path = Path(scratch) / CHANNELS_FILE
    if not path.exists():
        return None
    power = np.load(path)[: speech.size]
    power = np.pad(power, ((0, speech.size - len(power)), (0, 0))) + 1e-10
    others = [np.delete(power, channel, axis=1).max(axis=1) for channel in range(power.shape[1])]
    balance_db = 10.0 * np.log10(power / np.stack(others, axis=1))
    shares = (balance_db[speech >= SPOKEN.begin] > CHANNEL_DB).sum(axis=0) / max(1, (speech >= SPOKEN.begin).sum())
    if shares.sum() < CHANNEL_SHARE or (shares >= LEAST_CHANNEL_SHARE).sum() < 2:
        return None
    steps = -(-speech.size // _GRID_TICKS)
    score = np.clip(balance_db / (2 * CHANNEL_DB), -1.0, 1.0) * (speech >= SPOKEN.end)[:, None]
    grid = np.pad(score, ((0, steps * _GRID_TICKS - speech.size), (0, 0)))
    scores: Floats = grid.reshape(steps, _GRID_TICKS, -1).mean(axis=1).astype(np.float32)
    return scores


def _path(scores: Floats) -> _Labels:
    """The likeliest speaker at each step, where a change of speaker costs something (Viterbi)."""
    steps, count = scores.shape
    if count == 1 or not steps:
        return np.zeros(steps, np.int64)
    worth = scores[0].astype(np.float64)
    origins = np.empty((steps, count), np.int64)
    stay = np.arange(count)
    for step in range(1, steps):
        leader = int(worth.argmax())
        changed = worth[leader] - _CHANGE_COST
        is_kept = worth >= changed
        origins[step] = np.where(is_kept, stay, leader)
        worth = np.where(is_kept, worth, changed) + scores[step]
    path = np.empty(steps, np.int64)
    path[-1] = int(worth.argmax())
    for step in range(steps - 1, 0, -1):
        path[step - 1] = origins[step, path[step]]
    return _parted_in_silence(path, scores)


def _parted_in_silence(path: _Labels, scores: Floats) -> _Labels:
    """`path` with each change of speaker that falls where nothing is scored in the middle of that pause."""
    is_scored = np.concatenate([[True], np.ptp(scores, axis=1) > 0, [True]])
    parted = path.copy()
    for first, last in np.flatnonzero(np.diff(is_scored)).reshape(-1, 2).tolist():
        middle = (first + last) // 2
        parted[first:middle] = path[max(0, first - 1)]
        parted[middle:last] = path[min(last, len(path) - 1)]
    return parted


def _turns(stretches: Sequence[Stretch], path: _Labels, start_sec: float) -> tuple[Turn, ...]:
    """The speech of `stretches` in turns, without gaps where the next one follows soon."""
    turns: list[Turn] = []
    for stretch in stretches:
        labels = path[np.arange(stretch.first, stretch.last) // _GRID_TICKS]
        edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), labels.size]
        for first, last in pairwise(edges):
            begin, end = ((stretch.first + at) * TICK_SEC for at in (first, last))
            speaker = int(labels[first])
            if turns and turns[-1].speaker == speaker and begin - turns[-1].end_sec < JOINED_PAUSE_SEC:
                turns[-1] = replace(turns[-1], end_sec=end)
            else:
                turns.append(Turn(begin, end, speaker))
    return tuple(_numbered(_widened(turns), start_sec))


def _widened(turns: Sequence[Turn]) -> list[Turn]:
    """`turns` with their margins; neighbours share a pause that is shorter than two."""
    wide = []
    for number, turn in enumerate(turns):
        before = turn.start_sec - turns[number - 1].end_sec if number else 2 * min(turn.start_sec, TURN_MARGIN_SEC)
        after = turns[number + 1].start_sec - turn.end_sec if number + 1 < len(turns) else 2 * TURN_MARGIN_SEC
        lead_sec, tail_sec = min(before / 2, TURN_MARGIN_SEC), min(after / 2, TURN_MARGIN_SEC)
        wide.append(replace(turn, start_sec=turn.start_sec - lead_sec, end_sec=turn.end_sec + tail_sec))
    return wide


def _numbered(turns: Sequence[Turn], start_sec: float) -> list[Turn]:
    numbers: dict[int, int] = {}
    return [
        Turn(
            round(start_sec + turn.start_sec, 3),
            round(start_sec + turn.end_sec, 3),
            numbers.setdefault(turn.speaker, len(numbers) + 1),
        )
        for turn in turns
    ]


def with_speakers(words: Sequence[Word], turns: Sequence[Turn]) -> list[Word]:
    """`words` in order of time, with the speaker of the turn that each lies in or nearest to.

    A change of speaker is moved by up to `_BORDER_SEC` to where a sentence ends or the pause is widest.
    """
    if not turns:
        return list(words)
    words = sorted(words, key=lambda word: (word.start_sec, word.end_sec))
    starts = np.array([turn.start_sec for turn in turns])
    ends = np.array([turn.end_sec for turn in turns])
    speakers: list[int] = []
    for word in words:
        middle = word.start_sec + min(word.end_sec - word.start_sec, _WORD_SEC) / 2
        distance = np.maximum(np.maximum(starts - middle, middle - ends), 0.0)
        speakers.append(turns[int(distance.argmin())].speaker)
    at = 1
    while at < len(words):
        if speakers[at] != speakers[at - 1]:
            border = _border(words, speakers, at)
            before, after = speakers[at - 1], speakers[at]
            speakers[min(at, border) : border] = [before] * (border - min(at, border))
            speakers[border : max(at, border)] = [after] * (max(at, border) - border)
            at = max(at, border)
        at += 1
    return [replace(word, speaker=str(speaker)) for word, speaker in zip(words, speakers, strict=True)]


def _border(words: Sequence[Word], speakers: Sequence[int], at: int) -> int:
    """The place near `at` where a new speaker most likely begins; both keep at least a word."""
    first = last = at
    while first > 1 and speakers[first - 2] == speakers[at - 1] and _length(words, first - 1, at) <= _BORDER_SEC:
        first -= 1
    while last + 1 < len(words) and speakers[last + 1] == speakers[at] and _length(words, at, last + 1) <= _BORDER_SEC:
        last += 1
    return max(range(first, last + 1), key=lambda place: (_border_worth(words, place), -abs(place - at)))


def _length(words: Sequence[Word], first: int, last: int) -> float:
    return words[last - 1].end_sec - words[first].start_sec


def _border_worth(words: Sequence[Word], at: int) -> float:
    pause_sec = max(0.0, words[at].start_sec - words[at - 1].end_sec)
    return round(min(pause_sec, 1.0) + (0.5 if ends_sentence(words[at - 1].value) else 0.0), 2)
