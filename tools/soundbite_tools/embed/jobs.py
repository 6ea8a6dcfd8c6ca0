"""Background jobs: the running side of the ledger's tasks."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
from opentelemetry import trace
from pydantic import ValidationError

from soundbite_api.turns import Turn, Turns, claimed
from soundbite_store import StoreError, Task
from soundbite_tools.embed.params import EmbedParams
from soundbite_tools.embed.registry import Registry
from soundbite_tools.embed.steps import embed
from soundbite_tools.embed.writing import is_removed
from soundbite_tools.errors import RecordingRemoved, WorkFailed, problem_of

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from soundbite_store import Ledger
    from soundbite_tools.library import Library

ProgressListener = Callable[[float, str], Awaitable[None]]
"""Called with the fraction done (0 to 1, never falling) and the stage."""

# A task that another process runs changes without our hearing of it.
_LOOK_AGAIN_S = 0.5
_LEAST_STEP = 0.01
_SHORT_SEC = 480.0

log = logging.getLogger(__name__)
_tracer = trace.get_tracer("soundbite.tools")


@dataclass(eq=False)
class _Run:
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    problem: StoreError | None = None
    """Why it ended with the task unfinished."""


class Jobs:
    """Runs the tasks of a library in a task group; one process runs a task, and killing it loses nothing."""

    def __init__(self, library: Library, background: TaskGroup) -> None:
        self.library = library
        self.registry = Registry(library)
        self._background = background
        # The short ones never wait for the long ones.
        self._short, self._long = Turns(library.config.jobs_at_once), Turns(library.config.jobs_at_once)
        self._running: dict[str, _Run] = {}
        self._changed: dict[str, anyio.Event] = {}

    @property
    def is_busy(self) -> bool:
        """Whether a task runs or waits to run in this process."""
        return bool(self._running)

    async def resume_unfinished(self) -> None:
        """Start every task that an earlier process left unfinished.

        Raises:
            StoreError: the ledger can't be read.
        """
        if self.library.config.is_read_only:
            return
        ledger = await self.library.ledger()
        for task in await ledger.unfinished_tasks():
            if task.platform == self.library.config.platform:
                with claimed(caller="", is_resumed=True):
                    self.start(task.task_id)

    def start(self, task_id: str) -> None:
        """Run a task in the background for whoever makes the present call, unless this library is read-only.

        Harmless when it runs already, here or in another process.
        """
        if task_id not in self._running and not self.library.config.is_read_only:
            self._running[task_id] = _Run()
            self._background.start_soon(self._run, task_id)

    def beside(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something beside the tasks; it ends with this library."""
        self._background.start_soon(work)

    async def stop(self, task_id: str) -> None:
        """Stop a task that runs in this process, and wait until it has ended; harmless where it does not run."""
        if run := self._running.get(task_id):
            run.scope.cancel()
            await run.ended.wait()

    async def wait(self, task_id: str, wait_s: float, on_progress: ProgressListener | None = None) -> Task:
        """Return the task once it is finished, or as it stands after `wait_s` seconds.

        Cancelling this call does not touch the job.

        Raises:
            RecordingRemoved: the task is gone, with its recording.
            StoreError: the ledger can't be read, or the job ended while this waited because the store takes nothing.
        """
        run = self._running.get(task_id)  # before anything is awaited, for it may end meanwhile
        task = await self._task(task_id)
        with anyio.move_on_after(wait_s):
            while task.status == "processing":
                # Taken before the task is read, so that a change in between is not missed.
                changed = self._changed.setdefault(task_id, anyio.Event())
                task = await self._task(task_id)
                if on_progress:
                    await on_progress(task.progress, task.stage)
                if task.status == "processing":
                    if run and run.problem:
                        # Nobody works on it any more, and whoever waits without knowing why waits for ever.
                        raise run.problem
                    with anyio.move_on_after(_LOOK_AGAIN_S):
                        await changed.wait()
        if task.status != "processing":
            self.notify(task_id)  # nobody else may: another process ran it
        return task

    def notify(self, task_id: str) -> None:
        """Wake whoever waits for a change of this task."""
        if changed := self._changed.pop(task_id, None):
            changed.set()

    async def _task(self, task_id: str) -> Task:
        ledger = await self.library.ledger()
        if task := await ledger.get_task(task_id):
            return task
        raise RecordingRemoved  # whoever waits for a task has seen it

    async def _run(self, task_id: str) -> None:
        run = self._running[task_id]
        try:
            with run.scope:
                await self._take_turn(task_id)
        except StoreError as exc:
            run.problem = exc
            log.error("Task %s stays unfinished: %s", task_id, exc)
        finally:
            del self._running[task_id]
            self.registry.forget(task_id)
            run.ended.set()
            self.notify(task_id)

    async def _take_turn(self, task_id: str) -> None:
        ledger = await self.library.ledger()
        async with (await self._turns_for(task_id, ledger)).turn() as turn:
            lock = ledger.task_lock(task_id)
            if not await lock.try_acquire():
                return
            try:
                # The owner before may have finished it meanwhile.
                task = await ledger.get_task(task_id)
                if task and task.status == "processing":
                    with _tracer.start_as_current_span("embedding job", attributes={"soundbite.task_id": task_id}):
                        await self._finish_unless_removed(task, ledger, turn)
            finally:
                await lock.release()

    async def _turns_for(self, task_id: str, ledger: Ledger) -> Turns:
        task = await ledger.get_task(task_id)
        asset = await ledger.get_asset(task.asset_id) if task else None
        if task is None or asset is None:
            return self._short  # it ends at once
        try:
            start_sec, end_sec = EmbedParams.model_validate_json(task.params_json).window(asset.duration_sec)
        except ValidationError:
            return self._short
        return self._short if 0.0 < end_sec - start_sec <= _SHORT_SEC else self._long

    async def _finish_unless_removed(self, task: Task, ledger: Ledger, turn: Turn) -> None:
        watch = anyio.CancelScope()
        with anyio.CancelScope() as work:
            self._background.start_soon(self._stop_once_removed, task.task_id, ledger, work, watch)
            try:
                await self._finish(task, ledger, turn)
            finally:
                watch.cancel()

    async def _next_change(self, task_id: str) -> None:
        changed = self._changed.setdefault(task_id, anyio.Event())
        with anyio.move_on_after(_LOOK_AGAIN_S):
            await changed.wait()

    async def _stop_once_removed(
        self, task_id: str, ledger: Ledger, work: anyio.CancelScope, watch: anyio.CancelScope
    ) -> None:
        # Another process may remove the recording, and waits until nobody works on it.
        with watch:
            try:
                while not is_removed(await ledger.get_task(task_id)):
                    await self._next_change(task_id)
            except StoreError as exc:
                log.warning("Task %s is not watched any more: %s", task_id, exc)
                return
            work.cancel()

    async def _finish(self, task: Task, ledger: Ledger, turn: Turn) -> None:
        try:
            await embed(self.library, self.registry, task, _Progress(self, ledger, task, turn))
        except Exception as exc:
            problem = problem_of(exc) or WorkFailed(
                "Something unexpected went wrong while embedding.",
                "Try once more; the server's log says what happened.",
                code="internal_error",
            )
            if problem.code == "internal_error":
                log.exception("Task %s failed", task.task_id)
            else:
                log.warning("Task %s failed: %s", task.task_id, problem.message)
            await ledger.update_task(
                task.task_id,
                status="failed",
                stage="",
                error_code=problem.code,
                error_message=problem.message,
                error_hint=problem.next_step,
            )


class _Progress:
    """Writes how far a job is, in steps worth writing, tells who waits, and offers the turn to others."""

    def __init__(self, jobs: Jobs, ledger: Ledger, task: Task, turn: Turn) -> None:
        self._jobs = jobs
        self._ledger = ledger
        self._task_id = task.task_id
        self._turn = turn
        self._stage = task.stage
        self._fraction = task.progress

    async def __call__(self, stage: str, fraction: float) -> None:
        fraction = max(self._fraction, min(fraction, 0.99))
        if stage == self._stage and fraction - self._fraction < _LEAST_STEP:
            return
        self._stage, self._fraction = stage, fraction
        await self._ledger.update_task(self._task_id, stage=stage, progress=fraction)
        self._jobs.notify(self._task_id)
        await self._turn.offer()
