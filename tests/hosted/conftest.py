"""Libraries on the hosted platform, which a script plays; the store, the ledger, the decoder and the files are real."""

from __future__ import annotations

import math
import sys
import wave
from array import array
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx
import pytest
from pydantic import SecretStr

from soundbite_api import PlatformClient, PollPolicy, RetryPolicy, SourceFile
from soundbite_engine.audio.decode import probe
from soundbite_engine.audio.encode import cut, to_flac
from soundbite_engine.errors import EngineError
from soundbite_store import TimedText
from soundbite_tools.library import MIB, Library, LibraryConfig, UrlRules
from soundbite_tools.requests import SoundFormat
from soundbite_tools.sources.local_media import Heard, Media, MediaProblem

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
from bench_scripts import load
from running_library import running_library

hosted = load("hosted_service.platform")


class ThreadMediaReader:
    """The engine's own decoder in a thread; what it recognises is scripted, since recognising takes seconds."""

    heard = "recognised here"

    async def silence(self, platform_asset_id: str, silences: Any) -> None:
        """Keep nothing to silence."""

    async def forget_file(self, path: Path, content_hash: str) -> None:
        """Keep nothing to forget."""

    async def scrub(self) -> None:
        """Keep nothing to scrub."""

    async def probe(self, source: SourceFile) -> Media:
        """Return what the file holds."""
        info = await _in_thread(partial(probe, _ignore, source))
        return Media(info.duration_sec, info.has_audio, info.container, len(info.tracks))

    async def cut(
        self, source: SourceFile, start_sec: float, end_sec: float, sound_format: SoundFormat, track: str = ""
    ) -> bytes:
        """Return the sound of a range."""
        return await _in_thread(partial(cut, _ignore, source, start_sec, end_sec, sound_format))

    async def to_flac(
        self, source: SourceFile, out: Path, start_sec: float, end_sec: float | None, track: str = ""
    ) -> None:
        """Write a range as FLAC."""
        await _in_thread(partial(to_flac, _ignore, source, str(out), start_sec, end_sec, int(track) if track else None))

    async def transcribe(self, source: SourceFile, start_sec: float, end_sec: float | None, track: str = "") -> Heard:
        """Return what the script says was said in the first second."""
        said = TimedText(value=self.heard, start_sec=start_sec, end_sec=start_sec + 1)
        return Heard((said,), (said,))


async def _in_thread(call: Callable[[], Any]) -> Any:
    try:
        return await anyio.to_thread.run_sync(call)
    except EngineError as exc:
        raise MediaProblem(exc.message) from exc


def _ignore(fraction: float) -> None:
    del fraction


@pytest.fixture
def platform() -> Any:
    """The hosted platform as this test scripts it."""
    return hosted.HostedPlatform()


@pytest.fixture
def tone(tmp_path: Path) -> Callable[..., Path]:
    """Writes seconds of a tone as WAV into the folder that may be read; another pitch is other content."""

    def write(seconds: float = 12.0, name: str = "tone.wav", hz: float = 440.0, rate_hz: int = 8000) -> Path:
        path = tmp_path / "audio" / name
        path.parent.mkdir(exist_ok=True)
        samples = array("h", (int(9000 * math.sin(6.2832 * hz * i / rate_hz)) for i in range(int(seconds * rate_hz))))
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, rate_hz, len(samples), "NONE", ""))
            file.writeframes(samples.tobytes())
        return path

    return write


@pytest.fixture
def open_library(tmp_path: Path, platform: Any) -> Callable[..., AbstractAsyncContextManager[Library]]:
    """Opens the library of this test; leaving is a shutdown that stops its jobs."""
    (tmp_path / "audio").mkdir(exist_ok=True)

    async def no_pause(seconds: float) -> None:
        await anyio.lowlevel.checkpoint()

    @asynccontextmanager
    async def opened(
        transport: httpx.AsyncBaseTransport | None = None,
        largest_direct_bytes: int = 200 * MIB,
        model_name: str = "marengo3.0",
        **changes: Any,
    ) -> AsyncIterator[Library]:
        config = LibraryConfig(
            home=tmp_path / "home",
            roots=(tmp_path / "audio",),
            working_folder=tmp_path / "audio",
            urls=UrlRules(),
            platform=hosted.BASE_URL,
            natural_segmentation=False,
            longest_sync_sec=0.0,
            job_retry_s=0.0,
        )
        async with platform.http(transport) as http:
            client = PlatformClient(
                http,
                api_key=SecretStr(hosted.KEY),
                model_name=model_name,
                retries=RetryPolicy(sleep=no_pause),
                polls=PollPolicy(sleep=no_pause),
                largest_direct_bytes=largest_direct_bytes,
            )
            async with running_library(tmp_path, replace(config, **changes), client, ThreadMediaReader()) as library:
                yield library

    return opened


@pytest.fixture
def load_bench() -> Callable[[str], Any]:
    """Loads a script of bench/ by its name."""
    return load
