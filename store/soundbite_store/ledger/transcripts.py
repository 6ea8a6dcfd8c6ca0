"""Transcripts in the ledger: words and sentences with their times."""

from __future__ import annotations

import functools
import json
import sqlite3
import zlib
from collections.abc import Iterable

from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import StoredTranscript, TimedText

# Of so many recordings: one question after another finds the same ones.
_SENTENCES_REMEMBERED = 20


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
        sql = "SELECT start_sec, end_sec, body FROM transcripts WHERE asset_id = ? AND source = ?"

        def work(db: sqlite3.Connection) -> StoredTranscript | None:
            row = db.execute(sql, (asset_id, source)).fetchone()
            # Unpacked on this thread: that of four hours takes as long as several searches.
            return None if row is None else _transcript(asset_id, source, row)

        return await self._ledger.read(work)

    async def get_sentences(self, asset_ids: Iterable[str], source: str) -> dict[str, tuple[TimedText, ...]]:
        """The sentences that a source understood of each of these assets, by id, of those that it knows."""
        wanted = list(dict.fromkeys(asset_ids))

        def work(db: sqlite3.Connection) -> dict[str, tuple[TimedText, ...]]:
            sql = "SELECT body FROM transcripts WHERE asset_id = ? AND source = ?"
            rows = ((asset_id, db.execute(sql, (asset_id, source)).fetchone()) for asset_id in wanted)
            return {asset_id: _sentences(row["body"]) for asset_id, row in rows if row is not None}

        return await self._ledger.read(work)

    async def transcripts_of(self, asset_id: str) -> list[StoredTranscript]:
        """What every source understood of an asset."""
        sql = "SELECT source, start_sec, end_sec, body FROM transcripts WHERE asset_id = ? ORDER BY source"

        def work(db: sqlite3.Connection) -> list[StoredTranscript]:
            return [_transcript(asset_id, row["source"], row) for row in db.execute(sql, (asset_id,))]

        return await self._ledger.read(work)


@functools.lru_cache(maxsize=_SENTENCES_REMEMBERED)
def _sentences(body: bytes) -> tuple[TimedText, ...]:
    return _unpacked(json.loads(zlib.decompress(body))["sentences"])


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
