"""What the library answers: recordings, and the seconds of them that answer a question."""

from __future__ import annotations

import base64
import html
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from soundbite.errors import SoundbiteError
from soundbite_server.players import NoPlayer
from soundbite_server.players import play as play_file

if TYPE_CHECKING:
    from collections.abc import Awaitable

Format = Literal["mp3", "wav", "opus", "flac"]

_MIME_TYPES = {"mp3": "audio/mpeg"}


@dataclass(frozen=True)
class Recording:
    """A recording in the library."""

    asset_id: str
    title: str
    audio_seconds: float
    tags: tuple[str, ...] = ()
    source: str = ""
    """Where the sound came from: a file or a link."""


@dataclass(frozen=True)
class Speaker:
    """Somebody who speaks."""

    name: str
    """A name that somebody gave, or `Speaker 2` of the one recording."""
    is_named: bool
    seconds: float
    recordings: tuple[tuple[str, float], ...] = ()
    """In which recordings, by asset_id, and for how many seconds; the first twenty."""


@dataclass(frozen=True)
class Replacement:
    """Words of a recording that gave way to a name that was taught, or would."""

    before: str
    after: str
    title: str
    start_sec: float
    time_range: str
    """mm:ss-mm:ss in the recording."""
    nearness: float
    """How near in sound they are, 0 to 1."""
    clip_id: str


@dataclass(frozen=True)
class Facts:
    """Where a clip is, what is said and heard in it, and how sure it is that it answers."""

    clip_id: str
    asset_id: str
    title: str
    start_sec: float
    end_sec: float
    time_range: str
    """mm:ss-mm:ss in the recording."""
    score: float
    """0 to 1; of clips with 0.7 seven in ten answer the question."""
    is_weak: bool = False
    text: str = ""
    """What is said, as recognised."""
    context: str = ""
    """The same with what is said around it, where a search was asked for that (`context_sec`)."""
    speaker: str = ""
    """Who says it: a name that somebody gave, or `Speaker 2`; empty where only one speaks who has no name."""
    unsure: tuple[str, ...] = ()
    """Words of the text that may be misheard."""
    sounds: str = ""
    """What is heard, in words."""
    tags: tuple[str, ...] = ()
    origin: str = ""
    """What tells the recording from others of its title: the ending or name of its file, or a folder."""

    @property
    def link(self) -> str:
        """The address of the clip as the server serves it to agents."""
        return f"soundbite://clips/{self.clip_id}"

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self, player: str = "") -> str:
        """Return the clip as a notebook shows it; titles and words come from outside and are escaped."""
        weak = ", weak" if self.is_weak else ""
        origin = f" ({html.escape(self.origin)})" if self.origin else ""
        heading = f"<b>{html.escape(self.title)}</b>{origin} {self.time_range} ({self.score:.2f}{weak})"
        from soundbite_tools import who_before

        who = who_before(self.speaker, self.text)
        speaker = f"{html.escape(who)}: " if who else ""
        lines = [
            heading,
            speaker + html.escape(self.text),
            f"<i>{html.escape(self.sounds)}</i>" if self.sounds else "",
            player,
        ]
        return f"<div>{'<br>'.join(line for line in lines if line)}</div>"


class Sound(Protocol):
    """A library that cuts the sound of its clips."""

    def audio(self, clip: Facts, audio_format: Format) -> bytes:
        """Return the sound of a clip as a small file."""
        ...


class AsyncSound(Protocol):
    """The same for coroutines."""

    def audio(self, clip: Facts, audio_format: Format) -> Awaitable[bytes]:
        """Return the sound of a clip as a small file."""
        ...


@dataclass(frozen=True)
class Clip(Facts):
    """A clip of a library that was opened by `with`."""

    library: Sound | None = field(default=None, repr=False, compare=False)

    def audio(self, audio_format: Format = "mp3") -> bytes:
        """Return the sound of the clip as a small file; at most 120 seconds.

        Raises:
            SoundbiteError: the recording is gone or can't be read.
        """
        assert self.library is not None
        return self.library.audio(self, audio_format)

    def play(self) -> None:
        """Play the clip to its end with a player of this machine.

        Raises:
            SoundbiteError: there is no player, or no sound.
        """
        play_sound(self.audio("wav"))

    def _repr_html_(self) -> str:
        from soundbite.errors import SoundbiteError

        try:
            data = base64.b64encode(self.audio("mp3")).decode("ascii")
        except SoundbiteError:
            return self.to_html()
        except RuntimeError:  # shown after its library was closed
            return self.to_html()
        return self.to_html(f'<audio controls preload="none" src="data:{_MIME_TYPES["mp3"]};base64,{data}"></audio>')


@dataclass(frozen=True)
class AsyncClip(Facts):
    """A clip of a library that was opened by `async with`."""

    library: AsyncSound | None = field(default=None, repr=False, compare=False)

    async def audio(self, audio_format: Format = "mp3") -> bytes:
        """Return the sound of the clip, as `Clip.audio` does."""
        assert self.library is not None
        return await self.library.audio(self, audio_format)

    async def play(self) -> None:
        """Play the clip to its end, as `Clip.play` does."""
        import anyio.to_thread

        await anyio.to_thread.run_sync(play_sound, await self.audio("wav"))


def play_sound(sound: bytes) -> None:
    """Play the bytes of a WAV file to their end.

    Raises:
        SoundbiteError: nothing here can.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        path.write_bytes(sound)
        try:
            play_file(path)
        except NoPlayer as exc:
            raise SoundbiteError(str(exc), code="no_player") from exc


def content_of(clip: Facts) -> str:
    """Return what is said in a clip, or what is heard where nobody speaks."""
    return clip.text or clip.sounds


def metadata_of(clip: Facts) -> dict[str, Any]:
    """Return where a clip is and how sure it is, as plain values."""
    return {
        "title": clip.title,
        "time_range": clip.time_range,
        "start_sec": clip.start_sec,
        "end_sec": clip.end_sec,
        "score": clip.score,
        "link": clip.link,
        "clip_id": clip.clip_id,
        "asset_id": clip.asset_id,
        "tags": list(clip.tags),
        **({"speaker": clip.speaker} if clip.speaker else {}),
    }
