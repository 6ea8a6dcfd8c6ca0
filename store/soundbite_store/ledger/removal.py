"""Forgetting a recording: everything the ledger holds of it, in one transaction."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from soundbite_store.ledger.connection import LedgerConnection


@dataclass(frozen=True, slots=True)
class ForgottenRecords:
    """How many records of a recording there were."""

    assets: int
    tasks: int
    transcripts: int


class RemovalRecords:
    """What the ledger does to forget a recording."""

    _ledger: LedgerConnection

    async def forget_asset(self, asset_id: str) -> ForgottenRecords:
        """Delete an asset with its tasks, its transcripts and what platforms call it; usage stays counted."""

        def work(db: sqlite3.Connection) -> ForgottenRecords:
            known = db.execute("SELECT content_hash FROM assets WHERE asset_id = ?", (asset_id,)).fetchone()
            if known is not None:
                # A cut window of the content is known by the hash, a # and the window.
                key = (known["content_hash"], known["content_hash"] + "#")
                db.execute("DELETE FROM platform_assets WHERE content_hash = ?1 OR instr(content_hash, ?2) = 1", key)
            return ForgottenRecords(
                assets=db.execute("DELETE FROM assets WHERE asset_id = ?", (asset_id,)).rowcount,
                tasks=db.execute("DELETE FROM tasks WHERE asset_id = ?", (asset_id,)).rowcount,
                transcripts=db.execute("DELETE FROM transcripts WHERE asset_id = ?", (asset_id,)).rowcount,
            )

        return await self._ledger.write(work)
