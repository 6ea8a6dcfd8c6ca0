"""A pool of worker processes that decode and analyse, so that no file can harm or block the server.

Workers are started when first needed, kept for the next job, and killed and replaced when a job is cancelled,
takes too long, uses too much memory or ends the process.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
import logging
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from typing import Any, Self

from soundbite_api.turns import Turns
from soundbite_engine.errors import EngineError, WorkerError
from soundbite_engine.workers.jobs import HEADER, FrameError, body_size, decode_untrusted, encode

logger = logging.getLogger(__name__)

DEFAULT_MEMORY_MB = 1024
UNTIMED_PROCESSOR_S = 4 * 3600.0
PROCESSOR_MARGIN_S = 30.0
LINGERING_S = 5.0
KILLED_TRIES = 3
# How a process ends that somebody else stops; one that a file crashes ends by other signals.
_KILLED = frozenset({-signal.SIGTERM, -9})

_SECRET_MARKS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def worker_environment(environ: dict[str, str]) -> dict[str, str]:
    """`environ` without secrets, and with every numeric library held to one thread."""
    inherited = {name: value for name, value in environ.items() if not any(m in name.upper() for m in _SECRET_MARKS)}
    return {**inherited, **_ONE_THREAD}


_numbers = itertools.count()


class _Worker:
    def __init__(self, process: Process) -> None:
        self.number = next(_numbers)
        """In the order in which they were started."""
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout

    @classmethod
    async def start(cls, jobs_module: str, memory_mb: int) -> _Worker:
        # -P: the folder the server was started in may hold modules named like ours or like numpy.
        command = [sys.executable, "-P", "-m", "soundbite_engine.workers.worker", jobs_module, str(memory_mb)]
        environment = worker_environment(dict(os.environ))
        # In a group of its own: Ctrl-C at the terminal is for the parent, and one that only starts would print of it.
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, env=environment, process_group=0
        )
        return cls(process)

    async def send(self, value: object) -> None:
        self._stdin.write(encode(value))
        await self._stdin.drain()

    async def receive(self) -> Any:
        header = await self._stdout.readexactly(HEADER.size)
        return decode_untrusted(await self._stdout.readexactly(body_size(header)))

    async def kill(self) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._stdin.close()
        await self._process.wait()

    async def ended(self) -> None:
        """Wait for the end of a process that has closed its pipe, and kill it if it goes on without.

        Not killed at once: that looks first whether the process still lives, and so takes from asyncio how it ended.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LINGERING_S):
                await self._process.wait()
        await self.kill()

    @property
    def exit_status(self) -> int | None:
        return self._process.returncode


class WorkerPool:
    """Runs named jobs in at most `size` processes of at most `memory_mb` of private memory each (Linux only).

    Callers share them evenly (`soundbite_api.turns`). One of whom nothing runs need not wait for the jobs of others:
    there is one process more for such a caller.

    Use as an async context manager; leaving it kills the workers. `jobs_module` is the module whose `JOBS` table
    names the functions.
    """

    def __init__(
        self, size: int = 2, memory_mb: int = DEFAULT_MEMORY_MB, jobs_module: str = "soundbite_engine.workers.jobs"
    ) -> None:
        if size < 1:
            raise ValueError("a pool needs at least one worker")
        self.size = size
        self._memory_mb = memory_mb
        self._jobs_module = jobs_module
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._turns = Turns(size)
        self._is_open = False
        self._beside: WorkerPool | None = None

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._is_open = False
        workers = [*self._idle, *self._busy]
        self._idle.clear()
        await asyncio.gather(*(worker.kill() for worker in workers))
        if self._beside is not None:
            await self._beside.__aexit__(*exc_info)

    async def beside(self) -> WorkerPool:
        """One process more, for light jobs that must not wait until a heavy one is over; closed with this pool."""
        self._check_open()
        if self._beside is None:
            self._beside = await WorkerPool(1, self._memory_mb, self._jobs_module).__aenter__()
        return self._beside

    async def run(
        self,
        job: str,
        /,
        *args: object,
        timeout_s: float | None = None,
        on_progress: Callable[[float], None] | None = None,
        is_urgent: bool = False,
        tries: int = KILLED_TRIES,
    ) -> Any:
        """The result of `job`, from a worker process.

        `timeout_s` counts from the start of the job, not from the call; `is_urgent` jobs (a person is waiting)
        go before others of their caller. Cancelling the call kills the worker. A job whose process was killed by
        somebody else, or by the system for want of memory, is done again, `tries` times in all.

        Raises:
            EngineError: what the job raised (`MediaError`, ...).
            WorkerError: the process crashed or was killed, ran out of time or memory, or the job failed unexpectedly.
        """
        self._check_open()
        async with self._turns.turn(is_urgent=is_urgent):
            self._check_open()  # again: it may have been closed while this job waited
            result = await self._run_patiently(job, args, timeout_s, on_progress, tries)
        await self._end_spare()
        return result

    async def _run_patiently(
        self,
        job: str,
        args: tuple[object, ...],
        timeout_s: float | None,
        on_progress: Callable[[float], None] | None,
        tries: int,
    ) -> Any:
        for attempt in range(1, tries + 1):
            try:
                return await self._run_in_worker(job, args, timeout_s, on_progress)
            except WorkerError as exc:
                if exc.code != "worker_killed" or attempt == tries:
                    raise
                logger.warning("%s; it is done again", exc.message)
        raise AssertionError("a job is tried at least once")

    async def retire_idle(self) -> None:
        """End the workers that wait for a job; the next job starts one anew, in about half a second."""
        idle, self._idle = self._idle, []
        await asyncio.shield(asyncio.gather(*(worker.kill() for worker in idle)))
        if self._beside is not None:
            await self._beside.retire_idle()

    async def _end_spare(self) -> None:
        """End the process beyond `size`, once nothing runs."""
        while self._is_open and not self._turns.in_use and len(self._idle) > self.size:
            await asyncio.shield(self._idle.pop(0).kill())

    def _check_open(self) -> None:
        if not self._is_open:
            raise WorkerError("worker_closed", "the engine is closed")

    async def _run_in_worker(
        self, job: str, args: tuple[object, ...], timeout_s: float | None, on_progress: Callable[[float], None] | None
    ) -> Any:
        worker = await self._worker_for(job)
        self._busy.add(worker)
        is_sound = False
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._converse(worker, job, args, timeout_s, on_progress)
            is_sound = answer[0] != "memory"
        except TimeoutError as exc:
            raise WorkerError("worker_timeout", f"{job} took more than {timeout_s:g} s") from exc
        except FrameError as exc:
            raise WorkerError("worker_failed", f"{job}: {exc}") from exc
        finally:
            self._busy.discard(worker)
            if is_sound and self._is_open:
                # What has run longest has most models loaded: it comes first, and what is to spare is the latest.
                bisect.insort(self._idle, worker, key=lambda idle: -idle.number)
            else:
                await asyncio.shield(worker.kill())
        return self._result(job, answer)

    async def _worker_for(self, job: str) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if worker.exit_status is None:
                return worker
            await worker.kill()  # ended by someone else while it waited; what is left of it is closed
        try:
            return await _Worker.start(self._jobs_module, self._memory_mb)
        except OSError as exc:
            raise WorkerError(
                "worker_failed", f"no process could be started for {job} ({exc.strerror or exc}); try again later"
            ) from exc

    async def _converse(
        self,
        worker: _Worker,
        job: str,
        args: tuple[object, ...],
        timeout_s: float | None,
        on_progress: Callable[[float], None] | None,
    ) -> tuple[Any, ...]:
        processor_s = UNTIMED_PROCESSOR_S if timeout_s is None else timeout_s + PROCESSOR_MARGIN_S
        try:
            await worker.send((job, args, processor_s))
            while True:
                message: tuple[Any, ...] = await worker.receive()
                if message[0] != "progress":
                    return message
                if on_progress is not None:
                    on_progress(float(message[1]))
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            await worker.ended()
            if not self._is_open:
                raise WorkerError("worker_closed", "the engine was closed") from exc
            status = worker.exit_status
            code = "worker_killed" if status in _KILLED else "worker_crashed"
            raise WorkerError(code, f"the process doing {job} ended ({_exit_reason(status)})") from exc

    def _result(self, job: str, answer: tuple[Any, ...]) -> Any:
        kind = answer[0]
        if kind == "result":
            return answer[1]
        if kind == "failed" and isinstance(answer[1], EngineError):
            raise answer[1]
        if kind == "memory":
            raise WorkerError("worker_memory", f"{job} needs more than the {self._memory_mb} MB a worker may use")
        logger.error("%s failed in a worker: %s", job, answer[-1])
        raise WorkerError("worker_failed", f"{job} failed: {answer[1]}")


def _exit_reason(status: int | None) -> str:
    if status is None or status >= 0:
        return f"exit status {status}"
    return f"signal {-status}"
