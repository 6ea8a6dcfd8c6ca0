"""What the protocol costs: Soundbite beside a bare server of the same SDK with one tool, measured in turns.

    python bench/protocol.py --rounds 15 --calls 300 --json protocol.json

Both are started over stdio by the same client code. What is called is the same tool that
returns its argument, in the bare server and in Soundbite's, so the difference is what Soundbite adds to a call.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BARE = """
from mcp.server import MCPServer
server = MCPServer("bare", log_level="ERROR")
@server.tool()
async def echo(text: str) -> dict[str, str]:
    '''Return the text.'''
    return {"text": text}
server.run("stdio")
"""
WITH_ECHO = """
from soundbite_server import Settings, build_server
server = build_server(Settings.from_environment())
@server.tool()
async def echo(text: str) -> dict[str, str]:
    '''Return the text.'''
    return {"text": text}
server.run("stdio")
"""
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}
COMMANDS = {
    "bare": [sys.executable, "-c", BARE],
    "soundbite": [sys.executable, "-m", "soundbite_server", "serve"],
}
CALLED = {"bare": COMMANDS["bare"], "soundbite": [sys.executable, "-c", WITH_ECHO]}
ECHO = {"name": "echo", "arguments": {"text": "nothing"}}


class Server:
    """A server process, spoken to in lines of JSON."""

    def __init__(self, command: list[str], home: Path) -> None:
        environment = {**os.environ, "SOUNDBITE_HOME": str(home), "SOUNDBITE_LOG_LEVEL": "ERROR"}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
        )
        self._last_id = 0

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        assert self.process.stdout
        while line := self.process.stdout.readline():
            if not line.startswith(b"{"):
                continue  # some servers greet on stdout
            message = json.loads(line)
            if message.get("id") == self._last_id:
                return dict(message["result"])
        raise SystemExit("A server ended early.")

    def greet(self) -> None:
        self.request("initialize", HELLO)
        self._send({"method": "notifications/initialized"})

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()


@contextmanager
def started(command: list[str], home: Path) -> Iterator[Server]:
    server = Server(command, home)
    try:
        yield server
    finally:
        assert server.process.stdin
        server.process.stdin.close()
        server.process.wait(timeout=60)


def spawn_ms(kind: str, home: Path) -> float:
    begun = time.perf_counter()
    with started(COMMANDS[kind], home) as server:
        server.request("initialize", HELLO)
        return (time.perf_counter() - begun) * 1000


def timed_ms(server: Server, method: str, params: dict[str, Any]) -> float:
    begun = time.perf_counter()
    server.request(method, params)
    return (time.perf_counter() - begun) * 1000


def measure(rounds: int, calls: int) -> dict[str, dict[str, float]]:
    """Return medians and 95th percentiles in milliseconds, the two servers taking turns."""
    spawned: dict[str, list[float]] = {kind: [] for kind in COMMANDS}
    called: dict[str, list[float]] = {kind: [] for kind in COMMANDS}
    listed: dict[str, list[float]] = {kind: [] for kind in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for kind in COMMANDS:
            spawn_ms(kind, home)  # warms the file cache
        for _ in range(rounds):
            for kind in COMMANDS:
                spawned[kind].append(spawn_ms(kind, home))
        with started(CALLED["bare"], home) as bare, started(CALLED["soundbite"], home) as soundbite:
            servers = {"bare": bare, "soundbite": soundbite}
            for server in servers.values():
                server.greet()
            soundbite.request("tools/call", {"name": "list_audio", "arguments": {}})  # waits for the library
            for _ in range(calls):
                for kind, server in servers.items():
                    called[kind].append(timed_ms(server, "tools/call", ECHO))
                    listed[kind].append(timed_ms(server, "tools/list", {}))
    return {
        f"{what} {kind}": {"p50": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1]}
        for what, kinds in (("spawn", spawned), ("call", called), ("list", listed))
        for kind, times in kinds.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="starts of each server")
    parser.add_argument("--calls", type=int, default=300, help="calls of each kind to each server")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    arguments = parser.parse_args()
    figures = measure(arguments.rounds, arguments.calls)
    for name, each in figures.items():
        print(f"{name:18} p50 {each['p50']:8.2f} ms   p95 {each['p95']:8.2f} ms")
    ratios = {
        "spawn": figures["spawn soundbite"]["p50"] / figures["spawn bare"]["p50"],
        "call": figures["call soundbite"]["p50"] / figures["call bare"]["p50"],
    }
    print(f"spawn to initialize: {ratios['spawn']:.2f} x bare (at most 1.25 wanted)")
    print(f"a call: {ratios['call']:.2f} x bare (at most 1.3 wanted)")
    print(f"tools/list: {figures['list soundbite']['p50']:.1f} ms (under 20 wanted)")
    if arguments.json:
        arguments.json.write_text(json.dumps({"ms": figures, "ratios": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
