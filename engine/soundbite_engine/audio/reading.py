"""One pass over a track of a recording: from its start, from a place that was sought, or past packets not decoded.

Sought in are only formats whose index leads to an exact place. In all others the packets before a window are read,
which takes a third of a second an hour, so that its time is known as if they had been decoded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, Literal, TypeVar

from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from soundbite_api.files import OpenFile
from soundbite_engine.audio.containers import reason
from soundbite_engine.audio.mix import STRETCH_SEC, ChannelLevels, Downmix
from soundbite_engine.audio.spectra import Floats
from soundbite_engine.audio.timeline import (
    STAMPED,
    Piece,
    PlayerClock,
    family,
    guessed_end_sec,
    is_countable,
    is_fragmented,
    origin_sec,
    rest_sec,
)
from soundbite_engine.errors import MediaError

ItemT = TypeVar("ItemT")
# Below it there is no speech to be understood, and a file of 172 bytes can hold hours that are widened to 16 kHz.
LOWEST_RATE_HZ = 4000
SKIP_FROM_SEC = 20.0  # below this a window is decoded from the start
_PREROLL_SEC = 2.0
# Formats whose index leads to an exact place. In a Matroska file stamps may jump, which only those see who read all
# before: it is sought in only where reading takes long.
_SOUGHT_PCM = frozenset({"wav", "w64", "aiff", "au", "caf"})
SOUGHT_MATROSKA_BYTES = 256 * 1024 * 1024
_LONGEST_PACKET_SEC = 0.5
# The first of the frame types that hold no speech.
_PAUSE_FRAMES = {"amrnb": 8, "amrwb": 9}

Approach = Literal["start", "skip", "seek"]


@dataclass
class Tally:
    """What happened while decoding; filled in as blocks are drawn."""

    damaged_packets: int = 0
    ended_by: str = ""
    announced_sec: float | None = None
    guessed_sec: float | None = None
    heard_sec: float = 0.0
    unheard_sec: float = 0.0
    is_cut_by_window: bool = False
    missing_share: float | None = None
    channels: ChannelLevels | None = None
    """Where the levels of the channels are kept, if they are wanted."""

    def add_announced(self, seconds: float | None) -> None:
        """Add what one recording of the file states; None where it states nothing."""
        known_sec = self.announced_sec
        self.announced_sec = None if seconds is None or known_sec is None else known_sec + seconds

    def join(self, tracks: Sequence[Tally]) -> None:
        """Become what happened to all of these tracks, which are heard together."""
        self.damaged_packets = sum(track.damaged_packets for track in tracks)
        self.ended_by = next((track.ended_by for track in tracks if track.ended_by), "")
        self.announced_sec = max((track.announced_sec for track in tracks if track.announced_sec), default=None)
        self.guessed_sec = max((track.guessed_sec for track in tracks if track.guessed_sec), default=None)
        self.heard_sec = max(track.heard_sec for track in tracks)
        self.unheard_sec = max(track.heard_sec + track.unheard_sec for track in tracks) - self.heard_sec
        self.is_cut_by_window = any(track.is_cut_by_window for track in tracks)

    def note_damage(self) -> None:
        """Count a packet that does not decode."""
        self.damaged_packets += 1

    @property
    def source_sec(self) -> float:
        """How long the whole source is: what was heard, and what is counted or stated of the rest after a window."""
        if not self.is_cut_by_window:
            return round(self.heard_sec, 3)
        return round(max(self.heard_sec + self.unheard_sec, self.announced_sec or 0.0), 3)

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


class SeekMissed(Exception):
    """The seek landed after the wanted time, or nowhere that can be told."""


@dataclass(frozen=True)
class _Frame:
    """Decoded sound, and what happened since the frame before it."""

    sound: AudioFrame
    piece: Piece


@dataclass(frozen=True)
class _Entry:
    """Where a pass begins: its packets, how far the player's time is ahead of their stamps, and the hole before them.

    `offset_sec` is None at the beginning of the file.
    """

    packets: Iterable[Packet[Any]]
    offset_sec: float | None = None
    silence_sec: float = 0.0


class Reading:
    """One pass over one track of one container."""

    def __init__(self, container: InputContainer, stream: AudioStream, source: OpenFile, tally: Tally) -> None:
        self._container = container
        self._stream = stream
        self._tally = tally
        self._name = source.name
        self._kind = family(container)
        self._origin_sec = origin_sec(container, source)
        self._end_sec = guessed_end_sec(container, source)
        has_pictures = self._kind in ("mpeg", "mpegts") and bool(container.streams.video)
        self._picture_seconds: set[int] | None = set() if has_pictures else None
        self._lost = self._pauses = 0
        self._is_exact = self._kind in _SOUGHT_PCM and stream.codec_context.name.startswith("pcm_")
        self._is_exact |= self._kind == "mov" and not is_fragmented(source)
        self._is_exact |= self._kind == "matroska" and source.size_bytes >= SOUGHT_MATROSKA_BYTES

    def way(self, start_sec: float, approach: Approach) -> Approach:
        """How to go to `start_sec` when `approach` is to be tried.

        Raises:
            SeekMissed: that does not lead there.
        """
        if start_sec < SKIP_FROM_SEC:
            return "start"
        if approach == "seek" and not self._is_exact:
            raise SeekMissed
        return approach

    def frames(self, packets: Iterable[Packet[Any]] | None = None) -> Iterator[_Frame]:
        """Frames of the track, skipping packets that don't decode and stopping where the container breaks.

        Raises:
            MediaError: the sound begins with fewer samples a second than are taken.
        """
        has_begun = False
        for packet in self._packets() if packets is None else packets:
            try:
                decoded = packet.decode()
            except (FFmpegError, ValueError):
                if self._is_pause(packet):
                    self._pauses += 1
                else:
                    self._tally.note_damage()
                continue
            for frame in decoded:
                if not isinstance(frame, AudioFrame) or frame.samples <= 0:
                    continue
                if frame.sample_rate >= LOWEST_RATE_HZ:
                    has_begun = True
                    yield _Frame(frame, self._piece(frame.pts, frame.time_base, frame.samples / frame.sample_rate))
                elif has_begun:
                    self._tally.note_damage()
                else:
                    raise MediaError(
                        "media_unreadable",
                        f"{self._name} has {frame.sample_rate} samples a second; at least {LOWEST_RATE_HZ} are needed",
                    )

    def timed_blocks(
        self, start_sec: float, rate_hz: int, approach: Approach = "start"
    ) -> Iterator[tuple[float, Floats]]:
        """(seconds on the player's timeline, samples), from some time before `start_sec` or from the start.

        Raises:
            SeekMissed: it can't be told where the `approach` leads to.
        """
        clock = PlayerClock(self._kind, self._end_sec, self._picture_seconds)
        # The stretch that the window begins in is mixed as a whole, and passes over from the one before it.
        target_sec = (start_sec // STRETCH_SEC - 1) * STRETCH_SEC - _PREROLL_SEC
        entry = self._enter(clock, target_sec, approach)
        channels = self._tally.channels
        downmix = Downmix(rate_hz, self._tally.note_damage, channels.add if channels else None)
        at_sec: float | None = None
        for frame, following in _with_next(self.frames(entry.packets)):
            lead_sec = 0.0
            if at_sec is None:
                lead_sec, at_sec = self._begin(clock, entry, frame.piece, start_sec)
                if channels:
                    channels.begin(at_sec)
            begin_sec = clock.now_sec - lead_sec
            lead_sec += clock.take(frame.piece, following.piece.at_sec if following else None)
            for block in downmix.push(frame.sound, begin_sec, lead_sec):
                yield at_sec, block
                at_sec += block.size / rate_hz
        if at_sec is None:
            return
        for block in downmix.finish():
            yield at_sec, block
            at_sec += block.size / rate_hz

    def _enter(self, clock: PlayerClock, target_sec: float, approach: Approach) -> _Entry:
        if approach == "skip":
            return self._skip(clock, target_sec)
        if approach == "seek":
            self._seek(target_sec)
            return _Entry(self._packets(), offset_sec=0.0)
        return _Entry(self._packets())

    def _begin(self, clock: PlayerClock, entry: _Entry, piece: Piece, start_sec: float) -> tuple[float, float]:
        """The silence before the first piece, and where it begins."""
        if entry.offset_sec is None:
            return 0.0, clock.now_sec
        if piece.at_sec is None:
            raise SeekMissed
        at_sec = piece.at_sec + entry.offset_sec
        if at_sec - entry.silence_sec > start_sec:
            raise SeekMissed
        clock.begin_at(at_sec, piece)
        return entry.silence_sec, at_sec - entry.silence_sec

    def count_rest(self) -> None:
        """Note how much sound there is after the last packet that was read."""
        if is_countable(self._container):
            self._tally.unheard_sec = rest_sec(self._container, self._stream)

    def _packets(self) -> Iterator[Packet[Any]]:
        """The packets of the track; where streams are joined at will, the stamps of the pictures are noted."""
        others = self._container.streams.video if self._picture_seconds is not None else ()
        packets = self._container.demux(self._stream, *others)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (FFmpegError, MemoryError) as exc:  # a damaged mp4 claims sizes that can't be had
                self._tally.ended_by = reason(exc)
                return
            if packet.stream_index == self._stream.index:
                if self._kind != "mp3" or not _is_mp3_header(packet):
                    yield packet
            elif self._picture_seconds is not None and (at_sec := self._stamp_of(packet)) is not None:
                self._picture_seconds.add(math.floor(at_sec))

    def _piece(self, pts: int | None, time_base: Fraction | None, seconds: float) -> Piece:
        at_sec = None if pts is None or time_base is None else float(pts * time_base) - self._origin_sec
        lost = self._tally.damaged_packets + self._pauses
        is_after_loss, self._lost = lost > self._lost, lost
        return Piece(at_sec, seconds, is_after_loss)

    def _is_pause(self, packet: Packet[Any]) -> bool:
        """Whether a packet of a telephone's codec says that nobody speaks, which FFmpeg can't decode.

        Source: 3GPP TS 26.101 and 26.201, frame types of comfort noise and of no data.
        """
        least = _PAUSE_FRAMES.get(self._stream.codec_context.name)
        return least is not None and packet.size > 0 and bytes(packet)[0] >> 3 & 15 >= least

    def _stamp_of(self, packet: Packet[Any]) -> float | None:
        if packet.pts is None or packet.time_base is None:
            return None
        return float(packet.pts * packet.time_base) - self._origin_sec

    def _length_of(self, packet: Packet[Any], at_sec: float, following_sec: float | None) -> float:
        stated_sec = float(packet.duration * packet.time_base) if packet.duration and packet.time_base else None
        if self._kind in STAMPED and following_sec is not None:
            # A length is rounded to the ticks of the container, which adds up.
            step_sec = following_sec - at_sec
            if 0.0 < step_sec <= (_LONGEST_PACKET_SEC if stated_sec is None else 2 * stated_sec):
                return step_sec
        if stated_sec is None:
            raise SeekMissed
        return stated_sec

    def _seek(self, target_sec: float) -> None:
        if self._stream.time_base is None:
            raise SeekMissed
        try:
            offset = int((target_sec + self._origin_sec) / self._stream.time_base)
            self._container.seek(offset, stream=self._stream, backward=True, any_frame=False)
        except FFmpegError as exc:
            raise SeekMissed from exc

    def _skip(self, clock: PlayerClock, until_sec: float) -> _Entry:
        """Read packets without decoding them up to `until_sec`."""
        packets = _with_next(self._packets())
        for packet, following in packets:
            at_sec = self._stamp_of(packet)
            following_sec = None if following is None else self._stamp_of(following)
            if at_sec is None or packet.time_base is None:
                raise SeekMissed
            seconds = self._length_of(packet, at_sec, following_sec)
            piece = self._piece(packet.pts, packet.time_base, seconds)
            if clock.now_sec == 0.0 and at_sec < 0:
                clock.begin_at(at_sec, piece)
            lead_sec = clock.take(piece, following_sec)
            if clock.now_sec > until_sec:
                begin_sec = clock.now_sec - piece.seconds
                rest = (packet for packet, _ in packets)
                return _Entry(chain([packet], rest), begin_sec - at_sec, max(0.0, lead_sec))
        raise SeekMissed


def _with_next(items: Iterable[ItemT]) -> Iterator[tuple[ItemT, ItemT | None]]:
    """The items, each with the one after it."""
    rest = iter(items)
    for item in rest:
        current = item
        for following in rest:
            yield current, following
            current = following
        yield current, None


def _is_mp3_header(packet: Packet[Any]) -> bool:
    """Whether a packet is the frame with which an MP3 file begins that says how many follow; it holds no sound."""
    return packet.size > 0 and any(name in bytes(packet)[:64] for name in (b"Xing", b"Info"))
