"""Which product files one new embed and one new question enter, and how often calls cross from one file to another.

    PYTHON bench/machine/call_trace.py TREE RECORDING

Run by house.py with the interpreter of a tree. The server of the tree is called in this process, through a client in
memory; it is open, and has embedded another recording and answered another question, before anything is counted.
Prints JSON. What worker processes do is not counted.
"""

import asyncio
import json
import sys
import tempfile
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOTS = ("api", "engine", "store", "tools", "server")
WAIT_SEC = 20


class CallTrace:
    """Counts, while it is on, the files entered and the calls from one file of the product into another."""

    def __init__(self, tree: Path) -> None:
        self._roots = tuple(f"{tree / root}/" for root in ROOTS)
        self._is_product: dict[str, bool] = {}
        self.files: set[str] = set()
        self.crossings = 0

    @contextmanager
    def on(self) -> Iterator[None]:
        """Trace this thread and those that start meanwhile."""
        threading.setprofile(self._event)
        sys.setprofile(self._event)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    def _event(self, frame: FrameType, event: str, argument: object) -> None:
        if event != "call" or not self._counts(frame.f_code) or is_resumed(frame):
            return
        file = frame.f_code.co_filename
        self.files.add(file)
        caller = frame.f_back
        while caller is not None and not self._counts(caller.f_code):
            caller = caller.f_back
        self.crossings += caller is not None and caller.f_code.co_filename != file

    def _counts(self, code: CodeType) -> bool:
        file = code.co_filename
        if file not in self._is_product:
            self._is_product[file] = file.startswith(self._roots)
        return self._is_product[file]


def is_resumed(frame: FrameType) -> bool:
    """Whether a coroutine or generator goes on, rather than a function begins."""
    if frame.f_lasti < 0:
        return False
    return bool(frame.f_code.co_code[frame.f_lasti + 1] & 3)  # the argument of RESUME: 0 at the start of a function


async def traced(tree: Path, recording: Path, home: Path) -> dict[str, Any]:
    """Figures of one embed and one question."""
    from mcp import Client

    from soundbite_server import Settings, build_server

    first = home / "first.wav"
    write_tone(first)
    settings = Settings(home=home / "library", roots=(recording.parent, home), log_level="WARNING")
    async with Client(build_server(settings)) as client:
        await embed(client, first)
        await ask(client, "a tone")
        embedding, question = CallTrace(tree), CallTrace(tree)
        with embedding.on():
            await embed(client, recording)
        with question.on():
            await ask(client, "what has to be bought on the way home")
    return {
        name: {"files": len(trace.files), "crossings": trace.crossings, "names": sorted(_short(tree, trace.files))}
        for name, trace in (("embed", embedding), ("question", question))
    }


def _short(tree: Path, files: set[str]) -> list[str]:
    return [str(Path(file).relative_to(tree)) for file in files]


async def embed(client: Any, path: Path) -> None:
    """Embed a recording and wait for it."""
    task = await call(client, "embed_audio", source=str(path), wait_seconds=WAIT_SEC)
    while task["status"] == "processing":
        task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=WAIT_SEC)
    if task["status"] != "ready":
        raise SystemExit(f"{path.name} was not embedded: {task}")


async def ask(client: Any, question: str) -> None:
    """Ask a question in words."""
    await call(client, "search_clips", query=question)


async def call(client: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    """Call a tool; an error ends the run."""
    result = await client.call_tool(tool, arguments)
    if result.is_error or not isinstance(result.structured_content, dict):
        raise SystemExit(f"{tool}: {result.content}")
    return result.structured_content


def write_tone(path: Path) -> None:
    """Write two seconds of a square wave."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(
            b"".join((8000 if at // 20 % 2 else -8000).to_bytes(2, "little", signed=True) for at in range(32_000))
        )


def main(tree: str, recording: str) -> None:
    """Trace the tree's server and print what was counted."""
    with tempfile.TemporaryDirectory(prefix="soundbite-house-") as home:
        print(json.dumps(asyncio.run(traced(Path(tree), Path(recording), Path(home).resolve()))))


if __name__ == "__main__":
    main(*sys.argv[1:])
