"""A server in a process of its own, with few descriptors, and callers that send it nothing."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

COMMANDS = {"serve": ("serve", "--http", "127.0.0.1:0"), "engine": ("engine", "--port", "0")}
_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True)
class ServerProcess:
    """Where a server listens, and what it writes to."""

    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def descriptors(self) -> int:
        """How many it holds (Linux)."""
        return len([*Path(f"/proc/{self.pid}/fd").iterdir()])

    def silent(self, count: int) -> list[socket.socket]:
        """Open connections that send nothing; those that are not taken wait in the system's queue."""
        connections = []
        for _ in range(count):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", self.port))
            connections.append(connection)
        return connections


@contextmanager
def server_process(command: str, home: Path, descriptors: int, **env: str) -> Iterator[ServerProcess]:
    """Run `soundbite serve` or `soundbite engine` with so many descriptors."""
    home.mkdir(exist_ok=True)
    log = home / "server.log"
    arguments = shlex.join([sys.executable, "-m", "soundbite_server", *COMMANDS[command]])
    environment = {**os.environ, **env, "SOUNDBITE_HOME": str(home / "library"), "SOUNDBITE_WORKERS": "1"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["sh", "-c", f"ulimit -n {descriptors}; exec {arguments}"],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=environment,
        )
        try:
            yield ServerProcess(_port(process, log), process.pid, log)
        finally:
            process.terminate()
            process.wait(60)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    while (address := _ADDRESS.search(log.read_text())) is None:
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            raise AssertionError(log.read_text())
    return int(address[1])
