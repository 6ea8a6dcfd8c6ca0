"""Transcripts in the ledger: words and sentences with their times."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable

from soundbite_store.ledger_connection import LedgerConnection
from soundbite_store.records import StoredTranscript, TimedText


class TranscriptRecords:
    """The ledger's transcripts, one for each asset and source."""

    _ledger: LedgerConnection

    async def put_transcript(self, transcript: StoredTranscript) -> None:
        """Keep a transcript in place of an earlier one from the same source."""
        body = {"words": _packed(transcript.words), "sentences": _packed(transcript.sentences)}
        values = (
            transcript.asset_id,
            transcript.source,
            transcript.start_sec,
            transcript.end_sec,
            # Words repeat: this makes a tenth of it.
            zlib.compress(json.dumps(body, ensure_ascii=False).encode()),
        )
        sql = "INSERT OR REPLACE INTO transcripts VALUES (?, ?, ?, ?, ?)"
        await self._ledger.write(lambda db: db.execute(sql, values))

    async def get_transcript(self, asset_id: str, source: str) -> StoredTranscript | None:
        """What a source understood of an asset."""
        return (await self.get_transcripts([asset_id], source)).get(asset_id)

    async def get_transcripts(self, asset_ids: Iterable[str], source: str) -> dict[str, StoredTranscript]:
        """What a source understood of these assets, of those that it did, by id."""
        wanted = list(dict.fromkeys(asset_ids))

        def work(db: sqlite3.Connection) -> list[sqlite3.Row]:
            sql = "SELECT asset_id, start_sec, end_sec, body FROM transcripts WHERE asset_id = ? AND source = ?"
            return [row for asset_id in wanted for row in db.execute(sql, (asset_id, source))]

        rows = await self._ledger.read(work)
        return {row["asset_id"]: _transcript(row["asset_id"], source, row) for row in rows}

    async def transcripts_of(self, asset_id: str) -> list[StoredTranscript]:
        """What every source understood of an asset."""
        sql = "SELECT source, start_sec, end_sec, body FROM transcripts WHERE asset_id = ? ORDER BY source"
        rows = await self._ledger.read(lambda db: db.execute(sql, (asset_id,)).fetchall())
        return [_transcript(asset_id, row["source"], row) for row in rows]


def _transcript(asset_id: str, source: str, row: sqlite3.Row) -> StoredTranscript:
    body = json.loads(zlib.decompress(row["body"]))
    return StoredTranscript(
        asset_id=asset_id,
        source=source,
        start_sec=row["start_sec"],
        end_sec=row["end_sec"],
        words=_unpacked(body["words"]),
        sentences=_unpacked(body["sentences"]),
    )


def _packed(texts: Iterable[TimedText]) -> list[tuple[str, float, float]]:
    return [(text.value, text.start_sec, text.end_sec) for text in texts]


def _unpacked(rows: Iterable[tuple[str, float, float]]) -> tuple[TimedText, ...]:
    return tuple(TimedText(value=value, start_sec=start, end_sec=end) for value, start, end in rows)
