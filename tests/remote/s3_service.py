"""An S3 service on loopback: moto, in a process and an environment of its own (`make test-remote` makes it)."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

_OUTER = Path(sys.prefix)
PYTHON = (_OUTER.parent if _OUTER.name == "ray" else _OUTER) / "s3" / "bin" / "python"
"""moto's libraries and ours need different versions of some packages."""
ABSENT = "the S3 service is not installed: `make test-remote` installs it"
_WAIT_S = 60.0
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True)
class S3Service:
    """A running service."""

    address: str

    def make_bucket(self, name: str) -> str:
        """Make a bucket and return the address of a store in it."""
        httpx.put(f"{self.address}/{name}", timeout=_WAIT_S).raise_for_status()
        return f"s3://{name}/library"


def is_installed() -> bool:
    return PYTHON.exists()


@contextlib.contextmanager
def running_service(log: Path) -> Iterator[S3Service]:
    """Start the service on a free port and stop it afterwards."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(PYTHON), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, process, log)
        yield S3Service(address)
    finally:
        process.kill()
        process.wait(_WAIT_S)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _WAIT_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(address, timeout=5)
            return
        time.sleep(0.1)
    raise RuntimeError(f"The S3 service did not start:\n{log.read_text()}")
