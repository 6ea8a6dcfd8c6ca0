"""What the protocol costs: Soundbite beside a bare server of the same SDK with one tool, measured in turns.

    python bench/protocol.py --rounds 15 --calls 300 --json protocol.json

Both are started over stdio by the same client code. What is called is the same tool that
returns its argument, in the bare server and in Soundbite's, so the difference is what Soundbite adds to a call.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from serving.stdio_server import HELLO, Server, started

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
COMMANDS = {
    "bare": [sys.executable, "-c", BARE],
    "soundbite": [sys.executable, "-m", "soundbite_server", "serve"],
}
CALLED = {"bare": COMMANDS["bare"], "soundbite": [sys.executable, "-c", WITH_ECHO]}
ECHO = {"name": "echo", "arguments": {"text": "nothing"}}


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
    print(f"spawn to initialize: {ratios['spawn']:.2f} x bare (at most 1.1 wanted)")
    print(f"a call: {ratios['call']:.2f} x bare (at most 1.3 wanted)")
    print(f"tools/list: {figures['list soundbite']['p50']:.1f} ms (under 20 wanted)")
    if arguments.json:
        arguments.json.write_text(json.dumps({"ms": figures, "ratios": ratios}, indent=1) + "\n")


if __name__ == "__main__":
    main()
