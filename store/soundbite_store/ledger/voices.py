"""Voices: a vector for each speaker of a recording, in a file of their own that can be erased to the last byte."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from soundbite_store.clips import unit_vector
from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import Span, Speaker, length_of, overlap_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_FIRST = (
    """CREATE TABLE voices (
        asset_id TEXT NOT NULL, source TEXT NOT NULL, speaker TEXT NOT NULL, seconds REAL NOT NULL,
        first_sec REAL NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (asset_id, source, speaker)
    ) STRICT""",
    # Times at which somebody speaks whose voice is not to be kept again.
    "CREATE TABLE erased (asset_id TEXT NOT NULL, spans TEXT NOT NULL) STRICT",
    # A row here: what was deleted may be in the file still.
    "CREATE TABLE unscrubbed (since INTEGER NOT NULL) STRICT",
)
MIGRATIONS = (_FIRST,)
_DELETE = "DELETE FROM voices WHERE asset_id = ? AND source = ? AND speaker = ?"
_SAME_SHARE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """How a speaker of a recording sounds."""

    asset_id: str
    source: str
    speaker: str
    seconds: float
    """How long the speaker is heard."""
    first_sec: float
    """From when on."""
    vector: NDArray[np.float32]
    """Unit length."""

    def is_of(self, speaker: Speaker) -> bool:
        """Whether it is the voice of who has this number now: speakers may have been counted anew since."""
        is_one = (self.asset_id, self.speaker) == (speaker.asset_id, speaker.speaker)
        return is_one and (self.seconds, self.first_sec) == (speaker.seconds, speaker.first_sec)


@dataclass(frozen=True, slots=True)
class ErasedVoice:
    """Whose voice is to be erased, and when that speaker is heard in the recording."""

    asset_id: str
    source: str
    speaker: str
    spans: Sequence[Span]


def is_same_speaker(spans: Sequence[Span], others: Sequence[Span]) -> bool:
    """Whether turns are those of one speaker: either speaks at half of the other's times."""
    return overlap_of(spans, others) >= _SAME_SHARE * min(length_of(spans), length_of(others))


class Voices:
    """The voices of a library. Every method may raise StoreError; a write is on disk when it returns."""

    def __init__(self, connection: LedgerConnection) -> None:
        self._file = connection

    @classmethod
    async def open(cls, path: Path, *, busy_timeout_s: float = 15.0) -> Self:
        """Open the file, making it as needed; what an interrupted erasing left is finished."""
        connection = LedgerConnection(
            path, busy_timeout_s=busy_timeout_s, migrations=MIGRATIONS, indexes=(), is_erased=True
        )
        try:
            await connection.connect()
            voices = cls(connection)
            if await connection.read(lambda db: db.execute("SELECT 1 FROM unscrubbed").fetchone()):
                await voices.scrub()
        except BaseException:
            await connection.close()
            raise
        return voices

    async def aclose(self) -> None:
        """Close the file; harmless when repeated."""
        await self._file.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def put(
        self, asset_id: str, source: str, voices: Iterable[Voice], *, only: Iterable[str] | None = None
    ) -> None:
        """Keep the voices of a recording in place of all it had of this source, or of `only` these speakers."""
        rows = [
            (
                asset_id,
                source,
                one.speaker,
                one.seconds,
                one.first_sec,
                unit_vector(one.vector, len(one.vector)).tobytes(),
            )
            for one in voices
        ]

        def work(db: sqlite3.Connection) -> None:
            there = "SELECT speaker FROM voices WHERE asset_id = ? AND source = ?"
            replaced = [row[0] for row in db.execute(there, (asset_id, source))] if only is None else only
            db.executemany(_DELETE, [(asset_id, source, speaker) for speaker in replaced])
            db.executemany("INSERT INTO voices VALUES (?, ?, ?, ?, ?, ?)", rows)

        await self._file.write(work)

    async def of_assets(self, source: str, asset_ids: Iterable[str] | None = None) -> list[Voice]:
        """The voices in these recordings, in all by default."""
        ids = None if asset_ids is None else list(dict.fromkeys(asset_ids))

        def work(db: sqlite3.Connection) -> list[sqlite3.Row]:
            sql = "SELECT * FROM voices WHERE source = ?"
            if ids is None:
                return db.execute(sql, (source,)).fetchall()
            return [row for asset_id in ids for row in db.execute(f"{sql} AND asset_id = ?", (source, asset_id))]

        return [_voice(row) for row in await self._file.read(work)]

    async def erased_spans(self, asset_id: str) -> list[list[Span]]:
        """When in a recording those speak whose voices are not to be kept."""
        sql = "SELECT spans FROM erased WHERE asset_id = ?"
        rows = await self._file.read(lambda db: db.execute(sql, (asset_id,)).fetchall())
        return [[(start, end) for start, end in json.loads(row["spans"])] for row in rows]

    async def allow(self, asset_id: str, spans: Sequence[Span]) -> None:
        """Let the voice of who speaks at these times of a recording be kept again."""

        def work(db: sqlite3.Connection) -> None:
            rows = db.execute("SELECT rowid, spans FROM erased WHERE asset_id = ?", (asset_id,)).fetchall()
            again = [(row["rowid"],) for row in rows if is_same_speaker(spans, json.loads(row["spans"]))]
            db.executemany("DELETE FROM erased WHERE rowid = ?", again)

        await self._file.write(work)

    async def sources(self) -> list[str]:
        """Whose transcripts tell the speakers apart whose voices there are."""
        rows = await self._file.read(lambda db: db.execute("SELECT DISTINCT source FROM voices").fetchall())
        return [str(row[0]) for row in rows]

    async def erase(self, erased: Sequence[ErasedVoice]) -> int:
        """Erase voices, to the last byte, and return how many there were; they are not kept again."""

        def work(db: sqlite3.Connection) -> int:
            db.execute("INSERT INTO unscrubbed VALUES (1)")
            count = 0
            for one in erased:
                count += db.execute(_DELETE, (one.asset_id, one.source, one.speaker)).rowcount
                db.execute("INSERT INTO erased VALUES (?, ?)", (one.asset_id, json.dumps(one.spans)))
            return count

        count = await self._file.write(work)
        await self.scrub()
        return count

    async def erase_asset(self, asset_id: str, *, is_forgotten: bool = True) -> int:
        """Erase all voices of a recording; returns how many there were.

        Unless it `is_forgotten`, voices of it that were erased before are not kept again.
        """

        def work(db: sqlite3.Connection) -> int:
            if is_forgotten:
                db.execute("DELETE FROM erased WHERE asset_id = ?", (asset_id,))
            count = db.execute("DELETE FROM voices WHERE asset_id = ?", (asset_id,)).rowcount
            if count:
                db.execute("INSERT INTO unscrubbed VALUES (1)")
            return count

        if count := await self._file.write(work):
            await self.scrub()
        return count

    async def erase_all(self) -> int:
        """Erase all voices there are; returns how many."""

        def work(db: sqlite3.Connection) -> int:
            db.execute("INSERT INTO unscrubbed VALUES (1)")
            db.execute("DELETE FROM erased")
            return db.execute("DELETE FROM voices").rowcount

        count = await self._file.write(work)
        await self.scrub()
        return count

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the file or its log."""
        await self._file.scrub()
        await self._file.write(lambda db: db.execute("DELETE FROM unscrubbed"))


def _voice(row: sqlite3.Row) -> Voice:
    import numpy as np

    vector = np.frombuffer(row["vector"], dtype="<f4").copy()
    return Voice(**{**dict(row), "vector": vector})
