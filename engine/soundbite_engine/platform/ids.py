"""Identifiers and times as the platform writes them."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime


def new_id() -> str:
    """24 hexadecimal digits: seconds since 1970, then 64 random bits."""
    return f"{int(time.time()):08x}{secrets.token_hex(8)}"


def rfc3339(epoch_s: float) -> str:
    """A time as `2026-07-01T00:00:00.000Z`."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def parse_rfc3339(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 time; one without an offset is UTC.

    Raises:
        ValueError: not such a time.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
