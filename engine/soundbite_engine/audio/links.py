"""Files of several recordings behind each other: chained Ogg and joined FLAC, which FFmpeg reads to the first end only.

Sources: RFC 3533, section 4 (a chain of logical streams begins anew with a page that is marked so); RFC 9639, section 6
(a FLAC stream begins with `fLaC` and a block of 34 bytes).
"""

from __future__ import annotations

import io
import mmap
import struct
from collections.abc import Iterator
from itertools import pairwise
from typing import IO

from soundbite_api.files import OpenFile

_OGG_HEADER = struct.Struct("<4sBB8x4x4x4xB")
_BEGINS_STREAM = 2
_FLAC_BEGINNING = b"fLaC\x00\x00\x00\x22"
_HEAD_BYTES = 64 * 1024
_MOST_LINKS = 1000

Span = tuple[int, int]


def links(source: OpenFile) -> list[Span]:
    """Where each recording in a file begins and ends, in bytes; one for all but joined files.

    Raises:
        OSError: it can't be read.
    """
    with source.reader() as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        head = file.read(_HEAD_BYTES)
        if head.startswith(b"OggS"):
            starts = list(_ogg_starts(file))
        elif _FLAC_BEGINNING in head:
            starts = list(_flac_starts(file))
        else:
            starts = []
    bounds = [0, *starts[1:_MOST_LINKS], size]
    return list(pairwise(bounds))


def _ogg_starts(file: IO[bytes]) -> Iterator[int]:
    at, was_beginning = 0, False
    file.seek(0)
    while len(header := file.read(_OGG_HEADER.size)) == _OGG_HEADER.size:
        mark, _, flags, count = _OGG_HEADER.unpack(header)
        if mark != b"OggS":
            return
        is_beginning = bool(flags & _BEGINS_STREAM)
        if is_beginning and not was_beginning:
            yield at
        was_beginning = is_beginning
        at += _OGG_HEADER.size + count + sum(file.read(count))
        file.seek(at)


def _flac_starts(file: IO[bytes]) -> Iterator[int]:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_FLAC_BEGINNING)
        while at >= 0:
            yield at
            at = data.find(_FLAC_BEGINNING, at + len(_FLAC_BEGINNING))
