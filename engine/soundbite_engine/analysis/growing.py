"""A file that is being written, decoded as it grows: for what is said a moment ago, not for what is kept of it.

Mixed down and resampled by FFmpeg alone: once the file is whole it is decoded again, with all the care for damage,
phases and clocks that takes knowing the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.error import FFmpegError

from soundbite_api.files import open_pinned
from soundbite_engine.audio.containers import OPEN_OPTIONS, audio_stream, reason
from soundbite_engine.audio.spectra import Samples
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

_LOOK_EVERY_S = 0.2
_BUFFER_BYTES = 16 * 1024
# Little is looked at before sound comes out: a stream of 64 kb/s has 8 KB a second. A WAV header that says how long the
# file is says what it was when the header was written.
_OPTIONS = {**OPEN_OPTIONS, "probesize": "32768", "analyzeduration": "1000000", "ignore_length": "1"}
# A hole of the stamps up to this long is silence; what jumps further is another clock.
_LEAST_HOLE_SEC, _LONGEST_HOLE_SEC = 0.25, 600.0


class _Growing:
    """The bytes of a file that grows: a read waits for some, until nothing is to come any more."""

    def __init__(self, file: BinaryIO, over: Path) -> None:
        self._file = file
        self._over = over

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes; none once the file is over and read."""
        while True:
            is_over = self._over.exists()  # looked at before: what was written until then is read
            if (data := self._file.read(count)) or is_over:
                return data
            time.sleep(_LOOK_EVERY_S)


def decode_growing(report: Report, path: str, sound: str, over: str) -> float:
    """Append the sound of a file to `sound` (int16, mono, 16 kHz) as it comes, until a file `over` exists.

    `path` is absolute and without links. Returns the seconds of sound.

    Raises:
        MediaError: it can't be opened without following a link, or is of no format that can be read from its beginning.
    """
    name, count = Path(path).name, 0
    try:
        with (
            open_pinned(Path(path)) as file,
            Path(sound).open("wb", buffering=0) as out,
            av.open(_Growing(file, Path(over)), mode="r", options=_OPTIONS, buffer_size=_BUFFER_BYTES) as container,
        ):
            for samples in _blocks(container, name):
                out.write(samples.tobytes())
                count += samples.size
                report(0.0)
    except (FFmpegError, ValueError, OSError) as exc:
        if not count:
            raise MediaError("media_unreadable", f"{name} can't be read while it grows ({reason(exc)})") from exc
    return count / SAMPLE_RATE_HZ


def _blocks(container: InputContainer, name: str) -> Iterator[Samples]:
    """The sound in order; holes of its stamps are silence, what does not decode is left out."""
    import numpy as np

    stream = audio_stream(container, name)
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    begin_sec, count = None, 0
    for packet in container.demux(stream):
        with suppress(FFmpegError):
            for frame in packet.decode():
                if frame.time is not None:
                    begin_sec = frame.time if begin_sec is None else begin_sec
                    hole_sec = frame.time - begin_sec - count / SAMPLE_RATE_HZ
                    if _LEAST_HOLE_SEC < hole_sec < _LONGEST_HOLE_SEC:
                        silence = np.zeros(round(hole_sec * SAMPLE_RATE_HZ), np.int16)
                        count += silence.size
                        yield silence
                for part in resampler.resample(frame):
                    samples = part.to_ndarray().reshape(-1).astype(np.int16)
                    count += samples.size
                    yield samples
