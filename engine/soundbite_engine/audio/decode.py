"""Any recording to mono int16 blocks: streamed, bounded, and keeping what can be kept of a damaged file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from soundbite_engine.audio.containers import (
    announced_sec,
    audio_stream,
    describe_container,
    missing_share,
    opened,
    origin_sec,
    reason,
)
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.media import MediaInfo
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, DecodeReport

Samples = npt.NDArray[np.int16]

MAX_DURATION_SEC = 4 * 3600 + 60

# Where a seek lands is checked against the timestamps that follow; below this it is not worth it.
_SEEK_FROM_SEC = 20.0
_PREROLL_SEC = 2.0
# A hole in the timestamps is filled with silence, so that times after it stay true; a longer one is a bad stamp.
_GAP_SEC = 0.1
_MAX_GAP_SEC = 60.0


@dataclass
class Tally:
    """What happened while decoding; filled in as blocks are drawn."""

    damaged_packets: int = 0
    ended_by: str = ""
    announced_sec: float | None = None
    heard_sec: float = 0.0
    is_cut_by_window: bool = False
    missing_share: float | None = None

    @property
    def source_sec(self) -> float:
        """How long the whole source is: what was heard, or what is announced where a window ended the decode."""
        is_known = not self.is_cut_by_window or self.announced_sec is None
        return round(self.heard_sec if is_known else max(self.heard_sec, self.announced_sec or 0.0), 3)

    def warnings(self) -> tuple[str, ...]:
        """What a listener should know, one sentence each."""
        sentences = []
        if self.damaged_packets:
            sentences.append(f"decoded {self.heard_sec:.1f} s; {self.damaged_packets} damaged packets skipped")
        ending = self._early_ending()
        return (*sentences, ending) if ending else tuple(sentences)

    def _early_ending(self) -> str:
        heard = f"{self.heard_sec:.1f} s"
        if self.ended_by:
            return f"reading stopped at {heard}: {self.ended_by}"
        if self.announced_sec is not None and not self.is_cut_by_window:
            missing = self.announced_sec - self.heard_sec
            if missing > max(1.0, self.announced_sec * 0.02):
                return f"the file ends early: {heard} of the {self.announced_sec:.1f} s it announces"
        if self.missing_share is not None:
            share = f" (about {self.missing_share:.0%} of it is missing)" if self.missing_share else ""
            return f"the file was cut off{share}: the {heard} that are there were kept"
        return ""


class _SeekMissed(Exception):
    """The seek landed after the wanted time, or nowhere that can be told."""


class _Resampler:
    """To mono int16 at one rate, rebuilt when a damaged header changes the rate or the channels."""

    def __init__(self, rate_hz: int, tally: Tally) -> None:
        self._rate_hz = rate_hz
        self._tally = tally
        self._inner = self._new()

    def _new(self) -> AudioResampler:
        return AudioResampler(format="s16", layout="mono", rate=self._rate_hz)

    def push(self, frame: AudioFrame | None) -> list[Samples]:
        if frame is not None:
            frame.pts = None  # the resampler would pad or drop by timestamps of its own
        try:
            try:
                resampled = self._inner.resample(frame)
            except ValueError:  # "Frame does not match AudioResampler setup"
                self._inner = self._new()
                resampled = self._inner.resample(frame)
        except (ValueError, FFmpegError):
            self._tally.damaged_packets += 1
            return []
        return [part.to_ndarray().reshape(-1).astype(np.int16, copy=False) for part in resampled if part.samples]


def probe(report: Report, path: str) -> MediaInfo:
    """What the file at `path` holds; its first sound is decoded, so that what passes is playable.

    Raises:
        MediaError: missing, empty, unreadable, or nothing in it decodes to sound.
    """
    del report
    source = Path(path)
    with opened(source) as container:
        info = describe_container(container, source)
        if next(_frames(container, audio_stream(container, source.name), Tally()), None) is None:
            raise _no_sound(source.name)
        return info


def _no_sound(name: str) -> MediaError:
    return MediaError("media_unreadable", f"no sound could be decoded from {name}")


def _frames(container: InputContainer, stream: AudioStream, tally: Tally) -> Iterator[AudioFrame]:
    """Frames of `stream`, skipping packets that don't decode and stopping where the container breaks."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (FFmpegError, MemoryError) as exc:  # a damaged mp4 claims sizes that can't be had
            tally.ended_by = reason(exc)
            return
        try:
            frames = packet.decode()
        except (FFmpegError, ValueError):
            tally.damaged_packets += 1
            continue
        for frame in frames:
            if isinstance(frame, AudioFrame) and frame.samples > 0:
                yield frame


def _seek(container: InputContainer, stream: AudioStream, target_sec: float) -> None:
    if stream.time_base is None:
        raise _SeekMissed
    try:
        container.seek(int(target_sec / stream.time_base), stream=stream, backward=True, any_frame=False)
    except FFmpegError as exc:
        raise _SeekMissed from exc


@dataclass
class _Reading:
    """One pass over one container."""

    container: InputContainer
    stream: AudioStream
    tally: Tally
    rate_hz: int

    def timed_blocks(self, sought_sec: float | None) -> Iterator[tuple[float, Samples]]:
        """(seconds from the beginning, samples); `sought_sec` is the time a seek was meant to land before."""
        origin = origin_sec(self.container)
        if sought_sec is not None:
            _seek(self.container, self.stream, sought_sec - _PREROLL_SEC + origin)
        resampler = _Resampler(self.rate_hz, self.tally)
        clock: float | None = None if sought_sec is not None else 0.0
        for frame in _frames(self.container, self.stream, self.tally):
            at = None if frame.pts is None or frame.time_base is None else frame.pts * float(frame.time_base) - origin
            if clock is None:
                if at is None or sought_sec is None or at > sought_sec:
                    raise _SeekMissed
                clock = at
            blocks = resampler.push(frame)
            if at is not None and _GAP_SEC < at - clock <= _MAX_GAP_SEC:
                blocks.insert(0, np.zeros(round((at - clock) * self.rate_hz), np.int16))
            for block in blocks:
                yield clock, block
                clock += block.size / self.rate_hz
            self.tally.heard_sec = clock
        for block in resampler.push(None) if clock is not None else []:
            yield self.tally.heard_sec, block
            self.tally.heard_sec += block.size / self.rate_hz


def _window_blocks(
    source: Path, start_sec: float, end_sec: float | None, rate_hz: int, tally: Tally, is_sought: bool
) -> Iterator[Samples]:
    with opened(source) as container:
        stream = audio_stream(container, source.name)
        tally.announced_sec = announced_sec(container, stream)
        reading = _Reading(container, stream, tally, rate_hz)
        for at, block in reading.timed_blocks(start_sec if is_sought else None):
            first = max(0, round((start_sec - at) * rate_hz))
            last = block.size + 1 if end_sec is None else round((end_sec - at) * rate_hz)
            if first < min(last, block.size):
                yield block[first:last]
            if last <= block.size:
                tally.is_cut_by_window = True
                break


def decoded_blocks(
    path: str,
    start_sec: float = 0.0,
    end_sec: float | None = None,
    rate_hz: int = SAMPLE_RATE_HZ,
    tally: Tally | None = None,
) -> Iterator[Samples]:
    """Mono blocks of `start_sec` to `end_sec` of the sound in the file at `path`.

    Raises:
        MediaError: unreadable, no audio, no sound decoded, longer than four hours, or `start_sec` past the end.
    """
    source, tally = Path(path), tally or Tally()
    count = 0
    for is_sought in (True, False) if start_sec >= _SEEK_FROM_SEC else (False,):
        try:
            for block in _window_blocks(source, start_sec, end_sec, rate_hz, tally, is_sought):
                count += block.size
                if count > MAX_DURATION_SEC * rate_hz:
                    raise MediaError("media_too_long", f"{source.name} is longer than four hours")
                yield block
        except _SeekMissed:
            continue
        if count:
            return
    if start_sec > 0 and tally.heard_sec > 0:
        raise MediaError(
            "window_past_end", f"start_sec {start_sec:g} is past the end: {source.name} lasts {tally.heard_sec:.1f} s"
        )
    raise _no_sound(source.name)


def decode_to_scratch(
    report: Report, path: str, scratch: str, start_sec: float = 0.0, end_sec: float | None = None
) -> DecodeReport:
    """Decode a window of `path` into `scratch` as raw int16; `report` counts against the announced duration.

    Raises:
        MediaError: see `decoded_blocks`.
    """
    tally = Tally()
    count = 0
    with Path(scratch).open("wb", buffering=1 << 20) as out:
        for block in decoded_blocks(path, start_sec, end_sec, tally=tally):
            out.write(np.ascontiguousarray(block).data)
            count += block.size
            until = end_sec if end_sec is not None else tally.announced_sec
            if until is not None and until > start_sec:
                report(min(1.0, count / SAMPLE_RATE_HZ / (until - start_sec)))
    if not tally.is_cut_by_window:
        tally.missing_share = missing_share(Path(path))
    return DecodeReport(count, start_sec, tally.source_sec, tally.warnings())
