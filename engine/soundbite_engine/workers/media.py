"""What callers ask of a recording without analysing it: what it is, and the sound of one stretch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from soundbite_api.files import SourceFile
from soundbite_engine.workers.plans import Span, TrackChoice
from soundbite_engine.workers.pool import WorkerPool

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PROBE_TIMEOUT_S = 60.0
CUT_TIMEOUT_S = 120.0
FLAC_TIMEOUT_S = 1800.0
LEVELS_TIMEOUT_S = 300.0

ClipFormat = Literal["wav", "mp3", "opus", "flac"]
MediaFile = SourceFile | Path | str
"""A file as jobs are given it; a mere path is one that nobody but this process chose."""


@dataclass(frozen=True)
class Track:
    """An audio track, by its number from 1; `is_silent` as far as it was listened to."""

    number: int
    codec: str
    sample_rate_hz: int
    channels: int
    language: str = ""
    title: str = ""
    is_default: bool = False
    is_decodable: bool = True
    is_silent: bool = False


@dataclass(frozen=True)
class MediaInfo:
    """What a file holds; `duration_sec` is None where its container doesn't say and its packets can't be counted."""

    duration_sec: float | None
    container: str
    codec: str
    sample_rate_hz: int
    channels: int
    size_bytes: int
    has_audio: bool
    has_video: bool
    tracks: tuple[Track, ...] = ()
    track: int = 1
    """The number of the track that is heard, and that codec, rate and channels are of."""


async def probe(media: MediaFile, pool: WorkerPool) -> MediaInfo:
    """What the file `media` holds.

    Raises:
        MediaError: missing, empty, unreadable, without audio, or without any sound that decodes.
        WorkerError: the process that looked at it failed.
    """
    info: MediaInfo = await pool.run("probe", media, timeout_s=PROBE_TIMEOUT_S, is_urgent=True)
    return info


async def cut(
    media: MediaFile, start_sec: float, end_sec: float, fmt: ClipFormat, pool: WorkerPool, track: TrackChoice = None
) -> bytes:
    """`start_sec` to `end_sec` of a track of the file `media` as a mono file: 16 kHz for wav, 24 kHz for the others.

    Raises:
        MediaError: unreadable, `start_sec` past the end, or more than ten minutes.
        WorkerError: the process that cut it failed.
    """
    sound: bytes = await pool.run(
        "cut", media, float(start_sec), float(end_sec), fmt, track, timeout_s=CUT_TIMEOUT_S, is_urgent=True
    )
    return sound


async def to_flac(
    media: MediaFile,
    out: Path,
    pool: WorkerPool,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    track: TrackChoice = None,
) -> None:
    """Write a track of the file `media`, or a stretch of it, to `out` as FLAC; its times begin at `start_sec`.

    Raises:
        MediaError: unreadable, without sound, or `start_sec` past the end.
        WorkerError: the process that did it failed.
    """
    await pool.run("to_flac", media, str(out), float(start_sec), end_sec, track, timeout_s=FLAC_TIMEOUT_S)


async def copy_sound(media: MediaFile, out: Path, pool: WorkerPool) -> None:
    """Write all sound in the file `media` to `out`: one track as FLAC, several into one Matroska file.

    Raises:
        MediaError: unreadable, or without sound.
        WorkerError: the process that did it failed.
    """
    await pool.run("copy_sound", media, str(out), timeout_s=FLAC_TIMEOUT_S)


async def decode_growing(path: Path, sound: Path, over: Path) -> float:
    """Decode the file at `path`, which grows, to `sound` until `over` is there; returns the seconds of sound.

    In a process of its own: it may take hours, mostly waiting.

    Raises:
        MediaError: it can't be read from its beginning.
        WorkerError: the process that decoded it failed.
    """
    async with WorkerPool(1) as pool:
        seconds: float = await pool.run("decode_growing", str(path), str(sound), str(over))
        return seconds


async def levels(media: MediaFile, count: int, pool: WorkerPool, track: TrackChoice = None) -> tuple[float, bytes]:
    """The length in seconds of a track of the file `media`, and `count` peaks over it, 0 to 255 of full scale.

    Raises:
        MediaError: unreadable, or without sound.
        WorkerError: the process that looked at it failed.
    """
    heights: tuple[float, bytes] = await pool.run(
        "levels", media, int(count), track, timeout_s=LEVELS_TIMEOUT_S, is_urgent=True
    )
    return heights


async def voice(
    media: MediaFile, turns: Sequence[Span], model: str, pool: WorkerPool, track: TrackChoice = None
) -> NDArray[np.float32] | None:
    """The voice of who speaks in `turns` of the file `media`, by the encoder in the folder `model`; see `voice_of`.

    Raises:
        MediaError: unreadable.
        WorkerError: the process that listened to it failed.
    """
    vector: NDArray[np.float32] | None = await pool.run(
        "voice", media, list(turns), model, track, timeout_s=LEVELS_TIMEOUT_S
    )
    return vector
