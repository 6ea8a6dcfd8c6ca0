"""Sound that is no file yet, from a pipe, a microphone or what the machine plays, and the file it goes to."""

from __future__ import annotations

import importlib
import os
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

_BYTES_AT_ONCE = 64 * 1024
_BLOCK_SEC = 0.25
_HEADER_BYTES = 44
_UNKNOWN = 0xFFFFFFFF
_NO_DEVICES = 'Microphones are read by the extra `live`: pip install "soundbite[live]".'
_HEADS = {
    b"RIFF": ".wav",
    b"OggS": ".ogg",
    b"fLaC": ".flac",
    b"ID3": ".mp3",
    b"\x1aE\xdf\xa3": ".mkv",
    b"\xff\xf1": ".aac",
    b"\xff\xf9": ".aac",
    b"\xff\xfb": ".mp3",
    b"\xff\xf3": ".mp3",
    b"G": ".ts",
}


@dataclass(frozen=True)
class Pcm:
    """Samples of 16 bits, little-endian, channel by channel."""

    rate_hz: int
    channels: int

    def header(self, size: int | None) -> bytes:
        """Of a WAV file with so many bytes of samples; None is not known yet."""
        step = 2 * self.channels
        known = _UNKNOWN if size is None else size
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, self.channels, self.rate_hz, self.rate_hz * step, step, 16)
        return (
            struct.pack("<4sI4s", b"RIFF", min(known + 36, _UNKNOWN), b"WAVE")
            + form
            + struct.pack("<4sI", b"data", known)
        )


class Capture:
    """Writes blocks of sound to a file as they come, on a thread of its own; `stop` or their end finishes the file."""

    def __init__(self, path: Path, blocks: Iterator[bytes], pcm: Pcm | None) -> None:
        self._blocks = blocks
        self._pcm = pcm
        self._file: BinaryIO = path.open("xb", buffering=0)
        if pcm:
            self._file.write(pcm.header(None))
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        # A read from a pipe can't be called off; a daemon does not keep the process.
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the sound has ended."""
        return not self._thread.is_alive() or self._file.closed

    def stop(self) -> None:
        """Finish the file, whatever is still to come."""
        self._stopping.set()
        with self._turn:
            self._finish()

    def _run(self) -> None:
        for block in self._blocks:
            with self._turn:
                if self._stopping.is_set():
                    return
                self._file.write(block)
        with self._turn:
            self._finish()

    def _finish(self) -> None:
        if self._file.closed:
            return
        size = self._file.tell() - _HEADER_BYTES
        if self._pcm and size < _UNKNOWN:
            self._file.seek(0)
            self._file.write(self._pcm.header(size))
        self._file.close()


def piped_blocks() -> Iterator[bytes]:
    """What comes on stdin."""
    while block := os.read(sys.stdin.fileno(), _BYTES_AT_ONCE):
        yield block


def ending_of(head: bytes) -> str:
    """The ending of a file that begins so.

    Raises:
        UsageError: it is no container that is known.
    """
    for begin, ending in _HEADS.items():
        if head.startswith(begin):
            return ending
    raise click.UsageError(
        "What comes on stdin begins like no WAV, Ogg, FLAC, MP3, AAC, Matroska or MPEG-TS stream: name the --rate of "
        "raw samples (16 bits, little-endian), and their --channels."
    )


def device_blocks(name: str, pcm: Pcm) -> Iterator[bytes]:
    """What a microphone or a loopback device hears; the system's own where no `name` is given.

    Raises:
        UsageError: the extra is not installed, or there is no such device.
    """
    try:
        devices: Any = importlib.import_module("sounddevice")
    except (ImportError, OSError) as exc:  # the module, or the library PortAudio below it
        raise click.UsageError(_NO_DEVICES if isinstance(exc, ImportError) else f"{exc}: install PortAudio.") from exc
    device: int | str | None = int(name) if name.isdigit() else name or None
    try:
        stream = devices.RawInputStream(pcm.rate_hz, channels=pcm.channels, dtype="int16", device=device)
        stream.start()
    except (devices.PortAudioError, ValueError) as exc:
        raise click.UsageError(f"No sound can be taken from {name or 'the microphone'}: {exc}") from exc

    def blocks() -> Iterator[bytes]:
        with stream:
            while True:
                data, _ = stream.read(round(_BLOCK_SEC * pcm.rate_hz))
                yield bytes(data)

    return blocks()
