"""The key of the platform is sent to the platform and shown to nobody, and what is done here is told to nobody."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

KEY = "tlk_SECRET_0123456789"


def recording(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(64000))


async def test_a_platform_that_fails_does_not_bring_the_key_to_light(
    connect: Any, grounds: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recording(grounds.root / "a.wav")
    with caplog.at_level(logging.DEBUG):
        # Nobody listens on port 1: every call of the platform fails.
        hosted = {"engine": "hosted", "api_key": SecretStr(KEY), "base_url": "http://127.0.0.1:1/v1.3"}
        async with connect(**hosted) as client:
            # Together, since each of them tries again for a while.
            results = await asyncio.gather(
                client.call_tool("embed_audio", {"source": str(grounds.root / "a.wav"), "wait_seconds": 3}),
                client.call_tool("embed_audio", {"asset_id": "a" * 24, "wait_seconds": 3}),
                client.call_tool("search_clips", {"query": "anything"}),
                client.call_tool("list_audio", {}),
            )
    shown = [f"{result.content} {result.structured_content}" for result in results]
    assert any("127.0.0.1" in text or "reach" in text or "connect" in text.lower() for text in shown), shown
    assert KEY not in "\n".join(shown)
    assert KEY not in caplog.text


def test_nothing_is_written_outside_of_the_library_nor_gathered_for_the_makers_of_libraries(tmp_path: Path) -> None:
    user, home = tmp_path / "user", tmp_path / "library"
    user.mkdir()
    recording(tmp_path / "a.wav")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_", "SOUNDBITE_"))}
    surroundings = {**kept, "HOME": str(user), "SOUNDBITE_HOME": str(home), "SOUNDBITE_ROOTS": str(tmp_path)}
    for command in (["add", str(tmp_path / "a.wav")], ["search", "the price of a ticket"]):
        ran = subprocess.run(
            [sys.executable, "-m", "soundbite_server", *command],
            env=surroundings,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [path for path in user.rglob("*") if path.is_file()] == []
