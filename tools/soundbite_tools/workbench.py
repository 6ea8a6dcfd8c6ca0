"""What the tools need from local media; the engine does it, the server hands it in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

SoundFormat = Literal["wav", "mp3", "opus", "flac"]
MIME_TYPES: dict[SoundFormat, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
}


class MediaProblem(Exception):
    """A file's sound can't be read; the message is one sentence."""


@dataclass(frozen=True)
class Media:
    """What a file holds."""

    duration_sec: float | None
    """None where the container does not say."""
    has_audio: bool


class Workbench(Protocol):
    """Reads and cuts local media, away from the event loop."""

    async def probe(self, path: Path) -> Media:
        """Return what the file holds.

        Raises:
            MediaProblem: it can't be read as media.
        """
        ...

    async def cut(self, path: Path, start_sec: float, end_sec: float, sound_format: SoundFormat) -> bytes:
        """Return the sound between two times as a small file of its own.

        Raises:
            MediaProblem: it can't be read, or the range holds no sound.
        """
        ...
