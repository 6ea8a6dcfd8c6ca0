"""Transcripts in the ledger, corrections of them, and words under doubt.

Under doubt are words that a recogniser wrote down and holds for little likely. Changes of clips that must follow a
change of a transcript are noted in the same transaction.
"""

from __future__ import annotations

import functools
import json
import sqlite3
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soundbite_store.ledger.assets import Unscrubbed, note_erased, note_unscrubbed, silence_envelope
from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import Asset, Correction, Span, StoredTranscript, TimedText
from soundbite_store.ledger.speakers import erase_turns, note_speakers
from soundbite_store.locks import OwnerLock

# Of so many recordings: one question after another finds the same ones.
_SENTENCES_REMEMBERED = 20
# Of words that Whisper tiny.en holds for less likely than this about half are wrong: on 16 minutes of calls, a reading
# and short sentences they were 2 to 11 % of all words, and a fifth to a third of the wrong ones.
DOUBTFUL_PROBABILITY = 0.5
# English calls hold up to 15 % words of that kind, French through an English recogniser more than half.
_MOST_DOUBTFUL, _FEWEST_WORDS = 0.4, 8
_MARKS = " .,!?;:…\"'()[]{}«»“”‘’¿¡-–—"  # noqa: RUF001 - marks of several languages are meant
Place = tuple[str, float, float]
"""An asset, and from when to when, in seconds."""
_INSERT = (
    "INSERT INTO corrections (asset_id, content_hash, kind, start_sec, end_sec, old_text, new_text, words, created_at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class TranscriptRecords:
    """The ledger's transcripts, one for each asset and source."""

    _ledger: LedgerConnection

    async def put_transcript(self, transcript: StoredTranscript) -> tuple[str, ...]:
        """Keep a transcript in place of an earlier one from the same source.

        Returns the names of speakers that fit nobody in it, of those that fitted somebody before.
        """
        return await self._ledger.write(lambda db: insert_transcript(db, transcript))

    async def put_brought(self, transcript: StoredTranscript) -> None:
        """Keep a transcript that was brought, in place of an earlier one; who speaks is told of what is made of it."""

        def work(db: sqlite3.Connection) -> None:
            about = (transcript.asset_id,)
            db.execute("DELETE FROM transcripts WHERE asset_id = ? AND source LIKE 'brought:%'", about)
            db.execute("INSERT INTO transcripts VALUES (?, ?, ?, ?, ?)", _row(transcript))

        await self._ledger.write(work)

    async def drop_transcripts(self, asset_id: str) -> None:
        """Forget what every source understood of an asset; the names of its speakers wait for the next transcript."""

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM transcripts WHERE asset_id = ? AND source NOT LIKE 'brought:%'", (asset_id,))
            for table in ("speakers", "doubts"):
                db.execute(f"DELETE FROM {table} WHERE asset_id = ?", (asset_id,))  # noqa: S608 - names from above

        await self._ledger.write(work)

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
        ids = list(dict.fromkeys(asset_ids))

        def work(db: sqlite3.Connection) -> dict[str, tuple[TimedText, ...]]:
            sql = "SELECT body FROM transcripts WHERE asset_id = ? AND source = ?"
            rows = ((asset_id, db.execute(sql, (asset_id, source)).fetchone()) for asset_id in ids)
            return {asset_id: _sentences(row["body"]) for asset_id, row in rows if row is not None}

        return await self._ledger.read(work)

    async def assets_with_transcripts(self) -> set[str]:
        """The ids of the assets of which any source understood something."""
        sql = "SELECT DISTINCT asset_id FROM transcripts"
        return set(await self._ledger.read(lambda db: [str(row[0]) for row in db.execute(sql)]))

    async def brought_digests(self) -> set[str]:
        """The digests of all transcripts that were brought."""
        sql = "SELECT DISTINCT substr(source, 9) FROM transcripts WHERE source LIKE 'brought:%'"
        return set(await self._ledger.read(lambda db: [str(row[0]) for row in db.execute(sql)]))

    async def transcripts_of(self, asset_id: str) -> list[StoredTranscript]:
        """What every source understood of an asset."""
        sql = "SELECT source, start_sec, end_sec, body FROM transcripts WHERE asset_id = ? ORDER BY source"

        def work(db: sqlite3.Connection) -> list[StoredTranscript]:
            return [_transcript(asset_id, row["source"], row) for row in db.execute(sql, (asset_id,))]

        return await self._ledger.read(work)


def insert_transcript(
    db: sqlite3.Connection, transcript: StoredTranscript, *, is_amended: bool = False
) -> tuple[str, ...]:
    """Keep a transcript in place of an earlier one from the same source, in the transaction of `db`.

    One that `is_amended` has the speakers of the earlier one. Returns what `put_transcript` does.
    """
    db.execute("INSERT OR REPLACE INTO transcripts VALUES (?, ?, ?, ?, ?)", _row(transcript))
    if transcript.is_brought:
        return ()
    note_doubts(db, transcript)
    return note_speakers(db, transcript, is_amended=is_amended)


def _row(transcript: StoredTranscript) -> tuple[str | float | bytes, ...]:
    body = {"words": packed(transcript.words), "sentences": packed(transcript.sentences)}
    return (
        transcript.asset_id,
        transcript.source,
        transcript.start_sec,
        transcript.end_sec,
        # Words repeat: this makes a tenth of it.
        zlib.compress(json.dumps(body, ensure_ascii=False).encode()),
    )


@functools.lru_cache(maxsize=_SENTENCES_REMEMBERED)
def _sentences(body: bytes) -> tuple[TimedText, ...]:
    return unpacked(json.loads(zlib.decompress(body))["sentences"])


def _transcript(asset_id: str, source: str, row: sqlite3.Row) -> StoredTranscript:
    body = json.loads(zlib.decompress(row["body"]))
    return StoredTranscript(
        asset_id=asset_id,
        source=source,
        start_sec=row["start_sec"],
        end_sec=row["end_sec"],
        words=unpacked(body["words"]),
        sentences=unpacked(body["sentences"]),
    )


def packed(texts: Iterable[TimedText]) -> list[list[str | float]]:
    """One row a text, with a fourth place where its speaker is known, and a fifth where it is not certain."""
    rows: list[list[str | float]] = []
    for text in texts:
        rows.append([text.value, text.start_sec, text.end_sec])
        if text.speaker or text.probability < 1.0:
            rows[-1].append(text.speaker)
        if text.probability < 1.0:
            rows[-1].append(round(text.probability, 2))
    return rows


def unpacked(rows: Iterable[list[Any]]) -> tuple[TimedText, ...]:
    """Rows as `packed` makes them, as words or sentences."""
    return tuple(
        TimedText(
            value=value,
            start_sec=start,
            end_sec=end,
            speaker=more[0] if more else "",
            probability=more[1] if len(more) > 1 else 1.0,
        )
        for value, start, end, *more in rows
    )


def doubtful_words(words: Sequence[TimedText]) -> list[str]:
    """Those of `words` that may be misheard, each once, without marks, in order."""
    doubtful = (word.value.strip(_MARKS) for word in words if word.probability < DOUBTFUL_PROBABILITY)
    return list(dict.fromkeys(filter(None, doubtful)))


def is_hardly_understood(words: Sequence[TimedText]) -> bool:
    """Whether so many of `words` may be misheard that none of them is to be trusted."""
    doubtful = sum(word.probability < DOUBTFUL_PROBABILITY for word in words)
    return len(words) >= _FEWEST_WORDS and doubtful > _MOST_DOUBTFUL * len(words)


class DoubtRecords:
    """The ledger's words under doubt."""

    _ledger: LedgerConnection

    async def doubtful_words_at(self, source: str, places: Sequence[Place]) -> list[list[str]]:
        """The words that may be misheard at each place, each once, in order of time, according to one source."""
        sql = (
            "SELECT word FROM doubts WHERE asset_id = ? AND source = ? AND start_sec >= ? AND start_sec < ? "
            "ORDER BY start_sec"
        )

        def work(db: sqlite3.Connection) -> list[list[str]]:
            found = (db.execute(sql, (asset_id, source, start, end)) for asset_id, start, end in places)
            return [list(dict.fromkeys(row["word"] for row in rows)) for rows in found]

        return await self._ledger.read(work)


def note_doubts(db: sqlite3.Connection, transcript: StoredTranscript) -> None:
    """Keep the words under doubt of a transcript that is being written, in place of those it had."""
    key = (transcript.asset_id, transcript.source)
    db.execute("DELETE FROM doubts WHERE asset_id = ? AND source = ?", key)
    rows = [(*key, word.start_sec, name) for word in transcript.words for name in doubtful_words([word])]
    db.executemany("INSERT INTO doubts VALUES (?, ?, ?, ?)", rows)


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
                insert_transcript(db, transcript, is_amended=True)
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
    erase_turns(db, asset.asset_id, erased.span)


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
