"""How an analysis is divided: the values its parts exchange, the sizes of the parts, and the folder it works in.

No decoder, no model.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

SAMPLE_RATE_HZ = 16_000
TICK_SAMPLES = 512
TICK_SEC = TICK_SAMPLES / SAMPLE_RATE_HZ
SOUND_FILE = "sound.pcm"  # int16, mono, in the scratch folder
CHANNELS_FILE = "channels.npy"  # the energy of channels, float32 (ticks, channels); absent where there are not several
GAINS_FILE = "gains.f32"  # what its samples were multiplied by, one float32 a tick

# Parts of a few seconds' work each: small enough to spread evenly and to cancel, large enough not to be all overhead.
LISTEN_SPAN_TICKS = round(120.0 / TICK_SEC)
DESCRIBE_BATCH_SEC = 240.0
# A recogniser takes thirty seconds at a time whatever it is given, and what is longer is cut off. Two at a time are
# quicker than one; four are no quicker (an hour in 114 s instead of 110) and take 250 MB more.
PASSAGE_SEC = 28.5
PASSAGE_BATCH = 2
# A recording longer than this is analysed part by part, each of so much speech. The first parts are short, so that its
# beginning can be searched soon.
PARTS_FROM_SEC = 480.0
PART_SPEECH_SEC = 220.0
FIRST_PARTS_SEC = (38.0, 95.0)
# And what is said first need not wait until the whole was listened to: it is in the first of its spans.
BEGINNING_TICKS = 2 * LISTEN_SPAN_TICKS

MOST_PEAKS = 4096
_SCRATCH_PREFIX = "soundbite-scratch-"
# What an analysis writes. A folder with anything else in it is someone else's, whatever it is called.
_SCRATCH_FILE = re.compile(r"sound\.pcm|gains\.f32|channels\.npy|(speech|(ticks|voices)-[0-9]+)\.(npy|new)")

Kind = Literal["window", "speech", "sound", "silence"]
Utterance = tuple[int, int]
"""The (first, last) samples of the scratch file between two pauses."""
Passage = tuple[Utterance, ...]
"""Utterances that the recogniser takes as one sound, together at most `PASSAGE_SEC`."""
Span = tuple[float, float]
"""Begin and end in seconds of the source."""
TrackChoice = int | Literal["all"] | None
"""The number of an audio track, from 1; None is the one that a player would take, `all` all of them mixed."""
Item = TypeVar("Item")


@dataclass(frozen=True)
class DecodeReport:
    """What became of a decode: `sample_count` samples at 16 kHz from `start_sec` of the source on.

    `source_sec` is how long the whole source is, as far as could be told.
    """

    sample_count: int
    start_sec: float
    source_sec: float
    warnings: tuple[str, ...]
    peaks: bytes = b""
    """How loud it is along its time: the highest level in each of at most `MOST_PEAKS` equal parts, to 255."""

    @property
    def end_sec(self) -> float:
        """Where the decoded window ends, to the millisecond."""
        return round(self.start_sec + self.sample_count / SAMPLE_RATE_HZ, 3)


@dataclass(frozen=True)
class Segment:
    """A span of the source in seconds."""

    start_sec: float
    end_sec: float
    kind: Kind

    @property
    def seconds(self) -> float:
        return self.end_sec - self.start_sec


def tick_spans(first_tick: int, last_tick: int) -> list[tuple[int, int]]:
    """`first_tick` to `last_tick` in spans of `LISTEN_SPAN_TICKS`, the last one shorter."""
    starts = range(first_tick, last_tick, LISTEN_SPAN_TICKS)
    return [(at, min(at + LISTEN_SPAN_TICKS, last_tick)) for at in starts]


def batches(items: Iterable[Item], seconds: Callable[[Item], float], batch_sec: float) -> list[list[Item]]:
    """`items` in order, in batches that end once they hold `batch_sec` or more."""
    found: list[list[Item]] = []
    room = 0.0
    for item in items:
        if room <= 0.0:
            found.append([])
            room = batch_sec
        found[-1].append(item)
        room -= seconds(item)
    return found


def segment_batches(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments in batches of about `DESCRIBE_BATCH_SEC`."""
    return batches(segments, lambda segment: segment.seconds, DESCRIBE_BATCH_SEC)


@asynccontextmanager
async def scratch_folder() -> AsyncIterator[Path]:
    """A folder for the length of the block; the sound of four hours takes 460 MB in it."""
    # Made right here, which takes microseconds: a wait for a thread that is cancelled leaves a folder nobody deletes.
    folder = tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX, ignore_cleanup_errors=True)
    try:
        yield Path(folder.name)
    finally:
        await asyncio.shield(asyncio.to_thread(folder.cleanup))


def tidy_scratch(before: float) -> None:
    """Delete the scratch folders of killed processes that nothing was added to since a time (seconds since 1970)."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_SCRATCH_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process tidies as well
            if _is_left_behind(folder, before):
                shutil.rmtree(folder)


def _is_left_behind(folder: Path, before: float) -> bool:
    status = folder.lstat()
    is_mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    is_old_folder = stat.S_ISDIR(status.st_mode) and status.st_mtime < before
    return is_mine and is_old_folder and all(_SCRATCH_FILE.fullmatch(entry.name) for entry in folder.iterdir())
