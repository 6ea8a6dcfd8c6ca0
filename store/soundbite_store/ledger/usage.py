"""Seconds of audio embedded and saved, by day and platform."""

from __future__ import annotations

from datetime import UTC, date, datetime

from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import Usage


class UsageRecords:
    """The ledger's usage counters."""

    _ledger: LedgerConnection

    async def add_usage(
        self,
        platform: str,
        *,
        seconds_embedded: float = 0.0,
        seconds_saved: float = 0.0,
        day: date | None = None,
    ) -> None:
        """Add to a day's counters, today's (UTC) by default."""
        values = ((day or datetime.now(UTC).date()).isoformat(), platform, seconds_embedded, seconds_saved)
        sql = (
            "INSERT INTO usage VALUES (?, ?, ?, ?) ON CONFLICT (day, platform) DO UPDATE SET "
            "seconds_embedded = seconds_embedded + excluded.seconds_embedded, "
            "seconds_saved = seconds_saved + excluded.seconds_saved"
        )
        await self._ledger.write(lambda db: db.execute(sql, values))

    async def usage_between(self, first: date, last: date) -> list[Usage]:
        """The counters of the days from `first` to `last`, both included."""
        sql = "SELECT * FROM usage WHERE day BETWEEN ? AND ? ORDER BY day, platform"
        days = (first.isoformat(), last.isoformat())
        rows = await self._ledger.read(lambda db: db.execute(sql, days).fetchall())
        return [Usage(**dict(row)) for row in rows]
