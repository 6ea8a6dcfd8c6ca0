"""What can go wrong with packs."""

from __future__ import annotations

from soundbite_engine.errors import EngineError


class PackError(EngineError):
    """A model file can't be had, kept or trusted; the message says what to do.

    Codes: `pack_unreachable`, `pack_interrupted`, `pack_mismatch`, `pack_not_found`, `pack_disk`, `pack_missing`.
    """
