"""Small recordings that are out of the ordinary, made here: sound whose place can be told from any piece of it."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream

RATE_HZ = 16_000
Sound = np.ndarray


def chatter(seconds: float, rate_hz: int = RATE_HZ, seed: int = 3) -> Sound:
    """Noise between 200 and 3000 Hz whose level changes eight times a second: no two pieces of it are alike."""
    size = round(seconds * rate_hz)
    dice = np.random.default_rng(seed)
    spectrum = np.fft.rfft(dice.standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    spectrum[(hz < 200) | (hz > 3000)] = 0
    levels = np.repeat(dice.uniform(0.05, 1.0, round(seconds * 8) + 1), rate_hz // 8)[:size]
    sound = np.fft.irfft(spectrum, size) * levels
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def tone(seconds: float, hz: float = 440.0, rate_hz: int = RATE_HZ) -> Sound:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


@dataclass(frozen=True)
class Format:
    """A container of FFmpeg, a codec, and what they ask for."""

    container: str
    codec: str
    rate_hz: int = RATE_HZ
    layout: str = "mono"
    bit_rate: int = 0
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return "-".join([self.container, self.codec, *(value for _, value in self.options)])


def packets_of(sound: Sound, form: Format, stream: AudioStream) -> list[av.Packet]:
    """The encoded packets of `sound`, float32 of shape (samples,) or (channels, samples) at the rate of the format."""
    channels = np.atleast_2d(sound)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels), format="fltp", layout=form.layout)
    frame.sample_rate, frame.pts, frame.time_base = form.rate_hz, 0, Fraction(1, form.rate_hz)
    context = stream.codec_context
    resampler = av.AudioResampler(context.format, form.layout, form.rate_hz, context.frame_size or 1024)
    packets = []
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        packets += stream.encode(part)
    return packets + stream.encode(None)


def add_track(container: av.container.OutputContainer, form: Format) -> AudioStream:
    stream = container.add_stream(form.codec, rate=form.rate_hz)
    assert isinstance(stream, AudioStream)
    stream.codec_context.layout = form.layout
    if form.bit_rate:
        stream.bit_rate = form.bit_rate
    return stream


def write(path: Path, sound: Sound, form: Format) -> Path:
    """`sound` as one whole file."""
    with av.open(str(path), "w", format=form.container, options=dict(form.options)) as container:
        stream = add_track(container, form)
        for packet in packets_of(sound, form, stream):
            container.mux(packet)
    return path


def write_pieces(path: Path, pieces: Sequence[tuple[float, Sound]], form: Format, picture_sec: float = 0.0) -> Path:
    """Pieces of sound, each stamped to begin at its time in seconds, beside a picture of `picture_sec` from 0 on."""
    with av.open(str(path), "w", format=form.container, options=dict(form.options)) as container:
        stream = add_track(container, form)
        packets = _pictures(container, picture_sec) if picture_sec else []
        for at_sec, sound in pieces:
            # An encoder of its own for each piece: it is never written to.
            with av.open(io.BytesIO(), "w", format=form.container) as other:
                encoded = packets_of(sound, form, add_track(other, form))
            for packet in encoded:
                shift = round(at_sec / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
            packets += encoded
        if picture_sec:
            packets.sort(key=lambda packet: packet.dts * packet.time_base)
        for packet in packets:
            container.mux(packet)
    return path


def _pictures(container: av.container.OutputContainer, seconds: float) -> list[av.Packet]:
    stream = container.add_stream("mpeg4", rate=4)
    stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
    packets = []
    for index in range(round(seconds * 4)):
        picture = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        picture.pts, picture.time_base = index, Fraction(1, 4)
        packets += stream.encode(picture)
    return packets + stream.encode(None)


def place_of(piece: Sound, whole: Sound, rate_hz: int = RATE_HZ) -> float:
    """Seconds from the beginning of `whole` to where `piece` fits best."""
    size = 1 << (len(piece) + len(whole)).bit_length()
    spectrum = np.fft.rfft(whole.astype(np.float64), size) * np.conj(np.fft.rfft(piece.astype(np.float64), size))
    score = np.fft.irfft(spectrum)[: len(whole)]
    energy = np.cumsum(np.concatenate([[0.0], whole.astype(np.float64) ** 2, np.zeros(len(piece))]))
    norms = np.sqrt(energy[len(piece) :][: len(whole)] - energy[: -len(piece)][: len(whole)] + 1e-3)
    return float(np.argmax(score / norms)) / rate_hz


def joined(path: Path, *parts: Path) -> Path:
    """The bytes of `parts` behind each other."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def with_edits(path: Path, edits: Sequence[tuple[float, float]]) -> Path:
    """Give the only track of the film at `path`, whose index is at its end, an edit list.

    An edit is its length in seconds and where in the media it begins; -1 for nothing, which is silence.
    """
    data = bytearray(path.read_bytes())
    moov = _box(data, b"moov", 0)
    trak = _box(data, b"trak", moov + 8)
    while (old := _box(data, b"edts", trak + 8, trak + _size(data, trak))) >= 0:
        _resize(data, (moov, trak), -_size(data, old))
        del data[old : old + _size(data, old)]
    (movie_scale,) = struct.unpack_from(">I", data, _box(data, b"mvhd", moov + 8) + 20)
    (media_scale,) = struct.unpack_from(">I", data, _box(data, b"mdhd", _box(data, b"mdia", trak + 8) + 8) + 20)
    entries = b"".join(
        struct.pack(">iiI", round(length * movie_scale), -1 if at < 0 else round(at * media_scale), 1 << 16)
        for length, at in edits
    )
    elst = struct.pack(">I4sII", 16 + len(entries), b"elst", 0, len(edits)) + entries
    box = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
    place = _box(data, b"mdia", trak + 8)
    data[place:place] = box
    _resize(data, (moov, trak), len(box))
    path.write_bytes(data)
    return path


def _size(data: bytearray, at: int) -> int:
    return int(struct.unpack_from(">I", data, at)[0])


def _resize(data: bytearray, boxes: Sequence[int], by: int) -> None:
    for at in boxes:
        struct.pack_into(">I", data, at, _size(data, at) + by)


def _box(data: bytearray, name: bytes, at: int, end: int | None = None) -> int:
    """Where the box called `name` is among those from `at` on; -1 where it is not there."""
    last = len(data) if end is None else end
    while at + 8 <= last:
        if data[at + 4 : at + 8] == name:
            return at
        at += max(8, _size(data, at))
    return -1
