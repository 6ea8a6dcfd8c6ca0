"""Processes that are started to be killed: each says `ready`, waits for a line, then works until it is killed."""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

BENCH = Path(__file__).parents[1]


async def started(module: str, *arguments: object) -> Process:
    """Run a module of this room, and return it once it is ready; paths in `arguments` are absolute."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"crashes.{module}", *map(str, arguments), stdin=PIPE, stdout=PIPE, cwd=BENCH
    )
    assert process.stdout is not None
    line = (await process.stdout.readline()).strip()
    assert line == b"ready", line
    return process


def release(process: Process) -> None:
    """Have it begin its work."""
    assert process.stdin is not None
    process.stdin.write(b"go\n")


async def killed(process: Process) -> list[str]:
    """Kill it, and return the words of the lines that it printed whole."""
    process.kill()
    said, _ = await process.communicate()
    return [word for line in said.splitlines(keepends=True) if line.endswith(b"\n") for word in line.decode().split()]


async def first_result_s(process: Process) -> float:
    """Let it begin, and kill it; returns how long its first work took until it was acknowledged."""
    assert process.stdout is not None
    release(process)
    begun = time.perf_counter()
    await process.stdout.readline()
    seconds = time.perf_counter() - begun
    await killed(process)
    return seconds
