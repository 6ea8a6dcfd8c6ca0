"""A small library embedded once, copied for each test, and clients of a server over it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client

from soundbite_server import Settings, build_server

sys.path.insert(0, str(Path(__file__).parent))

SAMPLES = Path(__file__).parents[2] / "samples"
Connect = Callable[..., Client]


@dataclass(frozen=True)
class Embedded:
    """A library that holds the first 12 seconds of one recording: speech, silence, rain."""

    home: Path
    root: Path
    recording: Path
    asset_id: str
    task_id: str


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Embedded:
    folder = tmp_path_factory.mktemp("library")
    home, root = folder / "home", folder / "recordings"
    root.mkdir()
    recording = root / "field-log.flac"
    shutil.copyfile(SAMPLES / "field-log.flac", recording)

    async def embed() -> dict[str, Any]:
        async with Client(build_server(Settings(home=home, roots=(root,), workers=1))) as client:
            arguments = {"source": str(recording), "end_sec": 12, "tags": ["field"], "wait_seconds": 0}
            result = await client.call_tool("embed_audio", arguments)
            while (result.structured_content or {}).get("status") == "processing":
                task_id = (result.structured_content or {})["task_id"]
                result = await client.call_tool("get_task", {"task_id": task_id, "wait_seconds": 20})
            assert not result.is_error, result.content
            return result.structured_content or {}

    task = anyio.run(embed)
    return Embedded(home, root, recording, task["asset_id"], task["task_id"])


@pytest.fixture
def connect(embedded: Embedded, tmp_path: Path) -> Connect:
    """Return a maker of clients; each has a server of its own over this test's copy of the library."""
    home = tmp_path / "home"
    shutil.copytree(embedded.home, home)

    def client(mode: str = "auto", **settings: Any) -> Client:
        chosen = {"home": home, "roots": (embedded.root,), "workers": 1, **settings}
        return Client(build_server(Settings(**chosen)), mode=mode)

    return client
