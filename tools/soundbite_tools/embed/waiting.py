"""How long a call may wait: clients give up on calls of a minute, some of less."""

from __future__ import annotations

DEFAULT_WAIT_S = 20.0
LONGEST_WAIT_S = 25.0


def within_limits(wait_seconds: float) -> float:
    """Return the seconds to wait, between 0 and 25; 0 where it is no number."""
    return max(0.0, min(wait_seconds, LONGEST_WAIT_S))
