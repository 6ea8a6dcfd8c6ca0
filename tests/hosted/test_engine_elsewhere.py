"""A library on a `soundbite engine` of another process, through the command line and a client of the protocol."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from pydantic import SecretStr

from soundbite_engine.audio.encode import cut
from soundbite_server import Settings, build_server

SAMPLES = Path(__file__).parents[2] / "samples"
KEY = "a-key-of-this-test"
BOUND_SEC = 120


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """Start an engine on a free port and give its address; leaving stops it."""
    environment = {**os.environ, "SOUNDBITE_HOME": str(home), "SOUNDBITE_ENGINE_KEY": KEY, "SOUNDBITE_WORKERS": "1"}
    command = [sys.executable, "-m", "soundbite_server", "engine", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip().partition("=")[2]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def command_line(home: Path, address: str, *arguments: str) -> str:
    """Return what a command prints with the settings of someone who uses a platform."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SOUNDBITE_", "TWELVE"))},
        "SOUNDBITE_HOME": str(home),
        "TWELVELABS_API_KEY": KEY,
        "TWELVELABS_BASE_URL": address,
        "COLUMNS": "200",
    }
    done = subprocess.run(
        [sys.executable, "-m", "soundbite_server", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=BOUND_SEC,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """`spoken.wav`: a sentence. `standup.flac`: a minute and more of it."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "spoken.wav").write_bytes(cut(lambda _: None, str(SAMPLES / "field-log.flac"), 0.0, 5.8, "wav"))
    return folder


async def finished(client: Client, **arguments: Any) -> dict[str, Any]:
    """Embed, and follow the task to its end as an agent does."""
    result = await client.call_tool("embed_audio", {**arguments, "wait_seconds": 20})
    while (result.structured_content or {}).get("status") == "processing":
        task_id = (result.structured_content or {})["task_id"]
        result = await client.call_tool("get_task", {"task_id": task_id, "wait_seconds": 20})
    assert not result.is_error, result.content
    return result.structured_content or {}


async def test_a_library_on_an_engine_of_another_process_is_filled_and_searched(
    tmp_path: Path, recordings: Path
) -> None:
    home = tmp_path / "home"
    with serving(tmp_path / "engine") as address:
        assert "spoken.wav: " in command_line(home, address, "add", str(recordings))
        assert "spoken" in command_line(home, address, "search", "river")
        shutil.copyfile(SAMPLES / "standup.flac", recordings / "standup.flac")
        settings = Settings(
            home=home, engine="hosted", base_url=address, api_key=SecretStr(KEY), roots=(recordings,), workers=1
        )
        async with Client(build_server(settings)) as client:
            listed = await client.call_tool("list_audio", {})
            window = await finished(client, source=str(recordings / "standup.flac"), end_sec=6)
            read = await client.call_tool("read_transcript", {"asset_id": window["asset_id"]})
            found = await client.call_tool("search_clips", {"query": "river"})
    assert (listed.structured_content or {})["assets"][0]["title"] == "spoken"
    assert (window["audio_seconds"], window["space"]) == (6, "soundbite-base-3")
    assert (read.structured_content or {})["lines"]
    assert (found.structured_content or {})["clips"][0]["title"] == "spoken"
