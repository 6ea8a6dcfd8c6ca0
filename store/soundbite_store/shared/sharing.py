"""What this machine's ledger and a shared store's catalogue tell each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from soundbite_store.ledger.ledger import Ledger
from soundbite_store.ledger.record_json import asset_from, task_from, transcript_from
from soundbite_store.ledger.records import Asset, Task
from soundbite_store.shared.catalogue import Catalogue, Entry, SharedRecord, shared

_PAGE = 200
_NEVER = -1


class Sharing:
    """Keeps a ledger and a catalogue alike: finished recordings go out, those of other machines come in.

    Every method may raise StoreError.
    """

    def __init__(self, catalogue: Catalogue, ledger: Ledger, may_read: Callable[[Path], bool]) -> None:
        """`may_read` tells whether this machine's settings open a file that another machine names."""
        self._catalogue = catalogue
        self._ledger = ledger
        self._may_read = may_read
        self._version = 0
        self._known: dict[str, str] | None = None

    async def publish(self, asset_id: str, finished: Task | None = None) -> None:
        """Tell what the ledger knows of a recording once one of its tasks is ready.

        `finished` counts as ready although the ledger does not say so yet: the ledger is to be told last.
        """
        asset = await self._ledger.get_asset(asset_id)
        ready = await self._ledger.list_tasks(None, asset_id=asset_id, status="ready")
        if finished is not None:
            ready = [finished, *(task for task in ready if task.task_id != finished.task_id)]
        if asset is None or not ready:
            return
        said = await self._ledger.transcripts_of(asset_id)
        records = [shared(asset), *map(shared, ready), *map(shared, said)]
        await self._catalogue.put(records)
        if self._known is not None:
            self._known |= _stamps(records)

    async def withdraw(self, asset_id: str) -> None:
        """Tell that a recording was removed."""
        await self._catalogue.withdraw(asset_id)

    async def catch_up(self) -> int:
        """Take in what other machines wrote; returns the number of recordings that changed here."""
        version = await self._catalogue.version()
        if version == self._version:
            return 0
        entries = await self._catalogue.entries()
        if self._known is None:
            self._known = await self._stamps_here()
        changed = _changed(entries, self._known)
        for first in range(0, len(changed), _PAGE):
            await self._take(await self._catalogue.of_assets(changed[first : first + _PAGE]))
        self._known = {entry.record_id: entry.stamp for entry in entries}
        self._version = version
        return len(changed)

    async def _take(self, records: Iterable[SharedRecord]) -> None:
        for record in records:
            if record.kind == "asset":
                await self._ledger.put_asset(await self._as_seen_here(asset_from(record.body)))
            elif record.kind == "task":
                await self._ledger.put_task(task_from(record.body))
            elif record.kind == "transcript":
                await self._ledger.put_transcript(transcript_from(record.body))
            # A recording that is being embedded here again is not forgotten for an earlier removal.
            elif not await self._ledger.list_tasks(1, asset_id=record.asset_id, status="processing"):
                await self._ledger.forget_asset(record.asset_id)

    async def _as_seen_here(self, asset: Asset) -> Asset:
        known = await self._ledger.get_asset(asset.asset_id)
        if known is not None:
            fields = ("source_uri", "source_kind", "size_bytes", "mtime_ns")
            return replace(asset, **{name: getattr(known, name) for name in fields})
        if asset.source_kind in ("file", "base64") and not self._may_read(Path(asset.source_uri)):
            # No file was ever modified at this time: whatever lies at that path here is not taken for the recording.
            return replace(asset, mtime_ns=_NEVER)
        return asset

    async def _stamps_here(self) -> dict[str, str]:
        """The stamps of what is in the ledger, so that a start fetches only what differs."""
        stamps: dict[str, str] = {}
        for offset in range(0, await self._ledger.count_assets(), _PAGE):
            for asset in await self._ledger.list_assets(_PAGE, offset):
                ready = await self._ledger.list_tasks(None, asset_id=asset.asset_id, status="ready")
                stamps |= _stamps([shared(asset), *map(shared, ready)])
        return stamps


def _stamps(records: Iterable[SharedRecord]) -> dict[str, str]:
    return {record.record_id: record.stamp for record in records}


def _changed(entries: Sequence[Entry], known: dict[str, str]) -> list[str]:
    # A new transcript never comes without a new task, and its stamp is costly to work out.
    news = (entry for entry in entries if entry.kind != "transcript" and known.get(entry.record_id) != entry.stamp)
    return list(dict.fromkeys(entry.asset_id for entry in news))
