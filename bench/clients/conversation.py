"""One conversation through one client, run in the environment of that client: nothing of Soundbite is imported.

    python conversation.py CLIENT PLACE.json

PLACE.json says where the server is (`Place`). A line of JSON is printed for every step: its name, its seconds, and what
is wrong where something is. Ids and facts are read from what the client would show its model.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

STEPS = ("list", "embed", "poll", "search", "get_clip", "sound")
NEEDED = {"embed_audio", "get_task", "search_clips", "get_clip"}
WORD = "4,000"  # what the answer says
_POLLS = 20


class StepFailed(Exception):
    """The client was told something else than it has to be told; the message is what."""


@dataclass(frozen=True)
class Place:
    """Where the server is: a command with its environment for stdio, an address for HTTP; and what to embed."""

    command: list[str]
    env: dict[str, str]
    url: str
    recording: str
    start_sec: float
    end_sec: float
    node: str
    """The folder in which npm installed its packages."""


class Session(Protocol):
    """A client that is connected."""

    async def tools(self) -> dict[str, str]:
        """Return what each tool says of itself, by name."""

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Return what a model is shown of an answer."""


async def converse(session: Session, place: Place) -> AsyncIterator[str]:
    """Yield the name of each step once its answer is as it has to be.

    Raises:
        StepFailed: an answer is not.
    """
    offered = await session.tools()
    if missing := NEEDED - offered.keys():
        raise StepFailed(f"not offered: {', '.join(sorted(missing))}")
    if silent := [name for name, description in offered.items() if not description]:
        raise StepFailed(f"no description: {', '.join(silent)}")
    yield "list"
    window = {"start_sec": place.start_sec, "end_sec": place.end_sec}
    task = await session.call("embed_audio", {"source": place.recording, **window, "wait_seconds": 0})
    task_id = _first(r"\bt_[0-9a-f]+", task)
    yield "embed"
    for _ in range(_POLLS):
        task = await session.call("get_task", {"task_id": task_id, "wait_seconds": 15})
        if re.search(rf"{task_id} is ready|\"ready\"|'ready'", task):
            break
    else:
        raise StepFailed(f"not ready: {task[:200]}")
    yield "poll"
    clips = await session.call("search_clips", {"query": "how much may we spend on advertising?", "top_k": 1})
    _first(re.escape(WORD), clips)
    clip_id = _first(r"clip_id\W+([\w:.+-]*\w)", clips)
    yield "search"
    clip = await session.call("get_clip", {"clip_id": clip_id})
    _first(re.escape(WORD), clip)
    _check_sound(clip)
    yield "get_clip"
    _first(re.escape(WORD), await session.call("get_clip", {"clip_id": clip_id, "include_audio": True}))
    yield "sound"


def _first(pattern: str, text: str) -> str:
    if match := re.search(pattern, text):
        return match[match.re.groups]
    raise StepFailed(f"no {pattern} in: {text[:300]}")


def _check_sound(clip: str) -> None:
    if address := re.search(r"http://127\.0\.0\.1[^\s\"'\\]+", clip):
        with urllib.request.urlopen(address[0], timeout=60) as answer:
            size = len(answer.read())
    else:
        path = Path(_first(r"(?:Sound file: |\bpath\W+)(/[^\n\"'\\]+)", clip))
        size = path.stat().st_size
    if size < 1000:
        raise StepFailed(f"a sound of {size} bytes")


@asynccontextmanager
async def by_node(place: Place, script: str, package: str) -> AsyncIterator[Session]:
    """Connect a client in JavaScript, which reads a call a line and writes its answer."""
    process = await asyncio.create_subprocess_exec(
        *(f"{place.node}/node_modules/node/bin/node", str(Path(__file__).with_name(script)), package),
        *(place.node, json.dumps({"command": place.command, "env": place.env, "url": place.url})),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    assert process.stdin
    assert process.stdout
    to_node, from_node = process.stdin, process.stdout

    async def asked(question: dict[str, Any]) -> Any:
        to_node.write(json.dumps(question).encode() + b"\n")
        answer = json.loads(await from_node.readline() or b'{"error": "the client ended"}')
        if "error" in answer:
            raise StepFailed(answer["error"])
        return answer["result"]

    class Node:
        async def tools(self) -> dict[str, str]:
            return {tool["name"]: tool.get("description", "") for tool in await asked({})}

        async def call(self, name: str, arguments: dict[str, Any]) -> str:
            return shown(await asked({"name": name, "arguments": arguments}))

    try:
        yield Node()
    finally:
        to_node.close()
        await process.wait()


class Inspector:
    """The inspector's command line: a process and a connection for every call."""

    def __init__(self, place: Place) -> None:
        self._place = place

    async def tools(self) -> dict[str, str]:
        listed = await self._run("--method", "tools/list")
        return {tool["name"]: tool.get("description", "") for tool in listed["tools"]}

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        arguments_json = ("--tool-args-json", json.dumps(arguments))
        return shown(await self._run("--method", "tools/call", "--tool-name", name, *arguments_json))

    async def _run(self, *options: str) -> dict[str, Any]:
        place, bin_folder = self._place, f"{self._place.node}/node_modules"
        pairs = (f"{name}={value}" for name, value in place.env.items())
        target = (
            ("--server-url", place.url, "--transport", "http")
            if place.url
            else (*place.command, *(word for pair in pairs for word in ("-e", pair)))
        )
        process = await asyncio.create_subprocess_exec(
            *(f"{bin_folder}/node/bin/node", f"{bin_folder}/.bin/mcp-inspector", "--cli", "--format", "json", "-q"),
            *options,
            *target,
            stdout=asyncio.subprocess.PIPE,
        )
        answer, _ = await process.communicate()
        if not answer.strip():
            raise StepFailed(f"the inspector ended with {process.returncode}")
        result = json.loads(answer)
        return dict(result.get("result", result))


@asynccontextmanager
async def by_inspector(place: Place) -> AsyncIterator[Session]:
    yield Inspector(place)


def shown(result: dict[str, Any]) -> str:
    """Return the text of a tool's answer.

    Raises:
        StepFailed: the answer is an error.
    """
    text = "\n".join(block.get("text", f"[{block['type']}]") for block in result["content"])
    if result.get("isError"):
        raise StepFailed(text)
    return text


def connection(name: str, place: Place) -> AbstractAsyncContextManager[Session]:
    """Return the client of this name, to be connected."""
    if name.startswith("typescript"):
        return by_node(place, "typescript.mjs", "client" if name.endswith("2") else "sdk")
    if name == "inspector":
        return by_inspector(place)
    import python_clients

    connect: Callable[[Place], AbstractAsyncContextManager[Session]] = getattr(python_clients, name)
    return connect(place)


async def main(name: str, place: Place) -> None:
    """Print a line for every step; the last says what is wrong, where something is."""
    begun = time.perf_counter()
    reached = ""
    try:
        async with connection(name, place) as session:
            async for step in converse(session, place):
                seconds = round(time.perf_counter() - begun, 1)
                print(json.dumps({"step": step, "seconds": seconds}), flush=True)
                reached, begun = step, time.perf_counter()
    except Exception as exc:  # whatever a client by others raises is what the table has to say
        step = (*STEPS, "close")[STEPS.index(reached) + 1 if reached else 0]
        print(json.dumps({"step": step, "error": _cause(exc)}), flush=True)


def _cause(exc: BaseException) -> str:
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return f"{type(exc).__name__}: {exc}"


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Place(**json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))))
