"""What the tools need from local media; the engine does it, the server hands it in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from soundbite_api import SourceFile
from soundbite_api.files import Span
from soundbite_store import TimedText
from soundbite_tools.requests import SoundFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIME_TYPES: dict[SoundFormat, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
}


class MediaProblem(Exception):
    """A file's sound can't be read; the message is one sentence."""

    def about(self, name: str) -> str:
        """Return the message without the name of the file, which others gave it."""
        return str(self).replace(name, "it" if str(self).startswith(name) else "the file")


@dataclass(frozen=True)
class Media:
    """What a file holds."""

    duration_sec: float | None
    """None where the container does not say."""
    has_audio: bool
    container: str = ""
    """The format's name (`wav`, `mov,mp4,m4a,...`); empty where it is not known."""
    tracks: int = 1
    """How many audio tracks there are."""


@dataclass(frozen=True)
class Levels:
    """How loud a recording is along its time."""

    duration_sec: float
    peaks: bytes
    """Equal parts of the recording in time order, each the highest level in it, 0 to 255 of full scale."""


@dataclass(frozen=True)
class Heard:
    """What was recognised in a stretch of a recording; times in seconds of the recording."""

    words: tuple[TimedText, ...]
    sentences: tuple[TimedText, ...]


class MediaReader(Protocol):
    """Reads and cuts local media, away from the event loop; a `track` is what `EmbedParams` has."""

    async def asset_file(self, platform_asset_id: str) -> SourceFile | None:
        """Return the file in which the platform keeps an asset; None where that is not on this machine."""
        ...

    async def silence(self, platform_asset_id: str, silences: tuple[Span, ...]) -> None:
        """Have the platform's copy of an asset hold silence in some spans, where that is on this machine.

        What the platform made of it before is forgotten.

        Raises:
            MediaProblem: it can't be read or written.
        """
        ...

    async def forget_file(self, path: Path, content_hash: str) -> None:
        """Have the platform forget what it made of a local file, where it keeps that on this machine.

        Raises:
            MediaProblem: its state can't be written.
        """
        ...

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the platform's files, where those are on this machine.

        Raises:
            MediaProblem: its state can't be written.
        """
        ...

    async def probe(self, source: SourceFile) -> Media:
        """Return what the file holds.

        Raises:
            MediaProblem: it can't be read as media.
        """
        ...

    async def cut(
        self, source: SourceFile, start_sec: float, end_sec: float, sound_format: SoundFormat, track: str = ""
    ) -> bytes:
        """Return the sound between two times as a small file of its own.

        Raises:
            MediaProblem: it can't be read, or the range holds no sound.
        """
        ...

    async def to_flac(
        self, source: SourceFile, out: Path, start_sec: float, end_sec: float | None, track: str = ""
    ) -> None:
        """Write the sound between two times (None: the end) to a FLAC file, whose own times begin at 0.

        Raises:
            MediaProblem: it can't be read, or the range holds no sound.
        """
        ...

    async def copy_sound(self, source: SourceFile, out: Path) -> None:
        """Write the sound of all tracks to a file: one as FLAC, several into one Matroska file.

        Raises:
            MediaProblem: it can't be read.
        """
        ...

    async def transcribe(self, source: SourceFile, start_sec: float, end_sec: float | None, track: str = "") -> Heard:
        """Return what is said between two times, as far as it is recognised on this machine.

        Raises:
            MediaProblem: it can't be read, or the range holds no sound.
        """
        ...

    async def decode_growing(self, path: Path, sound: Path, over: Path) -> float:
        """Write the sound of a file that grows to `sound` (int16, mono, 16 kHz), until a file `over` is there.

        Returns the seconds of sound.

        Raises:
            MediaProblem: it can't be read from its beginning.
        """
        ...

    async def levels(self, source: SourceFile, count: int, track: str = "") -> Levels:
        """Return how loud the sound of a file is in `count` equal parts of it.

        Raises:
            MediaProblem: it can't be read.
        """
        ...

    async def voice(
        self, source: SourceFile, turns: Sequence[tuple[float, float]], track: str = ""
    ) -> NDArray[np.float32] | None:
        """Return the voice of who speaks in these turns, in seconds: a unit vector; None of too little speech.

        Raises:
            MediaProblem: it can't be read.
        """
        ...
