"""Assets in the ledger, what platforms call them, and what is erased of them, by content."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import Asset, Envelope, Span, joined
from soundbite_store.locks import OwnerLock

_SPANS = "SELECT spans FROM erasures WHERE content_hash = ?"
# What is erased belongs to the content, and is kept by it.
_OF_CONTENT = ("erased", "copy_hash")
_COLUMNS = tuple(field.name for field in dataclasses.fields(Asset) if field.name not in _OF_CONTENT)
_SELECT = (
    "SELECT assets.*, coalesce(erasures.spans, '[]') AS erased, coalesce(erasures.copy_hash, '') AS copy_hash "
    "FROM assets LEFT JOIN erasures USING (content_hash)"
)
# A repeated put keeps the time of the first one.
_PUT = (
    f"INSERT INTO assets ({', '.join(_COLUMNS)}) VALUES ({', '.join(':' + name for name in _COLUMNS)}) "  # noqa: S608
    "ON CONFLICT (asset_id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name not in ("asset_id", "created_at"))
)
# Those whose tasks have all failed; found by the tasks that failed, which are few.
_FAILED = (
    "SELECT asset_id FROM tasks AS failed WHERE status = 'failed' AND NOT EXISTS "
    "(SELECT 1 FROM tasks WHERE tasks.asset_id = failed.asset_id AND status <> 'failed')"
)
_WITHOUT_FAILED = f"asset_id NOT IN ({_FAILED})"
_NEWEST_FIRST = "ORDER BY created_at DESC, asset_id"


@dataclass(frozen=True, slots=True)
class Unscrubbed:
    """A recording, removed or not, of which something was deleted that may be in files still."""

    asset_id: str
    content_hash: str
    source_uri: str
    number: int = 0
    """Of the newest note of it, in the order in which they were made."""


class ErasureRecords:
    """The ledger's erasures."""

    _ledger: LedgerConnection
    _lock_dir: Path

    def scrubbing_lock(self) -> OwnerLock:
        """The lock whose holder scrubs what was deleted from the library's files."""
        return OwnerLock(self._lock_dir, "scrubbing")

    async def erased_of(self, content_hash: str) -> tuple[Span, ...]:
        """What is erased of a content, in order."""
        return await self._ledger.read(lambda db: erased_in(db, content_hash))

    async def put_copy(self, content_hash: str, copy_hash: str) -> None:
        """Keep the hash of the copy in the library that has silence where a content is erased."""
        sql = "UPDATE erasures SET copy_hash = ? WHERE content_hash = ?"
        await self._ledger.write(lambda db: db.execute(sql, (copy_hash, content_hash)))

    async def copy_of(self, content_hash: str) -> str:
        """The hash of the copy in the library that had silence last where a content is erased; empty without one."""
        sql = "SELECT copy_hash FROM erasures WHERE content_hash = ?"
        row = await self._ledger.read(lambda db: db.execute(sql, (content_hash,)).fetchone())
        return row[0] if row else ""

    async def unscrubbed(self) -> list[Unscrubbed]:
        """The recordings of which something that was deleted may be in files still."""
        sql = "SELECT asset_id, content_hash, source_uri, max(rowid) FROM unscrubbed GROUP BY 1, 2, 3"
        return await self._ledger.read(lambda db: [Unscrubbed(*row) for row in db.execute(sql)])

    async def scrub(self) -> None:
        """Leave nothing of what was deleted in the file or its log.

        Raises: StoreBusy where another process reads it for too long.
        """
        await self._ledger.scrub()

    async def end_scrub(self, scrubbed: Iterable[Unscrubbed]) -> None:
        """Note that nothing is left of what was deleted of these recordings, as far as it was noted then."""
        rows = [(one.asset_id, one.content_hash, one.source_uri, one.number) for one in scrubbed]
        sql = "DELETE FROM unscrubbed WHERE asset_id = ? AND content_hash = ? AND source_uri = ? AND rowid <= ?"
        await self._ledger.write(lambda db: db.executemany(sql, rows))


def erased_in(db: sqlite3.Connection, content_hash: str) -> tuple[Span, ...]:
    """What is erased of a content, in the transaction of `db`."""
    row = db.execute(_SPANS, (content_hash,)).fetchone()
    return () if row is None else tuple((start, end) for start, end in json.loads(row[0]))


def note_erased(db: sqlite3.Connection, content_hash: str, spans: Iterable[Span]) -> None:
    """Add to what is erased of a content, in the transaction of `db`."""
    whole = json.dumps(joined([*erased_in(db, content_hash), *spans]))
    sql = (
        "INSERT INTO erasures (content_hash, spans) VALUES (?, ?) "
        "ON CONFLICT (content_hash) DO UPDATE SET spans = excluded.spans"
    )
    db.execute(sql, (content_hash, whole))


def note_unscrubbed(db: sqlite3.Connection, one: Unscrubbed) -> None:
    """Note that something of a recording is being deleted, in the transaction of `db`."""
    db.execute("INSERT INTO unscrubbed VALUES (?, ?, ?)", (one.asset_id, one.content_hash, one.source_uri))


@dataclass(frozen=True, slots=True)
class AssetPage:
    """Some of the assets that match, the newest first; how many match, and how long those are together."""

    assets: tuple[Asset, ...]
    total: int
    total_sec: float


class AssetRecords:
    """The ledger's assets."""

    _ledger: LedgerConnection

    async def put_asset(self, asset: Asset) -> None:
        """Add an asset, or replace what is known of it."""
        await self._ledger.write(lambda db: _put(db, asset))

    async def describe_asset(self, asset_id: str, *, duration_sec: float, language: str | None) -> None:
        """Note how long an asset is and what language is spoken in it; one that was removed meanwhile stays removed."""
        sql = "UPDATE assets SET duration_sec = ?, language = ? WHERE asset_id = ?"
        await self._ledger.write(lambda db: db.execute(sql, (duration_sec, language, asset_id)))

    async def renew_asset(self, asset: Asset, task_id: str) -> None:
        """Put an asset whose content changed in place of the earlier one, and forget the tasks that made that."""

        def work(db: sqlite3.Connection) -> None:
            _put(db, asset)
            about = (asset.asset_id, task_id)
            db.execute("DELETE FROM tasks WHERE asset_id = ? AND task_id <> ? AND status <> 'processing'", about)
            db.execute("UPDATE tasks SET renewal_json = '' WHERE task_id = ?", (task_id,))

        await self._ledger.write(work)

    async def get_asset(self, asset_id: str) -> Asset | None:
        """The asset of this id."""
        return await self._one_asset("asset_id = ?", asset_id)

    async def get_assets(self, asset_ids: Iterable[str]) -> dict[str, Asset]:
        """The assets of these ids that there are, by id."""
        ids = list(dict.fromkeys(asset_ids))
        if not ids:
            return {}

        def work(db: sqlite3.Connection) -> list[sqlite3.Row]:
            sql = f"{_SELECT} WHERE asset_id = ?"
            return [row for asset_id in ids for row in db.execute(sql, (asset_id,))]

        return {row["asset_id"]: _asset(row) for row in await self._ledger.read(work)}

    async def find_asset_by_source(self, source_uri: str) -> Asset | None:
        """The newest asset that came from this place; its size and mtime tell whether the file is unchanged."""
        return await self._one_asset("source_uri = ?", source_uri)

    async def assets_of_source(self, source_uri: str) -> list[Asset]:
        """The assets that came from this place, the newest first."""
        return await self._assets("source_uri = ?", source_uri)

    async def assets_of_content(self, content_hash: str) -> list[Asset]:
        """The assets with this content, the newest first."""
        return await self._assets("content_hash = ?", content_hash)

    async def assets_titled(self, titles: Iterable[str]) -> list[Asset]:
        """The assets with one of these titles, but for those whose tasks have all failed."""
        wanted = tuple(titles)
        marks = ", ".join("?" * len(wanted))
        sql = f"{_SELECT} WHERE title IN ({marks}) AND {_WITHOUT_FAILED}"
        return [_asset(row) for row in await self._ledger.read(lambda db: db.execute(sql, wanted).fetchall())]

    async def list_assets(self, limit: int = 100, offset: int = 0, *, with_failed: bool = True) -> list[Asset]:
        """Assets, the newest first; those whose tasks have all failed only `with_failed`."""
        where = "" if with_failed else f"WHERE {_WITHOUT_FAILED}"
        sql = f"{_SELECT} {where} {_NEWEST_FIRST} LIMIT ? OFFSET ?"
        rows = await self._ledger.read(lambda db: db.execute(sql, (limit, offset)).fetchall())
        return [_asset(row) for row in rows]

    async def page_of_assets(
        self,
        limit: int,
        offset: int = 0,
        *,
        tags: Iterable[str] = (),
        matches: Callable[[str, str], bool] | None = None,
    ) -> AssetPage:
        """One page of the assets with one of the `tags` whose title and source `matches`, but for failed ones."""
        wanted = tuple(tags)
        marks = ", ".join("?" * len(wanted))
        tagged = f" AND EXISTS (SELECT 1 FROM json_each(assets.tags) WHERE value IN ({marks}))" if wanted else ""  # noqa: S608
        where = f"WHERE {_WITHOUT_FAILED}{tagged}"

        def work(db: sqlite3.Connection) -> AssetPage:
            if matches is None:
                counts = f"SELECT count(*), total(duration_sec) FROM assets {where}"  # noqa: S608
                total, total_sec = db.execute(counts, wanted).fetchone()
                page = f"{_SELECT} {where} {_NEWEST_FIRST} LIMIT ? OFFSET ?"
                rows = db.execute(page, (*wanted, limit, offset)).fetchall()
            else:
                names = f"SELECT rowid, title, source_uri, duration_sec FROM assets {where} {_NEWEST_FIRST}"  # noqa: S608
                # Four columns: to make a record of each recording of a large library takes longer than all the rest.
                cursor = db.cursor()
                cursor.row_factory = None
                listed = cursor.execute(names, wanted)
                matching = [(row, seconds) for row, title, source, seconds in listed if matches(title, source)]
                total, total_sec = len(matching), sum(seconds for _, seconds in matching)
                one = f"{_SELECT} WHERE assets.rowid = ?"
                rows = [db.execute(one, (rowid,)).fetchone() for rowid, _ in matching[offset : offset + limit]]
            return AssetPage(tuple(_asset(row) for row in rows), total, total_sec)

        return await self._ledger.read(work)

    async def put_envelope(self, asset: Asset, envelope: Envelope) -> None:
        """Keep how loud the present content of an asset is."""
        sql = "INSERT OR REPLACE INTO envelopes VALUES (?, ?, ?, ?)"
        values = (asset.asset_id, asset.content_hash, envelope.duration_sec, zlib.compress(envelope.peaks))
        await self._ledger.write(lambda db: db.execute(sql, values))

    async def get_envelope(self, asset: Asset) -> Envelope | None:
        """How loud the present content of an asset is, where that was kept."""
        sql = "SELECT duration_sec, peaks FROM envelopes WHERE asset_id = ? AND content_hash = ?"
        row = await self._ledger.read(lambda db: db.execute(sql, (asset.asset_id, asset.content_hash)).fetchone())
        return None if row is None else Envelope(duration_sec=row[0], peaks=zlib.decompress(row[1]))

    async def count_assets(self) -> int:
        """The number of assets."""
        return await self._ledger.read(lambda db: int(db.execute("SELECT count(*) FROM assets").fetchone()[0]))

    async def put_platform_asset(self, platform: str, content_hash: str, platform_asset_id: str) -> None:
        """Remember what a platform calls this content, so that it is not uploaded again."""
        sql = "INSERT OR REPLACE INTO platform_assets VALUES (?, ?, ?, ?)"
        values = (platform, content_hash, platform_asset_id, datetime.now(UTC).isoformat())
        await self._ledger.write(lambda db: db.execute(sql, values))

    async def get_platform_asset(self, platform: str, content_hash: str) -> str | None:
        """What a platform calls this content."""
        sql = "SELECT platform_asset_id FROM platform_assets WHERE platform = ? AND content_hash = ?"
        row = await self._ledger.read(lambda db: db.execute(sql, (platform, content_hash)).fetchone())
        return None if row is None else str(row[0])

    async def platform_assets_of(self, content_hash: str) -> list[tuple[str, str]]:
        """The platforms that hold this content or windows of it, and what they call it."""
        sql = (
            "SELECT platform, platform_asset_id FROM platform_assets "
            "WHERE content_hash = ?1 OR instr(content_hash, ?1 || '#') = 1 ORDER BY platform, platform_asset_id"
        )
        rows = await self._ledger.read(lambda db: db.execute(sql, (content_hash,)).fetchall())
        return [(row["platform"], row["platform_asset_id"]) for row in rows]

    async def forget_platform_asset(self, platform: str, content_hash: str) -> None:
        """Forget it, when the platform no longer knows it."""
        sql = "DELETE FROM platform_assets WHERE platform = ? AND content_hash = ?"
        await self._ledger.write(lambda db: db.execute(sql, (platform, content_hash)))

    async def _one_asset(self, condition: str, value: str) -> Asset | None:
        assets = await self._assets(condition, value)
        return assets[0] if assets else None

    async def _assets(self, condition: str, value: str) -> list[Asset]:
        sql = f"{_SELECT} WHERE {condition} ORDER BY created_at DESC, asset_id"
        rows = await self._ledger.read(lambda db: db.execute(sql, (value,)).fetchall())
        return [_asset(row) for row in rows]


def _put(db: sqlite3.Connection, asset: Asset) -> None:
    is_known = db.execute("SELECT 1 FROM assets WHERE content_hash = ?", (asset.content_hash,)).fetchone()
    db.execute(_PUT, _values(asset))
    if asset.erased and not is_known:  # of an export; what is here whole stays whole
        note_erased(db, asset.content_hash, asset.erased)


def _values(asset: Asset) -> dict[str, Any]:
    return {
        **{name: getattr(asset, name) for name in _COLUMNS},
        "tags": json.dumps(list(asset.tags), ensure_ascii=False),
        "created_at": asset.created_at.astimezone(UTC).isoformat(),
    }


def _asset(row: sqlite3.Row) -> Asset:
    fields: dict[str, Any] = dict(row)
    fields["tags"] = tuple(json.loads(fields["tags"]))
    fields["erased"] = tuple((start, end) for start, end in json.loads(fields["erased"]))
    fields["created_at"] = datetime.fromisoformat(fields["created_at"])
    return Asset(**fields)


def silence_envelope(db: sqlite3.Connection, asset_id: str, span: Span) -> None:
    """Keep that a recording is silent in a span, in the transaction of `db`."""
    row = db.execute("SELECT duration_sec, peaks FROM envelopes WHERE asset_id = ?", (asset_id,)).fetchone()
    if row is None:
        return
    peaks = bytearray(zlib.decompress(row["peaks"]))
    a_part_sec = max(row["duration_sec"], 0.001) / max(1, len(peaks))
    for at in range(max(0, int(span[0] / a_part_sec)), min(len(peaks), int(span[1] / a_part_sec) + 1)):
        peaks[at] = 0
    db.execute("UPDATE envelopes SET peaks = ? WHERE asset_id = ?", (zlib.compress(peaks), asset_id))
