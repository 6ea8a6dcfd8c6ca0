"""The key of the platform is sent to the platform and shown to nobody."""

from __future__ import annotations

import asyncio
import logging
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
