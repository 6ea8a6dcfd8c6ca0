"""Channels to one, without losing a voice: what layouts say of channels is not believed, the sound itself decides.

Decisions are made for stretches of four seconds that lie at fixed times of the recording, so that a window of it is
mixed as the whole is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from soundbite_engine.audio.spectra import Floats
from soundbite_engine.audio.voice_activity import BEGIN_PROBABILITY, VoiceDetector
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SEC

STRETCH_SEC = 4.0
_FADE_SEC = 0.05
_DEAD_POWER = 1e-10  # of full scale squared
_OPPOSITE = -0.3
_SAME = 0.9
# Beside a channel four times as strong, a voice is hard to hear in the mix.
_MUCH_STRONGER = 4.0
_MOST_HEARD = 24
_MORE_SPEECH = 0.15
_AS_MUCH_SPEECH = 0.5
# Sound below some hundred hertz changes by this little from one sample to the next, at 16 kHz: a bass channel.
_BASS_SHARE = 0.004
_HEARD_LEVEL = 0.1
_GATHERED_SEC = 0.5
# What the samples of a frame are multiplied by; others go through FFmpeg's own conversion.
_SCALES = {"flt": 1.0, "fltp": 1.0, "s16": 2.0**-15, "s16p": 2.0**-15, "s32": 2.0**-31, "s32p": 2.0**-31}
_MOST_PLANES = 8  # PyAV reads beyond the planes of a frame of so many


class Downmix:
    """To one channel at one rate, begun anew where the rate or the channels change."""

    def __init__(
        self, rate_hz: int, on_damage: Callable[[], None], on_channels: Callable[[Floats, int], None] | None = None
    ) -> None:
        self._rate_hz = rate_hz
        self._on_channels = on_channels
        self._on_damage = on_damage
        self._source = (0, 0)
        self._unpack: AudioResampler | None = None
        self._gathered: list[Floats] = []
        self._count = 0
        self._mixer = Mixer(rate_hz, 0.0)
        self._resampler: AudioResampler | None = None

    def push(self, frame: AudioFrame, at_sec: float, lead_sec: float) -> Iterator[Floats]:
        """What is ready of a frame at `at_sec`, and of silence of `lead_sec` before it; negative is left out of it."""
        samples = self._samples(frame)
        if samples is None:
            return
        if self._source != (frame.sample_rate, samples.shape[1]):
            yield from self.finish()
            self._begin(frame.sample_rate, samples.shape[1], at_sec)
        rate_hz = frame.sample_rate
        for size in _pieces(round(lead_sec * rate_hz), round(STRETCH_SEC * rate_hz)):
            yield from self._gather(np.zeros((size, samples.shape[1]), np.float32))
        yield from self._gather(samples[max(0, round(-lead_sec * rate_hz)) :])

    def _gather(self, samples: Floats) -> Iterator[Floats]:
        """Mix half a second at a time: frames may be as short as 5 ms."""
        self._gathered.append(samples)
        self._count += samples.shape[0]
        if self._count >= _GATHERED_SEC * self._source[0]:
            yield from self._mixed()

    def finish(self) -> Iterator[Floats]:
        """The rest."""
        yield from self._mixed()
        for mixed in self._mixer.finish():
            yield from self._resampled(mixed)
        if self._resampler is not None:
            yield from (_floats(part) for part in self._resampler.resample(None))

    def _begin(self, rate_hz: int, channels: int, at_sec: float) -> None:
        self._source = (rate_hz, channels)
        self._mixer = Mixer(rate_hz, at_sec)
        is_resampled = rate_hz != self._rate_hz
        self._resampler = AudioResampler(format="fltp", layout="mono", rate=self._rate_hz) if is_resampled else None

    def _samples(self, frame: AudioFrame) -> Floats | None:
        """The samples of a frame, float32 of shape (samples, channels); None where they can't be had."""
        scale = _SCALES.get(frame.format.name)
        channels = frame.layout.nb_channels
        if scale is not None and (channels < _MOST_PLANES or not frame.format.is_planar):
            array = frame.to_ndarray()
            rows = array.T if frame.format.is_planar else array.reshape(-1, channels)
            samples: Floats = rows.astype(np.float32, copy=False)
            if scale != 1.0:
                samples = samples * np.float32(scale)
        else:
            unpacked = self._unpacked(frame)
            if unpacked is None:
                return None
            samples = unpacked
        if not math.isfinite(float(samples.sum())):
            samples = np.nan_to_num(samples, posinf=0.0, neginf=0.0)
        return samples

    def _unpacked(self, frame: AudioFrame) -> Floats | None:
        frame.pts = None  # the resampler would pad or drop by timestamps of its own
        try:
            if self._unpack is None:
                self._unpack = AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
            try:
                parts = self._unpack.resample(frame)
            except ValueError:  # "Frame does not match AudioResampler setup"
                self._unpack = AudioResampler(format="flt", layout=frame.layout, rate=frame.sample_rate)
                parts = self._unpack.resample(frame)
        except (ValueError, FFmpegError):
            self._on_damage()
            return None
        rows = [_floats(part).reshape(-1, frame.layout.nb_channels) for part in parts]
        return np.concatenate(rows) if rows else np.zeros((0, frame.layout.nb_channels), np.float32)

    def _mixed(self) -> Iterator[Floats]:
        if not self._gathered:
            return
        samples = np.concatenate(self._gathered)
        self._gathered, self._count = [], 0
        if self._on_channels is not None:
            self._on_channels(samples, self._source[0])
        mixed = [samples[:, 0]] if samples.shape[1] == 1 else self._mixer.push(samples)
        for block in mixed:
            yield from self._resampled(block)

    def _resampled(self, mixed: Floats) -> Iterator[Floats]:
        if self._resampler is None:
            yield mixed
            return
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(mixed).reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = self._source[0]
        yield from (_floats(part) for part in self._resampler.resample(frame))


def _floats(frame: AudioFrame) -> Floats:
    return frame.to_ndarray().reshape(-1).astype(np.float32, copy=False)


def _pieces(size: int, most: int) -> Iterator[int]:
    while size > 0:
        yield min(size, most)
        size -= most


class ChannelLevels:
    """How loud each of `count` channels is, tick by tick from `start_sec` of the source on, before they are mixed."""

    def __init__(self, start_sec: float, count: int = 2) -> None:
        self._start_sec = start_sec
        self._now_sec = 0.0
        self._energy = np.zeros((0, count), np.float32)
        self.link_sec = 0.0
        """Where the recording begins that is read, in a file of several."""

    def begin(self, at_sec: float) -> None:
        """The next samples are those at `at_sec` of their recording."""
        self._now_sec = self.link_sec + at_sec - self._start_sec

    def add(self, samples: Floats, rate_hz: int) -> None:
        """Take the next samples (samples, channels); another number of channels is silence."""
        begin_sec, count = self._now_sec, len(samples)
        self._now_sec += count / rate_hz
        if samples.shape[1] != self._energy.shape[1] or self._now_sec <= 0.0:
            return
        first, last = math.floor(begin_sec / TICK_SEC), math.ceil(self._now_sec / TICK_SEC)
        starts = np.ceil((np.arange(first, last) * TICK_SEC - begin_sec) * rate_hz).clip(0, count - 1).astype(np.int64)
        energy = np.add.reduceat(samples**2, starts, axis=0)[max(0, -first) :]
        first = max(0, first)
        if last > len(self._energy):
            more = np.zeros((max(last, len(self._energy)), self._energy.shape[1]), np.float32)
            self._energy = np.concatenate([self._energy, more])
        self._energy[first : first + len(energy)] += energy

    def levels(self, ticks: int) -> Floats | None:
        """The energy of `ticks` ticks, (ticks, channels); None where there were never so many channels."""
        if not len(self._energy):
            return None
        energy = self._energy[:ticks]
        padded: Floats = np.pad(energy, ((0, ticks - len(energy)), (0, 0)))
        return padded


class Mixer:
    """Mixes one stream of samples of shape (samples, channels), float32, at `rate_hz`, that begins at `start_sec`."""

    def __init__(self, rate_hz: int, start_sec: float) -> None:
        self._rate_hz = rate_hz
        self._size = round(STRETCH_SEC * rate_hz)
        self._left = self._size - round(start_sec % STRETCH_SEC * rate_hz)
        self._pending: list[Floats] = []
        self._weights: Floats | None = None

    def push(self, samples: Floats) -> Iterator[Floats]:
        """The mixed samples of the stretches that are complete."""
        while samples.shape[0] >= self._left:
            self._pending.append(samples[: self._left])
            samples = samples[self._left :]
            yield from self.finish()
            self._left = self._size
        if samples.shape[0]:
            self._pending.append(samples)
            self._left -= samples.shape[0]

    def finish(self) -> Iterator[Floats]:
        """The mixed samples of the stretch that is not complete."""
        if not self._pending:
            return
        stretch = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        self._pending = []
        weights, before = weights_of(stretch, self._rate_hz), self._weights
        mixed: Floats = stretch @ weights
        if before is not None and not np.array_equal(weights, before):
            size = min(len(mixed), round(_FADE_SEC * self._rate_hz))
            ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)
            mixed[:size] = ramp * mixed[:size] + (1.0 - ramp) * (stretch[:size] @ before)
        self._weights = weights
        yield mixed


def weights_of(stretch: Floats, rate_hz: int) -> Floats:
    """How much of each channel goes into the mix of `stretch` (samples, channels)."""
    count = stretch.shape[1]
    if count == 1:
        return np.ones(1, np.float32)
    power = (stretch**2).mean(axis=0)
    live = np.flatnonzero(power > _DEAD_POWER)
    live = live[~_is_bass(stretch[:, live], rate_hz)] if live.size > 1 else live
    weights = np.zeros(count, np.float32)
    if not live.size:
        weights[:] = 1.0 / count
        return weights
    likeness = _likeness(stretch[:, live])
    signs = _signs(likeness, power[live])
    weights[live] = signs / live.size
    if _may_hide_a_voice(likeness, power[live]):
        heard = live[np.argsort(-power[live], kind="stable")[:_MOST_HEARD]]
        speech = np.array([speech_share(stretch[:, channel], rate_hz) for channel in heard])
        if speech.max() > speech_share(stretch @ weights, rate_hz) + _MORE_SPEECH:
            chosen = heard[speech >= _AS_MUCH_SPEECH * speech.max()]
            sign_of = dict(zip(live.tolist(), signs.tolist(), strict=True))
            weights[:] = 0.0
            weights[chosen] = [sign_of[channel] / chosen.size for channel in chosen.tolist()]
    return weights


def _is_bass(channels: Floats, rate_hz: int) -> np.ndarray:
    """Which channels hold nothing but bass, as long as another holds more."""
    step = max(1, round(rate_hz / SAMPLE_RATE_HZ))
    thinned = channels[::step]
    change = (np.diff(thinned, axis=0) ** 2).mean(axis=0) / ((thinned**2).mean(axis=0) + 1e-20)
    is_bass: np.ndarray = change < _BASS_SHARE
    return is_bass if not is_bass.all() else np.zeros_like(is_bass)


def _likeness(channels: Floats) -> Floats:
    """Correlations of channels with each other, -1 to 1."""
    scaled = channels / (np.sqrt((channels**2).sum(axis=0)) + 1e-20)
    likeness: Floats = scaled.T @ scaled
    return likeness


def _signs(likeness: Floats, power: Floats) -> Floats:
    """1 or -1 for each channel, so that none cancels one that is like it; the first is 1."""
    signs = np.ones(len(power), np.float32)
    order = np.argsort(-power, kind="stable")
    for place, channel in enumerate(order[1:], 1):
        earlier = order[:place]
        nearest = earlier[np.argmax(np.abs(likeness[channel, earlier]))]
        if likeness[channel, nearest] * signs[nearest] < _OPPOSITE:
            signs[channel] = -1.0
        elif likeness[channel, nearest] < _OPPOSITE:
            signs[channel] = -signs[nearest]
    oriented: Floats = signs * signs[0]
    return oriented


def _may_hide_a_voice(likeness: Floats, power: Floats) -> bool:
    return len(power) > 1 and bool(np.abs(likeness).min() < _SAME) and float(power.max() / power.min()) > _MUCH_STRONGER


@cache
def _detector() -> VoiceDetector:
    return VoiceDetector()


def speech_share(samples: Floats, rate_hz: int) -> float:
    """How much of `samples` is speech, 0 to 1, whatever its level."""
    level = math.sqrt(float((samples**2).mean()) + 1e-20)
    scaled = np.clip(_at_16_khz(samples, rate_hz) * (_HEARD_LEVEL / level), -1.0, 1.0)
    detector = _detector()
    detector.reset()
    probabilities = detector.probabilities((scaled * 32767).astype(np.int16))
    return float((probabilities >= BEGIN_PROBABILITY).mean()) if probabilities.size else 0.0


def _at_16_khz(samples: Floats, rate_hz: int) -> Floats:
    """Good enough for the detector: averaged over a step, then interpolated."""
    if rate_hz == SAMPLE_RATE_HZ:
        return samples
    width = max(1, rate_hz // SAMPLE_RATE_HZ)
    smooth = np.convolve(samples, np.full(width, 1.0 / width, np.float32), mode="same") if width > 1 else samples
    times = np.arange(round(len(samples) * SAMPLE_RATE_HZ / rate_hz)) * (rate_hz / SAMPLE_RATE_HZ)
    resampled: Floats = np.interp(times, np.arange(len(samples)), smooth).astype(np.float32)
    return resampled
