"""Where a store can be kept: what each kind of place can do, and how LanceDB is told the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from soundbite_store.errors import StoreError, StoreUnavailable

OBJECT_STORES = ("s3", "s3+ddb", "gs", "az")
SERVICE = "db"
# LanceDB's own patience with an endpoint that does not answer is minutes long, and a caller waits behind it.
_PATIENCE = {"connect_timeout": "5s", "timeout": "60s", "client_max_retries": "3", "client_retry_timeout": "20"}
_SERVICE_TIMEOUT = timedelta(seconds=60)
_SERVICE_CONNECT_TIMEOUT = timedelta(seconds=5)
_ADDRESSES = {"s3": " and AWS_ENDPOINT_URL", "db": " and LANCEDB_HOST"}
_KEYS = {
    "s3": "the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and AWS_REGION",
    "gs": "the credentials (GOOGLE_APPLICATION_CREDENTIALS)",
    "az": "the account and its key (AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY)",
    "db": "the key (LANCEDB_API_KEY)",
}


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


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreAccess:
    """Where a store answers and with which key; what is empty, LanceDB finds in the environment or does without."""

    endpoint: str = ""
    """Address of an S3 service other than Amazon's."""
    region: str = ""
    api_key: str = field(default="", repr=False)
    """Key of the LanceDB service."""
    host: str = ""
    """Address of a LanceDB service other than LanceDB Cloud."""

    def connect_options(self, uri: str) -> dict[str, Any]:
        """The arguments of `lancedb.connect_async` beside the address.

        Raises: StoreUnavailable when the LanceDB service is named without a key.
        """
        scheme = scheme_of(uri)
        if scheme in ("", "file"):
            return {}
        if scheme == SERVICE:
            return self._service_options()
        return {"storage_options": _PATIENCE | (self._s3_options() if scheme.startswith("s3") else {})}

    def _s3_options(self) -> dict[str, str]:
        options = {}
        if self.endpoint:
            options["aws_endpoint"] = self.endpoint
            # Services beside Amazon's know no regions, but requests are signed with one.
            options["aws_region"] = self.region or "us-east-1"
            if self.endpoint.startswith("http://"):
                options["allow_http"] = "true"
        elif self.region:
            options["aws_region"] = self.region
        return options

    def _service_options(self) -> dict[str, Any]:
        from lancedb.remote import ClientConfig, RetryConfig, TimeoutConfig

        if not self.api_key:
            raise StoreUnavailable(
                "SOUNDBITE_STORE names a LanceDB database, which needs a key: set LANCEDB_API_KEY as well."
            )
        client = ClientConfig(
            retry_config=RetryConfig(retries=3, connect_retries=2),
            timeout_config=TimeoutConfig(timeout=_SERVICE_TIMEOUT, connect_timeout=_SERVICE_CONNECT_TIMEOUT),
        )
        options: dict[str, Any] = {"api_key": self.api_key, "client_config": client}
        if self.region:
            options["region"] = self.region
        if self.host:
            options["host_override"] = self.host
        return options


@contextmanager
def reaching(uri: str) -> Iterator[None]:
    """Turn what LanceDB raises when it connects to a store into a sentence about the settings.

    Raises: StoreUnavailable.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as exc:
        raise StoreUnavailable(_why_unreachable(uri, str(exc))) from exc


def _why_unreachable(uri: str, message: str) -> str:
    scheme = scheme_of(uri)
    if "NoSuchBucket" in message or "status: 404" in message:
        return f"The store {uri} has no bucket: make it, or correct SOUNDBITE_STORE."
    if any(word in message for word in ("Connect,", "connect error", "error sending request", "Connection refused")):
        return f"Nobody answers for the store {uri}: check SOUNDBITE_STORE, the network{_ADDRESSES.get(scheme, '')}."
    return f"The store {uri} cannot be opened: check SOUNDBITE_STORE and {_KEYS.get(scheme, 'its permissions')}."
