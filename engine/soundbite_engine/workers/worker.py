"""One worker process: reads jobs from its stdin, answers on its stdout, ends when its parent does.

Started as `python -P -m soundbite_engine.workers.worker JOBS_MODULE MEMORY_MB`. The two pipes are moved to private
descriptors first, and 0 and 1 pointed elsewhere: a library that prints can't damage the frames, nor one that
reads swallow them. Where the system allows it the process has no network: what takes it over can not call home.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import traceback
from typing import Any, BinaryIO

from soundbite_engine.errors import EngineError
from soundbite_engine.machine import give_back, give_back_large_blocks_at_once
from soundbite_engine.workers.jobs import HEADER, body_size, encode, find_job

_NEW_USER_NAMESPACE = 0x10000000  # CLONE_NEWUSER and CLONE_NEWNET of <linux/sched.h>
_NEW_NETWORK_NAMESPACE = 0x40000000
NICENESS = 5
_LARGE_BYTES = 16 << 20  # the attention of a recogniser: 54 MB a passage
PROGRESS_INTERVAL_S = 0.1


def leave_network() -> bool:
    """Move this process, which must have one thread, where there is no network; returns whether that was allowed.

    Containers often forbid it; other systems than Linux don't know it.
    """
    if sys.platform != "linux":
        return False
    # Root goes by its own right only: in a user namespace of its own it could no longer read what belongs to others.
    flags = _NEW_NETWORK_NAMESPACE if os.geteuid() == 0 else _NEW_NETWORK_NAMESPACE | _NEW_USER_NAMESPACE
    try:
        return bool(ctypes.CDLL(None, use_errno=True).unshare(flags) == 0)
    except (OSError, AttributeError):
        return False


def can_leave_network() -> bool:
    """Return whether workers of this system run without network; tried in a process of its own."""
    code = "import sys; from soundbite_engine.workers.worker import leave_network; sys.exit(not leave_network())"
    tried = subprocess.run([sys.executable, "-P", "-c", code], stdin=subprocess.DEVNULL, check=False, timeout=30)  # noqa: S603
    return tried.returncode == 0


class _Channel:
    """The parent's end of the conversation, as this process sees it."""

    def __init__(self, incoming: BinaryIO, outgoing: BinaryIO) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._last_progress = 0.0
        self.jobs: queue.SimpleQueue[tuple[str, tuple[Any, ...], float]] = queue.SimpleQueue()

    def watch(self) -> None:
        """Queue jobs until stdin ends, then leave at once, whatever the main thread is doing."""
        while True:
            header = self._incoming.read(HEADER.size)
            if len(header) < HEADER.size:
                os._exit(0)
            self.jobs.put(pickle.loads(self._incoming.read(body_size(header))))  # noqa: S301 - from our parent

    def send(self, *message: object) -> None:
        self._outgoing.write(encode(message))
        self._outgoing.flush()

    def report(self, fraction: float) -> None:
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_INTERVAL_S:
            self._last_progress = now
            self.send("progress", float(fraction))


def _detach_standard_streams() -> tuple[BinaryIO, BinaryIO]:
    incoming, outgoing = os.dup(0), os.dup(1)  # not inheritable by grandchildren
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb")


def _limit_memory(memory_mb: int) -> None:
    """Bound private memory. RLIMIT_DATA, not RLIMIT_AS: model files and thread arenas map far more than they use."""
    if sys.platform == "linux" and memory_mb > 0:
        import resource

        limit = memory_mb * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit_processor_time(seconds: float) -> None:
    """Let this process use `seconds` more of processor time: the belt for a job whose parent can't stop it."""
    if sys.platform != "win32":
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        soft = int(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _run_one(channel: _Channel, jobs_module: str, name: str, args: tuple[Any, ...]) -> None:
    try:
        result = find_job(name, jobs_module)(channel.report, *args)
        channel.send("result", result)
    except EngineError as exc:
        channel.send("failed", exc)
    except MemoryError:
        channel.send("memory")
        os._exit(3)  # what is left of the heap is not worth trusting
    except Exception as exc:  # the boundary: whatever a decoder or a model raises ends this job only
        channel.send("error", f"{type(exc).__name__}: {exc}", traceback.format_exc())


def main(argv: list[str]) -> None:
    """Serve jobs for ever; the watching thread ends the process with its parent."""
    incoming, outgoing = _detach_standard_streams()
    jobs_module, memory_mb = argv[1], int(argv[2])
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
    # Ctrl-C reaches every process of a terminal; the parent decides what becomes of the jobs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Libraries of models look on a hub for what a folder lacks; here only what lies on this machine counts.
    os.environ["HF_HUB_OFFLINE"] = "1"
    _limit_memory(memory_mb)
    give_back_large_blocks_at_once(_LARGE_BYTES)
    leave_network()  # before the first thread; where it is not allowed the worker goes on with the network it has
    channel = _Channel(incoming, outgoing)
    threading.Thread(target=channel.watch, name="parent-watch", daemon=True).start()
    while True:
        name, args, processor_s = channel.jobs.get()
        _limit_processor_time(processor_s)
        _run_one(channel, jobs_module, name, args)
        give_back()  # a recogniser leaves 80 MB between what it holds: 10 to 20 ms of the two seconds it took


if __name__ == "__main__":
    main(sys.argv)
