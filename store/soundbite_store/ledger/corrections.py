"""Corrections in the ledger, and changes of clips that must follow a change of a transcript."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from soundbite_store.ledger.assets import Unscrubbed, note_erased, note_unscrubbed, silence_envelope
from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import Asset, Correction, Span, StoredTranscript
from soundbite_store.ledger.transcripts import insert_transcript, packed, unpacked
from soundbite_store.locks import OwnerLock

_INSERT = (
    "INSERT INTO corrections (asset_id, content_hash, kind, start_sec, end_sec, old_text, new_text, words, created_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, kw_only=True)
class LedgerChange:
    """What one transaction changes: transcripts, corrections made and taken back, and figures of tasks."""

    asset_id: str
    transcripts: Sequence[StoredTranscript] = ()
    made: Sequence[Correction] = ()
    undone: Sequence[int] = ()
    counts: Mapping[str, str] = field(default_factory=dict)
    """The new `counts_json` of tasks, by id."""
    rewrite: bytes = b""
    """The changes of clips, as `rewriting` reads them; empty where none are to be made."""
    erased: Erased | None = None


@dataclass(frozen=True, kw_only=True)
class Erased:
    """A span of a recording that is erased."""

    asset: Asset
    span: Span
    notes: Mapping[str, str]
    """The new `notes_json` of tasks, by id."""


class CorrectionRecords:
    """The ledger's corrections."""

    _ledger: LedgerConnection
    _lock_dir: Path

    def rewriting_lock(self) -> OwnerLock:
        """The lock whose holder changes transcripts with their clips, or writes both anew."""
        return OwnerLock(self._lock_dir, "rewriting")

    async def corrections_of(self, asset_id: str) -> list[Correction]:
        """The corrections of an asset in the order in which they were made, those taken back too."""
        sql = "SELECT * FROM corrections WHERE asset_id = ? ORDER BY correction_id"
        return await self._ledger.read(lambda db: [_correction(row) for row in db.execute(sql, (asset_id,))])

    async def put_corrections(self, asset_id: str, corrections: Sequence[Correction]) -> None:
        """Keep the corrections of an asset that came from elsewhere, unless it has some here."""

        def work(db: sqlite3.Connection) -> None:
            if db.execute("SELECT 1 FROM corrections WHERE asset_id = ? LIMIT 1", (asset_id,)).fetchone():
                return
            for one in corrections:
                number = db.execute(_INSERT, _values(one)).lastrowid
                undone_at = one.undone_at and one.undone_at.astimezone(UTC).isoformat()
                db.execute("UPDATE corrections SET undone_at = ? WHERE correction_id = ?", (undone_at, number))

        await self._ledger.write(work)

    async def apply_change(self, change: LedgerChange) -> int:
        """Make all of a change in one transaction; returns the id of the rewrite that is to follow, 0 without one."""

        def work(db: sqlite3.Connection) -> int:
            now = datetime.now(UTC).isoformat()
            if change.erased:
                _erase(db, change.erased)
            for transcript in change.transcripts:
                insert_transcript(db, transcript)
            db.executemany(_INSERT, [_values(correction) for correction in change.made])
            undone = [(now, number) for number in change.undone]
            db.executemany("UPDATE corrections SET undone_at = ? WHERE correction_id = ?", undone)
            counts = [(counts_json, task_id) for task_id, counts_json in change.counts.items()]
            db.executemany("UPDATE tasks SET counts_json = ? WHERE task_id = ?", counts)
            if not change.rewrite:
                return 0
            sql = "INSERT INTO rewrites (asset_id, body) VALUES (?, ?)"
            return int(db.execute(sql, (change.asset_id, change.rewrite)).lastrowid or 0)

        return await self._ledger.write(work)

    async def rewrites(self) -> list[tuple[int, bytes]]:
        """The changes of clips that were not made yet, by id, in the order in which they were begun."""
        sql = "SELECT rewrite_id, body FROM rewrites ORDER BY rewrite_id"
        return await self._ledger.read(lambda db: [(int(row[0]), bytes(row[1])) for row in db.execute(sql)])

    async def has_rewrites(self) -> bool:
        """Whether there are any."""
        return await self._ledger.read(lambda db: db.execute("SELECT 1 FROM rewrites LIMIT 1").fetchone() is not None)

    async def end_rewrite(self, rewrite_id: int) -> None:
        """Forget a change of clips that was made."""
        await self._ledger.write(lambda db: db.execute("DELETE FROM rewrites WHERE rewrite_id = ?", (rewrite_id,)))


def _erase(db: sqlite3.Connection, erased: Erased) -> None:
    asset, (start_sec, end_sec) = erased.asset, erased.span
    note_erased(db, asset.content_hash, [erased.span])
    note_unscrubbed(db, Unscrubbed(asset.asset_id, asset.content_hash, asset.source_uri))
    # What was corrected, too: the earlier words are what is to be forgotten.
    sql = "DELETE FROM corrections WHERE asset_id = ? AND start_sec < ? AND end_sec > ?"
    db.execute(sql, (asset.asset_id, end_sec, start_sec))
    notes = [(text, task_id) for task_id, text in erased.notes.items()]
    db.executemany("UPDATE tasks SET notes_json = ? WHERE task_id = ?", notes)
    silence_envelope(db, asset.asset_id, erased.span)


def _values(correction: Correction) -> tuple[object, ...]:
    words = [packed(correction.old_words), packed(correction.new_words)]
    return (
        correction.asset_id,
        correction.content_hash,
        correction.kind,
        correction.start_sec,
        correction.end_sec,
        correction.old_text,
        correction.new_text,
        zlib.compress(json.dumps(words, ensure_ascii=False).encode()),
        correction.created_at.astimezone(UTC).isoformat(),
    )


def _correction(row: sqlite3.Row) -> Correction:
    old_words, new_words = json.loads(zlib.decompress(row["words"]))
    return Correction(
        asset_id=row["asset_id"],
        content_hash=row["content_hash"],
        kind=row["kind"],
        old_words=unpacked(old_words),
        new_words=unpacked(new_words),
        old_text=row["old_text"],
        new_text=row["new_text"],
        created_at=datetime.fromisoformat(row["created_at"]),
        correction_id=row["correction_id"],
        undone_at=row["undone_at"] and datetime.fromisoformat(row["undone_at"]),
    )


def in_force(corrections: Iterable[Correction]) -> list[Correction]:
    """Those that were not taken back."""
    return [correction for correction in corrections if correction.undone_at is None]
