"""Libraries to work on: the real store and ledger, with a scripted platform or the real engine."""

from __future__ import annotations

import importlib
import sys
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from soundbite_api import PlatformClient, RetryPolicy, SourceFile
from soundbite_tools.library import Library, LibraryConfig
from soundbite_tools.requests import SoundFormat
from soundbite_tools.sources.local_media import Media, MediaProblem

# Test folders are no packages, so a helper beside the tests has to be found like this.
sys.path.insert(0, str(Path(__file__).parent))
from running_library import running_library
from scripted_platform import ScriptedPlatform
from tool_calls import embed_audio

RATE_HZ = 8000
OpenLibrary = Callable[..., AbstractAsyncContextManager[Library]]


class WavMediaReader:
    """Reads and cuts WAV files with the standard library; `files` is what the platform keeps on this machine."""

    def __init__(self) -> None:
        self.files: dict[str, Path] = {}
        self.voices: dict[tuple[str, int], NDArray[np.float32]] = {}
        """By the name of a file and the second in which its speaker begins."""

    async def silence(self, platform_asset_id: str, silences: Any) -> None:
        """Keep nothing to silence."""

    async def forget_file(self, path: Path, content_hash: str) -> None:
        """Keep nothing to forget."""

    async def scrub(self) -> None:
        """Keep nothing to scrub."""

    async def asset_file(self, platform_asset_id: str) -> SourceFile | None:
        """Return a file of the platform."""
        path = self.files.get(platform_asset_id)
        return SourceFile.at(path) if path else None

    async def probe(self, source: SourceFile) -> Media:
        """Return the length of a WAV file."""
        try:
            with source.open() as file, wave.open(file.reader()) as sound:
                return Media(duration_sec=sound.getnframes() / sound.getframerate(), has_audio=True)
        except (wave.Error, EOFError) as exc:
            raise MediaProblem(f"{source.name} is not a WAV file") from exc

    async def cut(
        self, source: SourceFile, start_sec: float, end_sec: float, sound_format: SoundFormat, track: str = ""
    ) -> bytes:
        """Return the raw samples of a range."""
        with source.open() as file, wave.open(file.reader()) as sound:
            sound.setpos(round(start_sec * sound.getframerate()))
            return sound.readframes(round((end_sec - start_sec) * sound.getframerate()))

    async def voice(self, source: SourceFile, turns: Sequence[tuple[float, float]], track: str = "") -> Any:
        """Return the voice that a test gave."""
        return self.voices.get((source.name, int(turns[0][0])))


@pytest.fixture(scope="session", autouse=True)
def _loaded() -> None:
    """Load LanceDB before any test's clock runs: on a busy machine that alone may take longer than a call waits."""
    importlib.import_module("lancedb")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Twelve seconds of a WAV file in a folder that may be read."""
    return _write_wav(tmp_path / "audio" / "field log.wav", 12.0)


@pytest.fixture
def platform() -> ScriptedPlatform:
    return ScriptedPlatform()


@pytest.fixture
def media_reader() -> WavMediaReader:
    return WavMediaReader()


@pytest.fixture
def open_library(tmp_path: Path, platform: ScriptedPlatform, media_reader: WavMediaReader) -> OpenLibrary:
    """Opens the library of this test over the scripted platform; leaving is a shutdown that stops its jobs."""

    @asynccontextmanager
    async def opened(**changes: Any) -> AsyncIterator[Library]:
        config = LibraryConfig(
            home=tmp_path / "home",
            roots=(tmp_path / "audio",),
            working_folder=tmp_path / "audio",
            file_urls=True,
            job_retry_s=0.0,
        )
        async with platform.http() as http:
            client = PlatformClient(http, retries=RetryPolicy(first_wait_s=0.001, longest_wait_s=0.001))
            async with running_library(tmp_path, replace(config, **changes), client, media_reader) as library:
                yield library

    return opened


@pytest.fixture
def two_recordings(recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform) -> Callable[..., Any]:
    """Embeds two recordings of two clips each: a river log, tagged work, and a memo, tagged home."""

    async def embed(
        library: Library, memo: tuple[str, str] = ("the cake is done", "buy milk on the way home"), **params: Any
    ) -> tuple[str, str]:
        platform.says = ("the river is rising fast", "nobody saw the bridge move")
        river = await embed_audio(library, recording.name, title="River log", tags=["work"], **params)
        platform.says = memo
        memo_path = write_wav(recording.with_name("memo.wav"), 12.0, level=2)
        home = await embed_audio(library, memo_path.name, title="Memo", tags=["home"], **params)
        return river.asset_id, home.asset_id

    return embed


@pytest.fixture
def write_wav() -> Callable[..., Path]:
    """Writes a WAV file of a constant level; another level is other content."""
    return _write_wav


def _write_wav(path: Path, seconds: float, level: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(RATE_HZ)
        sound.writeframes(bytes([128 + level]) * round(seconds * RATE_HZ))
    return path
