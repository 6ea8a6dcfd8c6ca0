"""Assets, tasks and transcripts as JSON texts, and back: what exports and shared catalogues carry."""

from __future__ import annotations

import dataclasses
import json
from datetime import datetime

from soundbite_store.ledger.records import Asset, StoredTranscript, Task, TimedText


def to_json(record: Asset | StoredTranscript | Task) -> str:
    """A record's fields as JSON, the same text for the same record."""
    return json.dumps(dataclasses.asdict(record), default=datetime.isoformat, ensure_ascii=False)


def asset_from(body: str) -> Asset:
    fields = json.loads(body)
    created_at = datetime.fromisoformat(fields.pop("created_at"))
    return Asset(**fields | {"tags": tuple(fields["tags"])}, created_at=created_at)


def task_from(body: str) -> Task:
    fields = json.loads(body)
    for name in ("created_at", "updated_at", "finished_at"):
        fields[name] = fields[name] and datetime.fromisoformat(fields[name])
    return Task(**fields)


def transcript_from(body: str) -> StoredTranscript:
    fields = json.loads(body)
    for name in ("words", "sentences"):
        fields[name] = tuple(TimedText(**text) for text in fields[name])
    return StoredTranscript(**fields)
