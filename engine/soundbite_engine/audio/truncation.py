"""Telling a recording that was cut off from a whole one, where FFmpeg quietly takes what is left for all there was.

Sources: the RIFF sizes of a WAV file; the byte count of an MP3's Xing/Info frame; the end-of-stream flag of Ogg
(RFC 3533, section 6).
"""

from __future__ import annotations

import struct
from pathlib import Path

from soundbite_engine.audio.riff import UNKNOWN_SIZES, announced_bytes

_HEAD_BYTES = 8192
_TAIL_BYTES = 128 * 1024  # an Ogg page is at most 65,307 bytes
_SLACK_BYTES = 1024


def missing_share(path: Path) -> float | None:
    """The share of the file at `path` that is missing, 0 to 1; None where nothing shows that anything is.

    An Ogg file only shows that its end is missing, not how much: that is 0.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
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
