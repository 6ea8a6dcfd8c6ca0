"""The one door to LanceDB: loaded late and off the event loop, its errors translated."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from soundbite_store.errors import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from soundbite_store.loading import import_lancedb

_CAUSES: tuple[tuple[tuple[str, ...], type[StoreError], str], ...] = (
    (
        ("no space left", "disk quota exceeded", "storagefull"),
        StoreFull,
        "The disk that holds the clip store is full: free some space and try again; earlier clips are safe.",
    ),
    (
        ("permission denied", "read-only file system", "failed to connect to namespace"),
        StoreUnavailable,
        "The clip store cannot be reached or written: check SOUNDBITE_STORE and its permissions.",
    ),
    (
        ("error sending request", "tcp connect error", "connection refused", "dns error", "hit retry limit"),
        StoreUnavailable,
        "The clip store does not answer: check the network and the address (SOUNDBITE_STORE, AWS_ENDPOINT_URL, "
        "LANCEDB_HOST); what was written is safe.",
    ),
    (
        ("accessdenied", "invalidaccesskeyid", "signaturedoesnotmatch", "status: 401", "status: 403", "unauthorized"),
        StoreUnavailable,
        "The clip store refuses this machine's key: check the key (AWS_ACCESS_KEY_ID, LANCEDB_API_KEY, ...) and "
        "what it may do.",
    ),
    (
        ("commit conflict", "incompatible transaction", "too many concurrent writers"),
        StoreBusy,
        "Other processes kept writing to the clip store: try again.",
    ),
    (
        ("not found", "corrupt", "magic", "unexpected eof", "file size is too small"),
        StoreCorrupt,
        "A file of the clip store is missing or damaged: run `soundbite doctor --deep`.",
    ),
)


async def load_lancedb() -> Any:
    """The lancedb module. Its import takes a moment, so it runs in a thread at first use."""
    # Read once at import: without it a deprecation notice goes to stderr with every hybrid query.
    os.environ.setdefault("LANCEDB_LOG", "error")
    return await asyncio.to_thread(import_lancedb)


@contextmanager
def lance_errors() -> Iterator[None]:
    """Turn whatever LanceDB raises in the block into a StoreError; cancellation passes."""
    try:
        yield
    except StoreError:
        raise
    except Exception as exc:
        raise translated(exc) from exc
    except BaseException as exc:
        # A Rust panic arrives as a BaseException, which `except Exception` above this layer would miss.
        if type(exc).__name__ != "PanicException":
            raise
        raise StoreError("LanceDB failed inside; the clips on disk are untouched. Try again.") from exc


def translated(exc: Exception) -> StoreError:
    """LanceDB raises only ValueError, RuntimeError and OSError: the text tells what happened."""
    text = str(exc).lower()
    for needles, kind, sentence in _CAUSES:
        if any(needle in text for needle in needles):
            return kind(sentence)
    return StoreError(f"The clip store failed: {_first_words(str(exc))}")


def _first_words(text: str) -> str:
    # The rest is the Rust source location and a backtrace.
    return text.split("\n", 1)[0].split(", /", 1)[0][:200]
