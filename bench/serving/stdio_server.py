"""Any MCP server over stdio, spoken to in lines of JSON: the least that a client can add to what is measured."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "0"}}


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
