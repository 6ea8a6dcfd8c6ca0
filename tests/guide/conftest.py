"""The guide's world: `soundbite engine` on a port, media on another, and the official SDK in between."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import wave
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from twelvelabs import AudioInputRequest, MediaSource, TwelveLabs

from soundbite_engine.audio.encode import cut

SAMPLES = Path(__file__).parents[2] / "samples"
KEY = "tlk_TEST"


@dataclass(frozen=True)
class Served:
    """A running `soundbite engine`."""

    base_url: str
    process: subprocess.Popen[str]


@dataclass(frozen=True)
class Media:
    """A folder on the loopback network; `url` gives the address of one of its files.

    Below `held/` a file is sent once the gate is open.
    """

    folder: Path
    netloc: str
    gate: threading.Event

    def url(self, name: str) -> str:
        return f"http://{self.netloc}/{name}"


class _Quiet(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, gate: threading.Event, **options: Any) -> None:
        self._gate = gate
        super().__init__(*arguments, **options)

    def do_GET(self) -> None:
        if self.path.startswith("/held/"):
            self._gate.wait(60)
            self.path = self.path.removeprefix("/held")
        super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


def write_beeps(path: Path, seconds: float, rate_hz: int = 16000) -> Path:
    """Sound without words: 0.1 s of a square wave in each second."""
    second = array("h", [*([9000] * 8 + [-9000] * 8) * (rate_hz // 160), *[0] * (rate_hz - 16 * (rate_hz // 160))])
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes((second * (int(seconds) + 1))[: int(seconds * rate_hz)].tobytes())
    return path


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Media]:
    """`spoken.wav`: 12 s, speech up to 5.8 s, then silence and rain. `beeps.wav`: 13 s. And what is no sound."""
    folder = tmp_path_factory.mktemp("media")
    (folder / "spoken.wav").write_bytes(cut(lambda _: None, str(SAMPLES / "field-log.flac"), 0.0, 12.0, "wav"))
    (folder / "speech.wav").write_bytes(cut(lambda _: None, str(SAMPLES / "field-log.flac"), 0.0, 4.0, "wav"))
    write_beeps(folder / "beeps.wav", 13)
    (folder / "page.html").write_text("<html>a player, not the media</html>")
    (folder / "broken.wav").write_bytes(b"RIFF" + bytes(4000))
    (folder / "notes.txt").write_text("these are words, not sound\n" * 100)
    gate = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder), gate=gate))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield Media(folder, f"127.0.0.1:{server.server_port}", gate)
    gate.set()
    server.shutdown()
    server.server_close()
    thread.join(10)


@contextmanager
def running(home: Path, **environment: str) -> Iterator[Served]:
    """Start `soundbite engine` on a free port; leaving stops it with SIGTERM and waits for its end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "soundbite_server", "engine", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SOUNDBITE_HOME": str(home), "SOUNDBITE_LOG_LEVEL": "ERROR", **environment},
    )
    try:
        assert process.stdout is not None
        name, _, base_url = process.stdout.readline().strip().partition("=")
        assert name == "TWELVELABS_BASE_URL"
        yield Served(base_url, process)
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="session")
def start_engine() -> Callable[..., AbstractContextManager[Served]]:
    """Starts an engine of a test's own."""
    return running


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, media: Media) -> Iterator[Served]:
    """The engine that the tests of one process share; it may download from the media folder."""
    with running(tmp_path_factory.mktemp("engine"), SOUNDBITE_ALLOW_URLS=media.netloc) as served:
        yield served


@contextmanager
def connected(base_url: str, key: str = KEY) -> Iterator[TwelveLabs]:
    """The official client."""
    client = TwelveLabs(api_key=key, base_url=base_url)
    yield client
    client._client_wrapper.httpx_client.httpx_client.close()


@pytest.fixture(scope="session")
def connect() -> Callable[..., AbstractContextManager[TwelveLabs]]:
    """Makes the official client of an engine."""
    return connected


@pytest.fixture(scope="session")
def sdk(engine: Served) -> Iterator[TwelveLabs]:
    """The official client of the shared engine."""
    with connected(engine.base_url) as client:
        yield client


@pytest.fixture
def statuses(sdk: TwelveLabs) -> Iterator[list[int]]:
    """The statuses of the answers that the shared client gets in this test."""
    seen: list[int] = []
    hooks = sdk._client_wrapper.httpx_client.httpx_client.event_hooks["response"]

    def see(answer: Any) -> None:
        seen.append(answer.status_code)

    hooks.append(see)
    yield seen
    hooks.remove(see)


@pytest.fixture(scope="session")
def spoken_id(sdk: TwelveLabs, media: Media) -> str:
    """The asset of `spoken.wav`."""
    return str(sdk.assets.create(method="url", url=media.url("spoken.wav")).id)


@pytest.fixture(scope="session")
def beeps_id(sdk: TwelveLabs, media: Media) -> str:
    """The asset of `beeps.wav`, which has no words and so is embedded at once."""
    with (media.folder / "beeps.wav").open("rb") as file:
        return str(sdk.assets.create(method="direct", file=file).id)


class Tasks:
    """Embeds with tasks, as the guide does, without its five seconds between two looks."""

    def __init__(self, sdk: TwelveLabs) -> None:
        self._sdk = sdk

    def create(self, **audio: Any) -> Any:
        """A task that was accepted."""
        return self._sdk.embed.v_2.tasks.create(input_type="audio", model_name="marengo3.0", audio=audio_input(**audio))

    def finish(self, task_id: str) -> Any:
        """The task when it is ready or failed."""
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            task = self._sdk.embed.v_2.tasks.retrieve(task_id=task_id)
            if task.status != "processing":
                return task
            time.sleep(0.05)
        raise TimeoutError(task_id)

    def run(self, **audio: Any) -> Any:
        """A finished task."""
        return self.finish(self.create(**audio).id)


def audio_input(**audio: Any) -> AudioInputRequest:
    """The guide's `audio` object; `asset_id`, `url` and `base_64_string` go to its media source."""
    source = {name: audio.pop(name) for name in ("asset_id", "url", "base_64_string") if name in audio}
    return AudioInputRequest(media_source=MediaSource(**source), **audio)


@pytest.fixture(scope="session")
def tasks(sdk: TwelveLabs) -> Tasks:
    return Tasks(sdk)


@pytest.fixture(scope="session")
def embed(sdk: TwelveLabs) -> Callable[..., Any]:
    """Embeds synchronously."""

    def embedded(**audio: Any) -> Any:
        return sdk.embed.v_2.create(input_type="audio", model_name="marengo3.0", audio=audio_input(**audio))

    return embedded


@pytest.fixture(scope="session")
def plain_task(tasks: Tasks, spoken_id: str) -> Any:
    """The guide's task on `spoken.wav`, ready, with every default."""
    return tasks.run(asset_id=spoken_id)


@pytest.fixture(scope="session")
def spans() -> Callable[[Any], list[tuple[str, str, float, float]]]:
    """The option, scope and times of every embedding of an answer, sorted."""

    def listed(answer: Any) -> list[tuple[str, str, float, float]]:
        return sorted(
            (item.embedding_option, item.embedding_scope, item.start_sec, item.end_sec) for item in answer.data
        )

    return listed
