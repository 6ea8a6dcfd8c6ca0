"""How long a recording is: what its container states, what its packets come to, and whether its end is missing.

FFmpeg guesses a length from the bit rate where a container states none, and the guess may be a thousand times too long.
It also takes what is left of a file that was cut off for all there was.
Sources: the byte count of an MP3's Xing/Info frame; the end-of-stream flag of Ogg (RFC 3533, section 6).
"""

from __future__ import annotations

import struct

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError

from soundbite_api.files import OpenFile
from soundbite_engine.audio.containers import UNKNOWN_SIZES, announced_bytes
from soundbite_engine.audio.timeline import STAMPED, family, origin_sec

_HEAD_BYTES = 8192
_TAIL_BYTES = 128 * 1024  # an Ogg page is at most 65,307 bytes
_SLACK_BYTES = 1024
# Their headers hold the number of samples; those of others at most a bit rate.
_COUNTED = frozenset({"flac", "tta", "ape", "wv", "tak", "mpc", "mpc8", "dsf", "caf", "aiff", "w64", "au", "voc"})


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
