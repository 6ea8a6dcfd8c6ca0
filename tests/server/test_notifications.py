"""Standing questions: who subscribes hears of a new answer, once, whichever process adds it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from soundbite_engine.audio.encode import cut

SAMPLES = Path(__file__).parents[2] / "samples"
QUESTION = "two bottles of milk"
ADDRESS = "soundbite://notifications/two%20bottles%20of%20milk"


def memo(folder: Path, start_sec: float = 0.0, end_sec: float = 8.0) -> Path:
    path = folder / f"memo{start_sec:.0f}.wav"
    path.write_bytes(cut(lambda _: None, str(SAMPLES / "memos.mp3"), start_sec, end_sec, "wav"))
    return path


async def test_a_subscriber_hears_of_a_new_answer(connect: Any, embedded: Any, tmp_path: Path) -> None:
    async def read(client: Any) -> dict[str, Any]:
        (content,) = (await client.read_resource(ADDRESS)).contents
        standing: dict[str, Any] = json.loads(content.text)
        return standing

    async with connect(roots=(embedded.root, tmp_path)) as client:
        assert (await read(client))["answers"] == []
        async with client.listen(resource_subscriptions=[ADDRESS]) as heard:
            added = await client.call_tool("embed_audio", {"source": str(memo(tmp_path)), "wait_seconds": 25})
            assert not added.is_error
            async with asyncio.timeout(60):
                event = await anext(aiter(heard))
        assert event.uri == ADDRESS
        standing = await read(client)
        assert standing["query"] == QUESTION
        (answer,) = standing["answers"]
        assert "milk" in answer["text"]
        assert answer["title"] == "memo0"


def test_the_command_prints_a_line_for_each_answer_that_another_process_adds(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "SOUNDBITE_HOME": str(tmp_path / "home"),
        "SOUNDBITE_ROOTS": str(tmp_path),
        "SOUNDBITE_WORKERS": "1",
    }
    soundbite = (sys.executable, "-m", "soundbite_server")
    command = (*soundbite, "notify", "two", "bottles", "of", "milk", "--json", "--count", "1")
    # In a library that has something, what is added is listed before it has clips to search.
    subprocess.run((*soundbite, "add", str(memo(tmp_path, 20.0, 24.0))), env=environment, check=True, timeout=120)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as asking:
        try:
            assert asking.stderr
            while "Waiting for answers" not in (line := asking.stderr.readline()):
                assert line, "it ended"
            subprocess.run((*soundbite, "add", str(memo(tmp_path))), env=environment, check=True, timeout=120)
            out, _ = asking.communicate(timeout=60)
        finally:
            asking.kill()
    answer = json.loads(out)
    assert "milk" in answer["text"]
    assert answer["score"] >= 0.25
