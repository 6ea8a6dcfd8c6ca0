"""Transcriptions of assets: made at first need, in the background, and kept."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soundbite_api.turns import Turns
from soundbite_engine.analysis.analyse import transcribe
from soundbite_engine.config import EngineConfig
from soundbite_engine.errors import EngineError, MediaError
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.database import Background, Database, Owner
from soundbite_engine.profiles import Profile
from soundbite_engine.speech.transcripts import Sentence, Transcript, Word
from soundbite_engine.workers.pool import WorkerPool

logger = logging.getLogger(__name__)
TimedValue = Mapping[str, Any]


@dataclass(frozen=True)
class TranscriptionRecord:
    """What is known of an asset's words; entries are the wire's `{start, end, value}`, in seconds."""

    status: str
    words: Sequence[TimedValue] = field(default_factory=tuple)
    sentences: Sequence[TimedValue] = field(default_factory=tuple)
    error: str | None = None


class Transcriptions:
    """The transcriptions of one engine's assets."""

    def __init__(
        self,
        config: EngineConfig,
        database: Database,
        pool: WorkerPool,
        assets: Assets,
        owner: Owner,
        background: Background,
        profile: Profile,
    ) -> None:
        self._config = config
        self._database = database
        self._pool = pool
        self._assets = assets
        self._owner = owner
        self._background = background
        self._profile = profile
        self._turns = Turns(1)
        self._making: dict[str, asyncio.Task[None]] = {}
        self._untold: dict[str, TranscriptionRecord] = {}

    async def get(self, asset_id: str) -> TranscriptionRecord:
        """An asset's transcription as it stands; the first call starts it and waits for it a moment.

        A failure that lies in the recording stays; any other is told once, and the call after that tries again.

        Raises:
            Refused: there is no such asset, or it failed.
        """
        asset = await self._assets.get(asset_id)
        if asset.status == "failed":
            await self._assets.ready(asset_id)  # says why
        # Told before it is tried again: who asks until it is done would never hear of one that fails each time.
        is_idle = asset_id not in self._making and asset_id not in self._untold
        if is_idle and await self._database.write(lambda c: _begin(c, asset_id, self._owner)):
            self._start(asset_id)
        making = self._making.get(asset_id)
        if making is not None:
            await asyncio.wait([making], timeout=self._config.grace_s)
        failure = self._untold.pop(asset_id, None)
        record = await self._database.read(lambda c: _find(c, asset_id))
        return failure if failure is not None and record.status == "processing" else record

    async def keep(self, asset_id: str, transcript: Transcript) -> None:
        """Keep the transcript that an analysis of the whole asset brought."""
        words, sentences = _to_json(transcript.words), _to_json(transcript.sentences)
        await self._database.write(lambda c: _store(c, asset_id, words, sentences))

    async def release(self) -> None:
        """Let other engines make what this one has not finished."""
        await self._database.write(
            lambda c: c.execute("UPDATE transcriptions SET owner = NULL WHERE owner = ?", (self._owner.id,))
        )

    def _start(self, asset_id: str) -> None:
        if asset_id in self._making:
            return  # two calls have begun it at once
        task = self._background.start(self._make(asset_id), f"transcription {asset_id}")
        self._making[asset_id] = task
        task.add_done_callback(lambda _: self._making.pop(asset_id, None))

    async def _make(self, asset_id: str) -> None:
        try:
            asset = await self._assets.ready(asset_id)
            async with self._turns.turn():
                if (await self._database.read(lambda c: _find(c, asset_id))).status == "ready":
                    return  # an embedding brought it meanwhile
                transcript = await transcribe(await self._assets.media_file(asset), self._pool, profile=self._profile)
            await self.keep(asset_id, transcript)
        except EngineError as exc:
            # A file that can't be opened now may be there again later.
            is_lasting = isinstance(exc, MediaError) and exc.code != "media_not_found"
            await self._fail(asset_id, exc.message, is_lasting=is_lasting)
        except Exception:
            logger.exception("transcription of %s met an unexpected error", asset_id)
            await self._fail(asset_id, "The engine failed unexpectedly; its log says more.", is_lasting=False)

    async def _fail(self, asset_id: str, reason: str, *, is_lasting: bool) -> None:
        logger.info("transcription of %s failed: %s", asset_id, reason)
        if is_lasting:
            await self._database.write(lambda c: _fail(c, asset_id, reason))
        else:
            self._untold[asset_id] = TranscriptionRecord("failed", error=reason)
            await self._database.write(lambda c: _forget(c, asset_id))


def _begin(connection: sqlite3.Connection, asset_id: str, owner: Owner) -> bool:
    """Claim the making of a transcription; False when it is made, failed, or being made by another living engine."""
    row = connection.execute("SELECT status, owner FROM transcriptions WHERE asset_id = ?", (asset_id,)).fetchone()
    if row is not None and (row["status"] != "processing" or owner.is_at_work(row["owner"])):
        return False
    connection.execute(
        "INSERT INTO transcriptions (asset_id, status, owner) SELECT id, 'processing', ? FROM assets WHERE id = ?"
        " ON CONFLICT (asset_id) DO UPDATE SET owner = excluded.owner",
        (owner.id, asset_id),
    )
    return True


def _find(connection: sqlite3.Connection, asset_id: str) -> TranscriptionRecord:
    row = connection.execute("SELECT * FROM transcriptions WHERE asset_id = ?", (asset_id,)).fetchone()
    if row is None:
        return TranscriptionRecord("processing")
    return TranscriptionRecord(row["status"], json.loads(row["words"]), json.loads(row["sentences"]), row["error"])


def _store(connection: sqlite3.Connection, asset_id: str, words: str, sentences: str) -> None:
    connection.execute(
        "INSERT INTO transcriptions (asset_id, status, words, sentences)"
        " SELECT id, 'ready', ?, ? FROM assets WHERE id = ?"
        " ON CONFLICT (asset_id) DO UPDATE SET status = 'ready', words = excluded.words,"
        " sentences = excluded.sentences, error = NULL, owner = NULL",
        (words, sentences, asset_id),
    )


def _fail(connection: sqlite3.Connection, asset_id: str, reason: str) -> None:
    connection.execute(
        "UPDATE transcriptions SET status = 'failed', error = ?, owner = NULL"
        " WHERE asset_id = ? AND status = 'processing'",
        (reason, asset_id),
    )


def _forget(connection: sqlite3.Connection, asset_id: str) -> None:
    connection.execute("DELETE FROM transcriptions WHERE asset_id = ? AND status = 'processing'", (asset_id,))


def _to_json(entries: Sequence[Word | Sentence]) -> str:
    return json.dumps(timed_values(entries))


def timed_values(entries: Sequence[Word | Sentence]) -> list[dict[str, Any]]:
    """Words or sentences as the wire shows them; times in seconds of the source.

    How likely they are, their language and who speaks, where that is known, are ours; the contract has the rest.
    """
    return [
        {
            "start": entry.start_sec,
            "end": entry.end_sec,
            "value": entry.value,
            "probability": round(entry.probability, 3),
            **({"language": entry.language} if entry.language else {}),
            **({"speaker": entry.speaker} if entry.speaker else {}),
        }
        for entry in entries
    ]
