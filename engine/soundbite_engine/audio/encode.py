"""What is taken out of a recording: a short clip, a stretch as FLAC, and how loud it is along its time.

FLAC is streamed, so that hours take no more memory than seconds.
"""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.error import FFmpegError
from av.stream import Disposition

from soundbite_api.files import OpenFile
from soundbite_engine.audio.containers import open_media, opened
from soundbite_engine.audio.decode import blocks_of, decoded_blocks
from soundbite_engine.audio.spectra import Samples
from soundbite_engine.audio.timeline import guessed_end_sec
from soundbite_engine.audio.tracks import heard_stream, heard_track, tracks_of
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.media import ClipFormat, MediaFile, Track
from soundbite_engine.workers.plans import TrackChoice

MAX_CLIP_SEC = 600.0
_FRAME_SAMPLES = 1152
_LOWEST_FLAC_HZ, _HIGHEST_FLAC_HZ = 16_000, 48_000
_FLAC_FRAME_SAMPLES = 4608
Levels = npt.NDArray[np.int32]
# A picture needs no overtones, and half the samples are half the work.
_LEVELS_RATE_HZ = 8_000
_FULL_SCALE = 32_768


@dataclass(frozen=True)
class _Recipe:
    container: str
    codec: str
    rate_hz: int
    bit_rate: int
    sample_format: str


_RECIPES = {
    "wav": _Recipe("wav", "pcm_s16le", 16_000, 0, "s16"),  # what speech models take
    "mp3": _Recipe("mp3", "libmp3lame", 24_000, 56_000, "s16p"),
    "opus": _Recipe("ogg", "libopus", 24_000, 32_000, "s16"),
    "flac": _Recipe("flac", "flac", 24_000, 0, "s16"),
}


def cut(
    report: Report, media: MediaFile, start_sec: float, end_sec: float, fmt: ClipFormat, track: TrackChoice = None
) -> bytes:
    """`start_sec` to `end_sec` of a track of the file `media` as a whole mono file of format `fmt`.

    Raises:
        MediaError: see `decoded_blocks`; also a stretch of more than ten minutes.
    """
    del report
    if end_sec - start_sec > MAX_CLIP_SEC:
        raise MediaError("media_too_long", f"a clip is at most {MAX_CLIP_SEC:g} s, not {end_sec - start_sec:.1f} s")
    recipe = _RECIPES[fmt]
    samples = np.concatenate(list(decoded_blocks(media, start_sec, end_sec, recipe.rate_hz, track=track)))
    try:
        return _encoded(samples, recipe)
    except FFmpegError as exc:
        raise MediaError("media_unreadable", f"the clip can't be written as {fmt}: {exc}") from exc


def _encoded(samples: Samples, recipe: _Recipe) -> bytes:
    out = io.BytesIO()
    with av.open(out, mode="w", format=recipe.container) as container:
        stream = container.add_stream(recipe.codec, rate=recipe.rate_hz)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "mono"
        stream.codec_context.format = recipe.sample_format
        if recipe.bit_rate:
            stream.bit_rate = recipe.bit_rate
        for frame in [*_frames(samples, recipe, stream.codec_context.frame_size or _FRAME_SAMPLES), None]:
            container.mux(stream.encode(frame))
    return out.getvalue()


def _frames(samples: Samples, recipe: _Recipe, frame_samples: int) -> Iterator[AudioFrame]:
    for at in range(0, samples.size, frame_samples):
        part = samples[at : at + frame_samples].reshape(1, -1)
        frame = AudioFrame.from_ndarray(part, format=recipe.sample_format, layout="mono")
        frame.sample_rate = recipe.rate_hz
        frame.pts = at
        yield frame


def to_flac(
    report: Report, media: MediaFile, out: str, start_sec: float, end_sec: float | None, track: TrackChoice = None
) -> None:
    """Write a stretch of the sound of a track in `media` to `out`: mono, 16 bits, the rate of the source up to 48 kHz.

    Raises:
        MediaError: see `decoded_blocks`; also when `out` can't be written.
    """
    with open_media(media) as source:
        _write_flac(report, source, out, start_sec, end_sec, track)


def copy_sound(report: Report, media: MediaFile, out: str) -> None:
    """Write all sound in `media` to `out`: one track as `to_flac` does, several as FLAC into one Matroska file.

    Raises:
        MediaError: see `to_flac`.
    """
    with open_media(media) as source:
        tracks = tracks_of(source)
        if len(tracks) < 2:
            _write_flac(report, source, out, 0.0, None, None)
            return
        try:
            _write_tracks(source, out, tracks)
        except (FFmpegError, OSError) as exc:
            raise MediaError("media_unreadable", f"{source.name} can't be written as Matroska: {exc}") from exc


def _write_tracks(source: OpenFile, out: str, tracks: tuple[Track, ...]) -> None:
    first = heard_track(tracks)
    with av.open(out, mode="w", format="matroska") as container:
        streams, parts = list[AudioStream](), list[Iterator[tuple[float, int, AudioFrame]]]()
        for track in tracks:
            rate_hz = min(max(track.sample_rate_hz, _LOWEST_FLAC_HZ), _HIGHEST_FLAC_HZ)
            stream = container.add_stream("flac", rate=rate_hz)
            assert isinstance(stream, AudioStream)
            stream.codec_context.layout = "mono"
            stream.codec_context.format = "s16"
            stream.disposition = Disposition.default if track.number == first else Disposition(0)
            stream.metadata.update({name: value for name in ("language", "title") if (value := getattr(track, name))})
            streams.append(stream)
            parts.append(_track_frames(source, track.number, rate_hz))
        for _, number, frame in heapq.merge(*parts, key=lambda part: part[:2]):
            container.mux(streams[number - 1].encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))


def _track_frames(source: OpenFile, number: int, rate_hz: int) -> Iterator[tuple[float, int, AudioFrame]]:
    """The frames of a track, each with its time in seconds; of one that does not decode a moment of silence."""

    def blocks() -> Iterator[Samples]:
        try:
            yield from blocks_of(source, 0.0, None, rate_hz, track=number)
        except MediaError:
            yield np.zeros(_FLAC_FRAME_SAMPLES, np.int16)

    for frame in _flac_frames(blocks(), rate_hz):
        yield (frame.pts or 0) / rate_hz, number, frame


def _write_flac(
    report: Report, source: OpenFile, out: str, start_sec: float, end_sec: float | None, track: TrackChoice
) -> None:
    rate_hz, until_sec = _rate_and_end(source, end_sec, None if track == "all" else track)
    frames = _flac_frames(blocks_of(source, start_sec, end_sec, rate_hz, track=track), rate_hz)
    try:
        with av.open(out, mode="w", format="flac") as container:
            stream = container.add_stream("flac", rate=rate_hz)
            assert isinstance(stream, AudioStream)
            stream.codec_context.layout = "mono"
            stream.codec_context.format = "s16"
            for frame in frames:
                container.mux(stream.encode(frame))
                if until_sec > start_sec and frame.pts is not None:
                    report(min(1.0, frame.pts / rate_hz / (until_sec - start_sec)))
            container.mux(stream.encode(None))
    except (FFmpegError, OSError) as exc:
        raise MediaError("media_unreadable", f"{source.name} can't be written as FLAC: {exc}") from exc


def _rate_and_end(source: OpenFile, end_sec: float | None, track: int | None) -> tuple[int, float]:
    with opened(source) as container:
        stream = heard_stream(container, source, track)
        rate_hz = min(max(stream.codec_context.sample_rate, _LOWEST_FLAC_HZ), _HIGHEST_FLAC_HZ)
        return rate_hz, end_sec or guessed_end_sec(container, source) or 0.0


def _flac_frames(blocks: Iterator[Samples], rate_hz: int) -> Iterator[AudioFrame]:
    # The encoder takes frames of one size, only the last may be shorter.
    pending, at = np.zeros(0, np.int16), 0
    for block in blocks:
        pending = np.concatenate([pending, block])
        whole = pending.size - pending.size % _FLAC_FRAME_SAMPLES
        for first in range(0, whole, _FLAC_FRAME_SAMPLES):
            yield _flac_frame(pending[first : first + _FLAC_FRAME_SAMPLES], rate_hz, at + first)
        pending, at = pending[whole:], at + whole
    if pending.size:
        yield _flac_frame(pending, rate_hz, at)


def _flac_frame(samples: Samples, rate_hz: int, pts: int) -> AudioFrame:
    frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
    frame.sample_rate = rate_hz
    frame.pts = pts
    return frame


def levels(report: Report, media: MediaFile, count: int, track: TrackChoice = None) -> tuple[float, bytes]:
    """The length in seconds of a track of the file `media`, and `count` peaks over it, 0 to 255 of full scale.

    Raises:
        MediaError: see `decoded_blocks`.
    """
    del report
    peaks: list[Levels] = []
    rest = np.zeros(0, np.int16)
    samples = 0
    for block in decoded_blocks(media, rate_hz=_LEVELS_RATE_HZ, track=track):
        samples += block.size
        whole, rest = _peaks(np.concatenate([rest, block]))
        peaks.append(whole)
    if rest.size:
        peaks.append(np.abs(rest.astype(np.int32)).max(keepdims=True))
    fine = np.concatenate(peaks)
    return samples / _LEVELS_RATE_HZ, _spread(fine, count).astype(np.uint8).tobytes()


def _peaks(samples: Samples) -> tuple[Levels, Samples]:
    step = _LEVELS_RATE_HZ // 100
    whole = samples.size - samples.size % step
    return np.abs(samples[:whole].astype(np.int32)).reshape(-1, step).max(axis=1), samples[whole:]


def _spread(fine: Levels, count: int) -> Levels:
    """The highest of the hundredths of a second in each of `count` equal parts."""
    edges = np.linspace(0, fine.size, count + 1).astype(int)
    parts = zip(edges[:-1], np.maximum(edges[1:], edges[:-1] + 1), strict=True)
    highest = [int(fine[min(first, fine.size - 1) : last].max()) * 256 // _FULL_SCALE for first, last in parts]
    return np.minimum(np.array(highest, np.int32), 255)
