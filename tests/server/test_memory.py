"""Memory that calls leave behind goes back to the system."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from soundbite_engine.machine import give_back
from soundbite_server import lifespan

BOUND_SEC = 30.0
BLOCKS, BLOCK_BYTES = 1000, 60_000


def anonymous_bytes() -> int:
    found = re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None) if sys.platform == "linux" else None, "malloc_trim"), reason="glibc")
def test_what_is_free_between_pieces_in_use_is_given_back() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    libc.free.argtypes = (ctypes.c_void_p,)
    kept = []

    def work() -> None:
        blocks = [libc.malloc(BLOCK_BYTES) for _ in range(BLOCKS)]
        for block in blocks:
            ctypes.memset(block, 1, BLOCK_BYTES)
        kept.append(blocks.pop())
        for block in blocks:
            libc.free(block)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    before = anonymous_bytes()
    give_back()
    given_back = before - anonymous_bytes()
    libc.free(kept[0])
    assert given_back > BLOCKS * BLOCK_BYTES / 2


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None) if sys.platform == "linux" else None, "mallopt"), reason="glibc")
@pytest.mark.parametrize(("is_asked", "kept"), [("0", "True"), ("1", "False")])
def test_a_large_block_goes_back_when_it_is_freed(is_asked: str, kept: str) -> None:
    # In a process of its own: it can't be unasked.
    code = """
import ctypes, sys
from soundbite_engine.machine import give_back_large_blocks_at_once
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
libc.free.argtypes = (ctypes.c_void_p,)
if sys.argv[1] == "1":
    give_back_large_blocks_at_once(16 << 20)
def anonymous_kb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
before = anonymous_kb()
for _ in range(2):
    block = libc.malloc(24 << 20)
    ctypes.memset(block, 1, 24 << 20)
    libc.free(block)
print(anonymous_kb() - before > 12 << 10)
"""
    done = subprocess.run([sys.executable, "-c", code, is_asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == kept


async def test_a_server_gives_back_what_its_calls_have_left(connect: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given_back = threading.Event()
    monkeypatch.setattr(lifespan, "_MEMORY_EVERY_S", 0.01)
    monkeypatch.setattr(lifespan, "give_back", given_back.set)
    async with connect() as client:
        await client.call_tool("list_audio", {})
        assert await anyio.to_thread.run_sync(given_back.wait, BOUND_SEC)
