"""Signed links: an address that may do one thing, for one caller, for a while."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Literal

LinkKind = Literal["upload", "clip"]
_SIGNATURE_BYTES = 32


class LinkRefused(Exception):
    """A link is not one of ours, or its time is over; `status` is what HTTP calls that."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class SignedLinks:
    """Makes and reads links. The key lives as long as the process: a restart ends all links, which are short-lived."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock

    def made(self, kind: LinkKind, lifetime_s: float, facts: dict[str, Any]) -> str:
        """Return the last part of an address, which holds the facts and their signature."""
        said = json.dumps({"kind": kind, "until": round(self._clock() + lifetime_s), "facts": facts}).encode()
        return f"{_encoded(said)}.{_encoded(self._signature(said))}"

    def read(self, kind: LinkKind, text: str) -> dict[str, Any]:
        """Return the facts of a link.

        Raises:
            LinkRefused: it was not made here, or is too old.
        """
        said, _, signature = text.partition(".")
        try:
            payload, given = _decoded(said), _decoded(signature)
        except (binascii.Error, ValueError):
            payload, given = b"", b""
        if not hmac.compare_digest(given, self._signature(payload)):
            raise LinkRefused("There is no such link.", 404)
        link = json.loads(payload)
        if link["kind"] != kind:
            raise LinkRefused("There is no such link.", 404)
        if link["until"] < self._clock():
            raise LinkRefused("This link is no longer valid.", 410)
        return dict(link["facts"])

    def _signature(self, payload: bytes) -> bytes:
        return hmac.new(self._key, payload, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
