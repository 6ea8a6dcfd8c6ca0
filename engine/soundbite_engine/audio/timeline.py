"""Where a player has each piece of sound (holes, late starts, stamps that jump, joined files), and how long it all is.

Some containers stamp every packet with its time (`STAMPED`), and the stamps are followed as a player does. In all
others FFmpeg makes times up from byte counts or from numbers of the codec, which are wrong as soon as files are joined
or a header lies about its byte rate; there the samples themselves are counted. FFmpeg also guesses a length from the
bit rate where a container states none, and the guess may be a thousand times too long, and it takes what is left of a
file that was cut off for all there was.
Sources: the byte count of an MP3's Xing/Info frame; the end-of-stream flag of Ogg (RFC 3533, section 6).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Set
from dataclasses import dataclass, field

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from soundbite_api.files import OpenFile
from soundbite_engine.audio.containers import UNKNOWN_SIZES, announced_bytes

STAMPED = frozenset({"mov", "matroska", "ogg", "asf", "avi", "mpeg", "mpegts", "flv"})
# Programme streams are cut and joined at will: a jump of all tracks at once is a joint, not a hole.
_JOINED_AT_WILL = frozenset({"mpeg", "mpegts"})

_GAP_SEC = 0.1
_START_SEC = 0.005
_OVERLAP_SEC = 0.2
_BACKWARD_SEC = 0.3
_LONG_SEC = 1.0
_PRIMING_SEC = 0.1  # a negative start this short is what an encoder needs to get going
_LONGEST_HOLE_SEC = 4 * 3600.0
# Ogg knows no holes, only lost pages, and a chained stream may begin at any granule.
_LONGEST_OGG_HOLE_SEC = 60.0
_MOST_BOXES = 64
_HEAD_BYTES = 8192
_TAIL_BYTES = 128 * 1024  # an Ogg page is at most 65,307 bytes
_SLACK_BYTES = 1024
# Their headers hold the number of samples; those of others at most a bit rate.
_COUNTED = frozenset({"flac", "tta", "ape", "wv", "tak", "mpc", "mpc8", "dsf", "caf", "aiff", "w64", "au", "voc"})


def family(container: InputContainer) -> str:
    """The first of FFmpeg's names for the format of `container`."""
    return str(container.format.name).partition(",")[0]


def origin_sec(container: InputContainer, source: OpenFile) -> float:
    """The timestamp that a player shows as 0:00."""
    # The timeline of a film begins at 0 whenever its first sound does (ISO 14496-12, edit lists); a fragment of a
    # stream carries the time of the stream.
    if container.start_time is None or (family(container) == "mov" and not is_fragmented(source)):
        return 0.0
    start_sec = float(container.start_time / av.time_base)
    return 0.0 if -_PRIMING_SEC <= start_sec < 0 else start_sec


def guessed_end_sec(container: InputContainer, source: OpenFile) -> float | None:
    """FFmpeg's idea of where the longest track ends on the player's timeline; where nothing is stated, a guess."""
    if container.duration is None:
        return None
    start_sec = float((container.start_time or 0) / av.time_base)
    return float(container.duration / av.time_base) + start_sec - origin_sec(container, source)


def is_fragmented(source: OpenFile) -> bool:
    """Whether a film is written in fragments (ISO 14496-12, movie fragments)."""
    with source.reader() as file:
        for _ in range(_MOST_BOXES):
            header = file.read(16)
            if len(header) < 8:
                return False
            size, name = struct.unpack(">I4s", header[:8])
            if name == b"moof":
                return True
            if size == 1 and len(header) == 16:
                (size,) = struct.unpack(">Q", header[8:])
            if size < 8:
                return False
            file.seek(size - len(header), 1)
    return False


@dataclass(frozen=True)
class Piece:
    """A frame or packet: its stamp in seconds after the origin, None without one, and its length."""

    at_sec: float | None
    seconds: float
    is_after_damage: bool = False


@dataclass
class PlayerClock:
    """The time at which a player has what comes next.

    `now_sec` is the time that all pieces so far have filled. `end_sec` is the end of all tracks, as FFmpeg has it.
    `picture_seconds` are the whole seconds in which there are pictures; None where there is no picture track.
    """

    kind: str
    end_sec: float | None = None
    picture_seconds: Set[int] | None = None
    now_sec: float = 0.0
    _offset_sec: float = field(default=0.0, init=False)
    _due_sec: float | None = field(default=None, init=False)

    def begin_at(self, now_sec: float, piece: Piece) -> None:
        """Set the time of `piece`, which is the first that is read."""
        self.now_sec = now_sec
        if piece.at_sec is not None:
            self._due_sec = piece.at_sec
            self._offset_sec = now_sec - piece.at_sec

    def take(self, piece: Piece, following_sec: float | None) -> float:
        """Advance over `piece`, and return the seconds of silence before it; negative is what to leave out of it.

        `following_sec` is the stamp of the piece after it.
        """
        lead_sec = self._lead_sec(piece, following_sec)
        self.now_sec += lead_sec + piece.seconds
        return lead_sec

    def _lead_sec(self, piece: Piece, following_sec: float | None) -> float:
        at_sec, due_sec = piece.at_sec, self._due_sec
        if at_sec is None:
            self._due_sec = None if due_sec is None else due_sec + piece.seconds
            return 0.0
        if due_sec is not None and self._is_stray(piece, due_sec, following_sec):
            at_sec = due_sec
        self._due_sec = at_sec + piece.seconds
        if self.kind not in STAMPED:
            return self._lost_sec(at_sec) if piece.is_after_damage else self._counted(at_sec, due_sec)
        if due_sec is None and self._offset_sec == 0.0 and self.now_sec <= 0.0:
            return at_sec if abs(at_sec) > _START_SEC else 0.0
        if due_sec is not None and self._is_joint(at_sec, due_sec):
            self._offset_sec += due_sec - at_sec
        ahead_sec = at_sec + self._offset_sec - self.now_sec
        if ahead_sec > _GAP_SEC:
            return ahead_sec
        return max(ahead_sec, -piece.seconds) if ahead_sec < -_OVERLAP_SEC else 0.0

    def _counted(self, at_sec: float, due_sec: float | None) -> float:
        if due_sec is None:
            self._offset_sec = self.now_sec - at_sec
        return 0.0

    def _lost_sec(self, at_sec: float) -> float:
        """The length of what a damaged stretch held, by the stamp of what comes after it."""
        ahead_sec = at_sec + self._offset_sec - self.now_sec
        return ahead_sec if _GAP_SEC < ahead_sec <= _LONGEST_OGG_HOLE_SEC else 0.0

    def _is_stray(self, piece: Piece, due_sec: float, following_sec: float | None) -> bool:
        """Whether the stamp of one piece alone is wrong: the next goes on where this one should be."""
        if piece.at_sec is None or following_sec is None or abs(piece.at_sec - due_sec) < _LONG_SEC:
            return False
        return abs(following_sec - (due_sec + piece.seconds)) < _BACKWARD_SEC

    def _is_joint(self, at_sec: float, due_sec: float) -> bool:
        """Whether the stamps begin anew here, which a player takes no notice of."""
        step_sec = at_sec - due_sec
        if step_sec < -_BACKWARD_SEC:
            return True
        if step_sec <= _LONG_SEC:
            return False
        if self.kind in _JOINED_AT_WILL and not self._has_pictures(due_sec, at_sec):
            return True
        longest_sec = _LONGEST_OGG_HOLE_SEC if self.kind == "ogg" else _LONGEST_HOLE_SEC
        is_past_end = self.end_sec is not None and at_sec + self._offset_sec > self.end_sec + _LONG_SEC
        return step_sec > longest_sec or is_past_end

    def _has_pictures(self, from_sec: float, to_sec: float) -> bool:
        """Whether there are pictures between two stamps of sound, as far as there are any pictures."""
        if self.picture_seconds is None:
            return True
        inside = range(math.ceil(from_sec), math.floor(to_sec))
        return not inside or any(second in self.picture_seconds for second in inside)


def stated_sec(container: InputContainer, stream: AudioStream, source: OpenFile) -> float | None:
    """Where the sound ends on the player's timeline, as the container states it; None where it would be a guess."""
    kind = family(container)
    if kind in STAMPED:
        return _stamped_end_sec(container, stream, source)
    is_stated = (
        kind in _COUNTED
        or (kind in ("wav", "nistsphere") and stream.codec_context.name.startswith("pcm_"))
        or (kind == "mp3" and _counts_frames(source))
    )
    if not is_stated or stream.duration is None or stream.time_base is None:
        return None
    return float(stream.duration * stream.time_base)


def _stamped_end_sec(container: InputContainer, stream: AudioStream, source: OpenFile) -> float | None:
    origin, kind = origin_sec(container, source), family(container)
    if tagged := stream.metadata.get("DURATION"):  # as Matroska's writers note it, from the beginning of the file
        hours, minutes, seconds = (float(part) for part in tagged.split(":"))
        return max(0.0, hours * 3600 + minutes * 60 + seconds - origin)
    # Other containers state the length of their longest track, which may not be the one that is heard.
    is_own = kind in ("mov", "ogg", "asf") or len(container.streams) == 1
    if not is_own or kind == "mpeg":
        return None
    if stream.duration is not None and stream.time_base is not None:
        start_sec = float((stream.start_time or 0) * stream.time_base)
        return max(0.0, start_sec - origin) + float(stream.duration * stream.time_base)
    return None if container.duration is None else float(container.duration / av.time_base)


def is_countable(container: InputContainer) -> bool:
    """Whether the packets of a recording can be counted sooner than it is decoded, and say more than its header."""
    return family(container) not in STAMPED


def rest_sec(container: InputContainer, stream: AudioStream) -> float:
    """Seconds of sound in the packets that are still to be read; none is decoded."""
    ticks = 0
    try:
        for packet in container.demux(stream):
            ticks += packet.duration or 0
    except (FFmpegError, MemoryError):
        pass  # what was counted so far is there
    return float(ticks * stream.time_base) if stream.time_base is not None else 0.0


def missing_share(source: OpenFile) -> float | None:
    """The share of a file that is missing, 0 to 1; None where nothing shows that anything is.

    An Ogg file only shows that its end is missing, not how much: that is 0.
    """
    size = source.size_bytes
    with source.reader() as file:
        head = file.read(_HEAD_BYTES)
        if head[:4] == b"OggS":
            file.seek(max(0, size - _TAIL_BYTES))
            return None if _ends_ogg_stream(file.read()) else 0.0
        if head[:3] == b"ID3":
            at = 10 + _syncsafe(head[6:10])
            file.seek(at)
            announced = _announced_mp3_bytes(file.read(_HEAD_BYTES), at)
        elif head[:4] == b"RIFF":
            announced = announced_bytes(head)
        else:
            announced = _announced_mp3_bytes(head, 0)
    if announced is None or announced - size <= _SLACK_BYTES:
        return None
    return 1.0 - size / announced


def _syncsafe(four: bytes) -> int:
    total = 0
    for byte in four:
        total = total << 7 | byte & 0x7F
    return total


def _announced_mp3_bytes(head: bytes, at: int) -> int | None:
    """Where the sound ends by its Xing or Info frame, which counts bytes from its own beginning."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    tag = max(head.find(b"Xing", 0, 200), head.find(b"Info", 0, 200))
    if tag < 0 or len(head) < tag + 16:
        return None
    (flags,) = struct.unpack_from(">I", head, tag + 4)
    has_frames, has_bytes = bool(flags & 1), bool(flags & 2)
    if not has_bytes:
        return None
    (count,) = struct.unpack_from(">I", head, tag + (12 if has_frames else 8))
    return None if count in UNKNOWN_SIZES else at + int(count)


def _ends_ogg_stream(tail: bytes) -> bool:
    last = tail.rfind(b"OggS")
    return last >= 0 and len(tail) > last + 5 and bool(tail[last + 5] & 4)


def _counts_frames(source: OpenFile) -> bool:
    """Whether an MP3 file begins with a frame that says how many there are (Xing, Info or VBRI)."""
    with source.reader() as file:
        head = file.read(_HEAD_BYTES)
        if head[:3] == b"ID3":
            file.seek(10 + _syncsafe(head[6:10]))
            head = file.read(_HEAD_BYTES)
    return any(head.find(name, 0, 200) >= 0 for name in (b"Xing", b"Info", b"VBRI"))
