"""What can go wrong in the store, and the sentences for what LanceDB raises.

StoreError
|-- StoreCorrupt        files that cannot be read and could not be healed
|-- StoreTooNew         written by a later Soundbite
|-- StoreFull           no space left on the disk
|-- StoreBusy           another process held a lock for too long
|-- StoreUnavailable    the place named by SOUNDBITE_STORE cannot be reached or written
|-- ExportProblem       the file of an export cannot be written, or is none
|-- SpaceMismatch       vectors of one space offered to the table of another
`-- BadVector           not finite, zero, or of the wrong dimension
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager


class StoreError(Exception):
    """Anything the store could not do; the message is one sentence for a person."""


class StoreCorrupt(StoreError):
    """Files of the store cannot be read and could not be healed."""


class StoreTooNew(StoreError):
    """A later version of Soundbite wrote this store."""


class StoreFull(StoreError):
    """The disk has no space left; everything written earlier can still be read."""


class StoreBusy(StoreError):
    """Another process held a lock for longer than the caller was ready to wait."""


class StoreUnavailable(StoreError):
    """The store's location cannot be reached, opened or written."""


class ExportProblem(StoreError):
    """The file of an export cannot be written or read, or is none; the message says what to do."""


class SpaceMismatch(StoreError):
    """Vectors of one space were offered to the table of another."""


class BadVector(StoreError):
    """A vector is not finite, is zero, or has the wrong dimension."""


_NO_ANSWER = (
    "The clip store does not answer: check the network and the address (SOUNDBITE_STORE, AWS_ENDPOINT_URL, "
    "LANCEDB_HOST); what was written is safe."
)
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
        _NO_ANSWER,
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
        ("generic s3 error", "generic gcs error", "generic microsoftazure error", "connection reset", "timed out"),
        StoreUnavailable,
        _NO_ANSWER,
    ),
)
# What the operating system would not do, but for files that are not there (2) and places in them that can't be (22).
_REFUSED = re.compile(r"([^:]+) \(os error (?!22?\))\d+\)")
_SIGNS_OF_DAMAGE = ("not found", "no such file", "corrupt", "magic", "unexpected eof", "file size is too small")


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
    message = str(exc)
    text = message.lower()
    for needles, kind, sentence in _CAUSES:
        if any(needle in text for needle in needles):
            return kind(sentence)
    if refused := _REFUSED.search(message):
        return StoreUnavailable(
            f"The system would not open or read a file of the clip store: {refused[1].strip()}. Mend that and try "
            "again; what was written is safe."
        )
    if any(sign in text for sign in _SIGNS_OF_DAMAGE):
        return StoreCorrupt("A file of the clip store is missing or damaged: run `soundbite doctor --deep`.")
    return StoreError(f"The clip store failed: {_first_words(message)}")


def tells_of_damage(error: StoreError) -> bool:
    """Whether what failed can fail again only: not because the store is full, busy or out of reach just now.

    What a damaged file makes LanceDB say is without end, so everything unknown counts.
    """
    return type(error) in (StoreError, StoreCorrupt)


def _first_words(text: str) -> str:
    # The rest is the Rust source location and a backtrace.
    return text.split("\n", 1)[0].split(", /", 1)[0][:200]
