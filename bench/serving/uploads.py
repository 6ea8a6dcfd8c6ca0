"""Uploads files of 200 MB and 1 GB to an engine in another process, and prints the memory that both took (Linux).

    python bench/serving/uploads.py [--sizes 200 1000]

The first goes up at once, the second in parts. The exit code says whether both stayed under 150 MB above idle.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from soundbite_api import PlatformClient, PollPolicy
from soundbite_engine import Engine, EngineConfig

MOST_ABOVE_IDLE_MB = 150
LONGEST_SEC = 900
MB = 1_000_000


@dataclass(frozen=True)
class Upload:
    """What one upload took."""

    megabytes: int
    method: str
    seconds: float
    client_mb: float
    engine_mb: float


def write_wav(path: Path, megabytes: int) -> Path:
    """Write a WAV file of silence; its samples take no room on the disk."""
    size = megabytes * MB
    header = (
        b"RIFF" + struct.pack("<I", size - 8) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 2, 48000, 192000, 4, 16)
    )
    with path.open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", size - 44))
        file.truncate(size)
    return path


def memory_mb(process: int, field: str) -> float:
    """Return `VmRSS` (now) or `VmHWM` (at most, since it was cleared) of a process."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def clear_peak(process: int) -> float:
    """Begin to measure the peak anew; return what the process takes now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")
    return memory_mb(process, "VmRSS")


async def serve(home: Path, descriptor: int) -> None:
    """Serve an engine on a listening socket that was inherited."""
    async with Engine(EngineConfig(home, workers=1)) as engine:
        config = uvicorn.Config(engine.app, lifespan="off", timeout_keep_alive=75, log_level="warning", ws="none")
        await uvicorn.Server(config).serve([socket.socket(fileno=descriptor)])


async def measured(client: PlatformClient, path: Path, megabytes: int, engine: int) -> Upload:
    """Upload a file, wait until the engine has read it, and return what that took."""
    idle = {process: clear_peak(process) for process in (os.getpid(), engine)}
    started = time.perf_counter()
    asset = await client.upload_file(path)
    asset = await client.wait_for_asset(asset.id, timeout_s=LONGEST_SEC)
    seconds = time.perf_counter() - started
    above = {process: memory_mb(process, "VmHWM") - idle[process] for process in idle}
    return Upload(megabytes, asset.method or "", seconds, above[os.getpid()], above[engine])


async def run(sizes: list[int], folder: Path) -> list[Upload]:
    """Upload a file of each size."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1.3"
    command = [sys.executable, __file__, "--serve", str(folder / "engine"), "--descriptor", str(listening.fileno())]
    engine = subprocess.Popen(command, pass_fds=[listening.fileno()])
    try:
        async with httpx.AsyncClient(base_url=address, timeout=LONGEST_SEC) as http:
            client = PlatformClient(http, polls=PollPolicy(first_s=0.2, longest_s=1.0))
            # A small one first, so that what is loaded once counts as idle.
            await measured(client, write_wav(folder / "small.wav", 1), 1, engine.pid)
            return [await measured(client, write_wav(folder / f"{size}.wav", size), size, engine.pid) for size in sizes]
    finally:
        engine.terminate()
        engine.wait(30)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 1000], help="megabytes")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--descriptor", type=int, default=-1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.serve, given.descriptor))
        return
    with tempfile.TemporaryDirectory() as folder:
        uploads = asyncio.run(run(given.sizes, Path(folder)))
    print(f"{'MB':>6} {'way':<10} {'seconds':>8} {'client, MB above idle':>22} {'engine, MB above idle':>22}")
    for each in uploads:
        row = f"{each.megabytes:>6} {each.method:<10} {each.seconds:>8.1f}"
        print(f"{row} {each.client_mb:>22.1f} {each.engine_mb:>22.1f}")
    is_right = all(max(each.client_mb, each.engine_mb) < MOST_ABOVE_IDLE_MB for each in uploads)
    sys.exit(0 if is_right else 1)


if __name__ == "__main__":
    main()
