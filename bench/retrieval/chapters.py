"""Measures the borders of chapters: against the topics of meetings, and against the joins of different recordings.

Run `python bench/retrieval/chapters.py EVAL [--library HOME] [--meetings 12]`. EVAL is the evaluation set: its meetings
as true text (text/qmsum_val.jsonl) have topics marked by people. HOME is a library of recordings of several kinds:
pieces of them are put one after the other, and the joins are the borders to be found. Pk and WindowDiff are shares of
places judged wrongly (0 is best; k is half the mean length of a true chapter): the mean and the standard deviation over
recordings, beside those of a cut into as many equal parts and of no cut.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from soundbite_engine.profiles import base_profile
from soundbite_engine.speech.transcripts import Sentence
from soundbite_engine.text import clip_vectors
from soundbite_store import ClipFilter, ClipStore, one_a_span
from soundbite_tools.read import contents
from soundbite_tools.read.contents import Stretch

WORDS_A_SEC, CLIP_WORDS = 2.7, 22
PIECE_SEC = (45.0, 150.0)
PIECES = 8
SEED = 20261
Case = tuple[list[Stretch], list[float]]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure the borders of chapters.")
    parser.add_argument("eval", type=Path)
    parser.add_argument("--library", type=Path)
    parser.add_argument("--meetings", type=int, default=12)
    parser.add_argument("--skip", type=int, default=0, help="leave out the first meetings")
    parser.add_argument("--joined", type=int, default=30)
    parser.add_argument("--try", dest="tries", nargs="*", type=float, default=[], help="other seconds of a border")
    options = parser.parse_args()
    sets: dict[str, list[Case]] = {}
    if options.meetings:
        sets["meetings"] = meetings(options.eval / "text" / "qmsum_val.jsonl", options.skip, options.meetings)
    if options.library:
        sets["joined"] = asyncio.run(joined(options.library, options.joined))
    print(f"{'':34} {'Pk':>12} {'WindowDiff':>12} {'chapters':>9} {'true':>5}")
    for name, cases in sets.items():
        for border_sec in (contents.BORDER_SEC, *options.tries):
            report(
                f"{name}, {len(cases)}: by change ({border_sec:g} s)",
                cases,
                functools.partial(cut, border_sec),
            )
        report(f"{name}: as many, by change", cases, as_many)
        report(f"{name}: as many equal parts", cases, equal)
        report(f"{name}: none", cases, lambda case: [])
    return 0


def cut(border_sec: float, case: Case) -> list[float]:
    stretches, _ = case
    return [stretches[at].start_sec for at in contents.borders(stretches, border_sec)[1:]]


def as_many(case: Case) -> list[float]:
    """The borders by change, of which there are no more than true ones."""
    border_sec, guesses = 5.0, cut(5.0, case)
    while len(guesses) > len(case[1]):
        border_sec *= 1.1
        guesses = cut(border_sec, case)
    return guesses


def equal(case: Case) -> list[float]:
    stretches, true = case
    first, last = stretches[0].start_sec, stretches[-1].end_sec
    return [first + (last - first) * (at + 1) / (len(true) + 1) for at in range(len(true))]


def report(name: str, cases: Sequence[Case], guess: Callable[[Case], list[float]]) -> None:
    scores = [(*errors(case, guesses := guess(case)), len(guesses) + 1, len(case[1]) + 1) for case in cases]
    pk, window, count, true = zip(*scores, strict=True)
    counts = f"{statistics.mean(count):9.1f} {statistics.mean(true):5.1f}"
    print(f"{name:34} {spread(pk):>12} {spread(window):>12} {counts}", flush=True)


def spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.2f} ± {statistics.pstdev(values):.2f}"


def errors(case: Case, guesses: Sequence[float]) -> tuple[float, float]:
    """Pk (Beeferman, Berger and Lafferty 1999) and WindowDiff (Pevzner and Hearst 2002), on a grid of seconds."""
    stretches, true = case
    first, last = stretches[0].start_sec, stretches[-1].end_sec
    seconds = np.arange(int(first), int(last))
    numbers = [np.searchsorted(np.sort(np.array(places)), seconds, side="right") for places in (true, guesses)]
    k = max(2, int((last - first) / (len(true) + 1) / 2))
    crossed = [number[k:] - number[:-k] for number in numbers]
    pk = np.mean((crossed[0] == 0) != (crossed[1] == 0))
    return float(pk), float(np.mean(crossed[0] != crossed[1]))


def meetings(path: Path, skip: int, count: int) -> list[Case]:
    """Meetings with at least two topics, their turns as clips of a few seconds, without sound."""
    profile, cases = base_profile(), list[Case]()
    for line in path.read_text(encoding="utf-8").splitlines():
        meeting = json.loads(line)
        turns = meeting["meeting_transcripts"]
        firsts = sorted({int(topic["relevant_text_span"][0][0]) for topic in meeting["topic_list"]} - {0})
        if not firsts:
            continue
        if skip:
            skip -= 1
            continue
        clips, speakers, begins, at = list[Sentence](), list[str](), list[float](), 0.0
        for turn in turns:
            begins.append(at)
            words = turn["content"].split()
            for first in range(0, len(words), CLIP_WORDS):
                text = " ".join(words[first : first + CLIP_WORDS])
                end = at + max(1, len(words[first : first + CLIP_WORDS])) / WORDS_A_SEC
                clips.append(Sentence(text, at, end))
                speakers.append(turn["speaker"])
                at = end
        vectors = clip_vectors(profile.texts.model, clips).astype(float)
        stretches = [
            Stretch(vector, clip.start_sec, clip.end_sec, speaker)
            for vector, clip, speaker in zip(vectors, clips, speakers, strict=True)
        ]
        cases.append((stretches, [begins[first] for first in firsts if first < len(begins)]))
        if len(cases) == count:
            break
    return cases


async def joined(home: Path, count: int) -> list[Case]:
    """Pieces of the recordings of a library one after the other, each of another one than the piece before."""
    recordings = []
    async with await ClipStore.open(home / "store") as store:
        (info, *_) = await store.spaces()
        rows = await store.embeddings(info.space, ClipFilter(embedding_scope="clip"))
    for asset_id in sorted({row.asset_id for row in rows}):
        own = [row for row in rows if row.asset_id == asset_id]
        clips = sorted(one_a_span(own), key=lambda clip: clip.start_sec)
        if clips[-1].end_sec >= PIECE_SEC[0]:
            recordings.append(contents.stretches_of(own, clips))
    dice, cases = random.Random(SEED), list[Case]()
    for _ in range(count):
        together, joins, at, before = list[Stretch](), list[float](), 0.0, -1
        for _ in range(PIECES):
            number = dice.choice([other for other in range(len(recordings)) if other != before])
            before, recording = number, recordings[number]
            length = min(dice.uniform(*PIECE_SEC), recording[-1].end_sec)
            begin = dice.uniform(0.0, max(0.0, recording[-1].end_sec - length))
            piece = [one for one in recording if one.start_sec >= begin and one.end_sec <= begin + length]
            if not piece:
                continue
            if together:
                joins.append(at)
            shift = at - piece[0].start_sec
            moved = (replace(one, start_sec=one.start_sec + shift, end_sec=one.end_sec + shift) for one in piece)
            together += [replace(one, speaker=f"{number} {one.speaker}") for one in moved]
            at = together[-1].end_sec
        cases.append((together, joins))
    return cases


if __name__ == "__main__":
    sys.exit(main())
