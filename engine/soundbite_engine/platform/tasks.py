"""Durable embedding tasks: each runs in exactly one engine, and outlives it.

A task is a row before it is promised to anyone. The engine that runs it is named in the row; when that engine is
gone, whichever engine notices first takes the task over and begins it again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable

from soundbite_api.embeddings import AudioInput
from soundbite_api.turns import Turn, Turns, claimed
from soundbite_engine.analysis.analyse import Part, PartRecords, Progress
from soundbite_engine.config import EngineConfig
from soundbite_engine.errors import EngineError
from soundbite_engine.platform import task_records
from soundbite_engine.platform.asset_records import AssetRecord
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.database import Background, Database, Owner
from soundbite_engine.platform.embedding import (
    Embedded,
    Embedder,
    Outcome,
    part_of,
    stored_part,
    unexpected,
    window_seconds,
)
from soundbite_engine.platform.errors import not_found, task_failure
from soundbite_engine.platform.limits import Limiter
from soundbite_engine.platform.requests import Page
from soundbite_engine.platform.task_records import NewTask, Reached, TaskFilter, TaskRecord
from soundbite_engine.workers.plans import PARTS_FROM_SEC

logger = logging.getLogger(__name__)
MOST_ATTEMPTS = 3
PROGRESS_INTERVAL_S = 0.5


class Tasks:
    """The embedding tasks of one engine home."""

    def __init__(
        self,
        config: EngineConfig,
        database: Database,
        assets: Assets,
        embedder: Embedder,
        owner: Owner,
        background: Background,
        limiter: Limiter,
    ) -> None:
        self._database = database
        self._assets = assets
        self._embedder = embedder
        self._owner = owner
        self._background = background
        self._limiter = limiter
        self._admitted_sec: dict[str, float | None] = {}  # None where nobody knew how long the media is
        # A minute must not wait for hours, and hours change turns after each of their parts.
        self._short, self._long = Turns(config.concurrent_tasks), Turns(config.concurrent_tasks)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def create(self, asset_id: str, audio: AudioInput, model_name: str, admitted_sec: float | None) -> TaskRecord:
        """A task, on disk and under way; media that was not counted is once its length is known, or refused then."""
        new = NewTask(model_name, asset_id, stored_audio(audio, asset_id), self._embedder.profile.space)
        record = await self._database.write(lambda c: task_records.insert(c, new, self._owner.id))
        self._admitted_sec[record.id] = admitted_sec
        self._start(record)
        return record

    async def get(self, task_id: str) -> TaskRecord:
        """The task as it is now.

        Raises:
            Refused: 404, there is none.
        """
        record = await self._database.read(lambda c: task_records.find(c, task_id))
        if record is None:
            raise not_found(task_id, "embedding tasks")
        return record

    async def result(self, task_id: str) -> Embedded | None:
        """The embeddings of a ready task; None when they are not there."""
        stored = await self._database.read(lambda c: task_records.find_result(c, task_id))
        return None if stored is None else await asyncio.to_thread(Embedded.of_stored, stored)

    async def reached(self, task_id: str) -> Reached:
        """How far the parts of a task go that is still processed."""
        space = self._embedder.profile.space
        return await self._database.read(lambda c: task_records.reached(c, task_id, space))

    async def part(self, record: TaskRecord, number: int) -> Part | None:
        """A part of a task that is still processed, numbered from 1; None while it is not done."""
        space = self._embedder.profile.space
        stored = await self._database.read(lambda c: task_records.find_part(c, record.id, space, number))
        return None if stored is None else await asyncio.to_thread(part_of, stored)

    async def page(self, criteria: TaskFilter, page: Page) -> tuple[list[TaskRecord], int]:
        """One page of the tasks that match, and how many match."""
        return await self._database.read(lambda c: task_records.page(c, criteria, page))

    async def is_in_use(self, asset_id: str) -> bool:
        """Whether an unfinished task needs an asset."""
        return await self._database.read(lambda c: task_records.uses_asset(c, asset_id))

    async def forget(self, asset_id: str) -> None:
        """Stop the tasks made of an asset and delete them with their embeddings.

        One that runs in another engine finds, when it ends, nothing to write its result to.
        """
        ids = await self._database.read(lambda c: task_records.of_asset(c, asset_id))
        running = [self._running[task_id] for task_id in ids if task_id in self._running]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await self._database.write(lambda c: task_records.delete_of_asset(c, asset_id))

    async def take_over(self) -> None:
        """Go on with tasks whose engine is gone, and with those of this one that nothing runs.

        The latter are left by a request cancelled between the row and its start, or by a disk that was full.
        """
        for record in await self._database.read(task_records.unfinished):
            if record.id in self._running or self._owner.is_at_work(record.owner):
                continue
            if await self._database.write(_claim(record, self._owner.id)):
                logger.info("task %s is taken up again", record.id)
                self._start(record, is_resumed=True)

    async def release(self) -> None:
        """Leave this engine's unfinished tasks to whoever comes next."""
        await self._database.write(lambda c: task_records.release(c, self._owner.id))

    def _start(self, record: TaskRecord, is_resumed: bool | None = None) -> None:
        if record.id in self._running:
            return
        with claimed(is_resumed=is_resumed):
            task = self._background.start(self._run(record), f"task {record.id}")
        self._running[record.id] = task
        task.add_done_callback(lambda _: self._running.pop(record.id, None))

    async def _run(self, record: TaskRecord) -> None:
        try:
            asset = await self._assets.ready(record.asset_id)
            self._admit(record, asset)
            async with self._turns_for(record, asset).turn() as turn:
                outcome = await self._attempt(record, turn)
        except EngineError as exc:
            await self._fail(record, exc)
        except Exception as exc:
            logger.exception("task %s met an unexpected error", record.id)
            await self._fail(record, unexpected(exc))
        else:
            if record.id in self._admitted_sec:  # admitted by this engine, not taken over
                self._limiter.settle_media(self._admitted_sec[record.id] or 0.0, outcome.seconds)
            await self._finish(record, outcome)
        finally:
            self._admitted_sec.pop(record.id, None)
        await self._clear_up(record)

    def _admit(self, record: TaskRecord, asset: AssetRecord) -> None:
        if self._admitted_sec.get(record.id, 0.0) is not None:
            return
        seconds = window_seconds(asset, AudioInput.model_validate_json(record.audio))
        self._limiter.admit_media(seconds)
        self._admitted_sec[record.id] = seconds

    def _turns_for(self, record: TaskRecord, asset: AssetRecord) -> Turns:
        seconds = window_seconds(asset, AudioInput.model_validate_json(record.audio))
        return self._short if seconds is not None and seconds <= PARTS_FROM_SEC else self._long

    async def _attempt(self, record: TaskRecord, turn: Turn) -> Outcome:
        # A recording that ends the whole engine each time must not do so for ever.
        if await self._count(record, 1) > MOST_ATTEMPTS:
            raise EngineError("too_many_attempts", f"it was interrupted {MOST_ATTEMPTS} times")
        asset = await self._assets.ready(record.asset_id)
        watch = _ProgressWriter(record.id, self._database, self._background)
        try:
            audio, records = AudioInput.model_validate_json(record.audio), await self._records(record, turn)
            return await self._embedder.embed(asset, audio, watch.report, records=records)
        except asyncio.CancelledError:
            await asyncio.shield(self._count(record, -1))  # an orderly end is not the recording's fault
            raise

    async def _records(self, record: TaskRecord, turn: Turn) -> PartRecords:
        space = self._embedder.profile.space

        async def keep(part: Part) -> None:
            stored = await asyncio.to_thread(stored_part, part)
            await self._database.write(lambda c: task_records.keep_part(c, record.id, self._owner.id, space, stored))
            logger.info("task %s: part %d is done, until %.1f s", record.id, part.number, part.facts.until_sec)
            await turn.offer()

        stored = await self._database.read(lambda c: task_records.parts(c, record.id, space))
        if stored:
            logger.info("task %s goes on after part %d", record.id, len(stored))
        return PartRecords(await asyncio.to_thread(lambda: [part_of(part) for part in stored]), keep)

    async def _count(self, record: TaskRecord, change: int) -> int:
        return await self._database.write(lambda c: task_records.count_attempt(c, record.id, change))

    async def _finish(self, record: TaskRecord, outcome: Outcome) -> None:
        stored = await asyncio.to_thread(outcome.embedded.to_stored)
        # Not the record's: an engine of another profile may have taken the task in.
        space = self._embedder.profile.space
        await self._database.write(
            lambda c: task_records.finish(c, record.id, self._owner.id, space, outcome.metadata, stored)
        )

    async def _fail(self, record: TaskRecord, exc: EngineError) -> None:
        reason = task_failure(exc)
        logger.info("task %s failed: %s", record.id, reason)
        await self._database.write(lambda c: task_records.fail(c, record.id, self._owner.id, reason))

    async def _clear_up(self, record: TaskRecord) -> None:
        try:
            asset = await self._assets.get(record.asset_id)
        except EngineError:
            return
        if asset.is_inline and not await self.is_in_use(asset.id):
            await self._assets.discard(asset.id)


class _ProgressWriter:
    """Writes progress to the database now and then: other engines answer for this task as well."""

    def __init__(self, task_id: str, database: Database, background: Background) -> None:
        self._task_id = task_id
        self._database = database
        self._background = background
        self._last: tuple[str, float] = ("", 0.0)

    def report(self, progress: Progress) -> None:
        stage, at = self._last
        now = time.monotonic()
        if self._background.is_closed or (progress.stage == stage and now - at < PROGRESS_INTERVAL_S):
            return
        self._last = (progress.stage, now)
        self._background.start(self._write(progress), f"progress of task {self._task_id}")

    async def _write(self, progress: Progress) -> None:
        await self._database.write(
            lambda c: task_records.set_progress(c, self._task_id, progress.stage, progress.fraction)
        )


def stored_audio(audio: AudioInput, asset_id: str) -> str:
    """A request's audio object as JSON, naming the asset that holds its media."""
    plain = audio.model_dump(exclude_none=True)
    plain["media_source"] = {"asset_id": asset_id}
    return AudioInput.model_validate(plain).model_dump_json(exclude_none=True)


def _claim(record: TaskRecord, owner: str) -> Callable[[sqlite3.Connection], bool]:
    return lambda c: task_records.claim(c, record.id, record.owner, owner)
