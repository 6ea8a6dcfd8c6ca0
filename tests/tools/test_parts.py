"""Parts of a recording that is still embedded, over a scripted platform."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import embed_audio, get_task, read_transcript

Said = tuple[tuple[float, float, str], ...]
EARLY: Said = ((0.0, 4.5, "shall we begin yes"),)
FIRST: Said = ((0.0, 3.0, "shall we begin"), (3.0, 4.0, "yes"))
SECOND: Said = ((4.0, 9.0, "then the harvest"),)


@dataclass
class InParts(ScriptedPlatform):
    """Gives so many parts of a task that is never ready."""

    parts: int = 1

    def _get_embedv2_tasks_id(self, request: httpx.Request) -> httpx.Response:
        progress = {"stage": "transcribing", "fraction": 0.5, "parts": self.parts, "until_sec": 1.0}
        task = request.url.path.rpartition("/")[2]
        return httpx.Response(200, json={"_id": task, "status": "processing", "data": None, "progress": progress})

    def _part(self, number: int, said: Said, is_provisional: bool = False) -> httpx.Response:
        data = [
            item
            for start, end, text in said
            for item in self._items(
                {"embedding_option": ["transcription"], "embedding_scope": ["clip"]}, "clip", start, end, text
            )
        ]
        spoken = [{"start": start, "end": end - 0.1, "value": text} for start, end, text in said]
        words = {"status": "ready", "words": spoken, "sentences": spoken, "utterances": spoken}
        head = {"number": number, "until_sec": said[-1][1], "is_provisional": is_provisional}
        return httpx.Response(200, json={**head, "data": data, "transcription": words})

    def _get_embedv2_tasks_id_parts_1(self, request: httpx.Request) -> httpx.Response:
        return self._part(1, EARLY, is_provisional=True)

    def _get_embedv2_tasks_id_parts_2(self, request: httpx.Request) -> httpx.Response:
        return self._part(2, FIRST)

    def _get_embedv2_tasks_id_parts_3(self, request: httpx.Request) -> httpx.Response:
        return self._part(3, SECOND)


@pytest.fixture
def platform() -> InParts:
    return InParts()


async def test_what_was_made_before_it_was_known_who_speaks_gives_way_to_what_was_made_after(
    open_library: Callable[..., Any], recording: Path, platform: InParts
) -> None:
    async with open_library(longest_sync_sec=10.0) as library:
        begun = await embed_audio(library, recording.name, wait_seconds=0)
        for parts, expected in ((1, EARLY), (2, FIRST), (3, (*FIRST, *SECOND))):
            platform.parts = parts
            async with asyncio.timeout(120.0):
                while (task := await get_task(library, begun.task_id)).searchable_until_sec != expected[-1][1]:
                    assert task.status == "processing"
                    await asyncio.sleep(0.05)
            store = await library.store()
            [info] = await store.spaces()
            rows = sorted(await store.clips(info.space), key=lambda clip: clip.start_sec)
            assert [(row.start_sec, row.end_sec, row.transcript) for row in rows] == list(expected)
            lines = (await read_transcript(library, begun.asset_id)).lines
            assert " ".join(line.text for line in lines) == " ".join(text for _, _, text in expected)
