"""What the kind of place a store is kept in can do, and what it leaves to us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from soundbite_store.errors import StoreUnavailable

OBJECT_STORES = ("s3", "s3+ddb", "gs", "az")
SERVICE = "db"


@dataclass(frozen=True, slots=True)
class StoreCapabilities:
    """The differences between a folder, an object store and the LanceDB service, one switch for each.

    Lock files and syncing belong to a folder on a disk of this machine, and come with it.
    """

    optimize: bool
    """Compacting, cleaning up and measuring the vector index are ours to do; the service does its own."""
    migrate: bool
    """Columns and stamps can be added to a table that is there."""
    is_shared: bool
    """Other machines may write here: what they wrote is looked up beside what this machine's ledger knows."""
    read_consistency: timedelta
    """How old what a search sees may be; a machine's own writes are seen at once."""


FOLDER = StoreCapabilities(
    optimize=True,
    migrate=True,
    is_shared=False,
    read_consistency=timedelta(0),
)
_OBJECT_STORE = StoreCapabilities(
    optimize=True,
    migrate=True,
    is_shared=True,
    # Each look for a newer version is a request of some ten milliseconds.
    read_consistency=timedelta(seconds=5),
)
_LANCEDB_SERVICE = StoreCapabilities(
    optimize=False,
    migrate=False,
    is_shared=True,
    read_consistency=timedelta(seconds=5),
)


def scheme_of(uri: str) -> str:
    """The scheme of a store's address; empty for a folder."""
    return uri.partition("://")[0].lower() if "://" in uri else ""


def capabilities_of(uri: str) -> StoreCapabilities:
    """What the store at this address can do.

    Raises: StoreUnavailable when no store can be kept at such an address.
    """
    scheme = scheme_of(uri)
    if scheme in ("", "file"):
        return FOLDER
    if scheme in OBJECT_STORES:
        return _OBJECT_STORE
    if scheme == SERVICE:
        return _LANCEDB_SERVICE
    raise StoreUnavailable(
        f"SOUNDBITE_STORE can't be {uri!r}: use a folder, s3://bucket/prefix, gs://bucket/prefix, "
        "az://container/prefix or db://name."
    )
