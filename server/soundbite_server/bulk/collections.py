"""The recordings of a collection: a folder that every machine of the cluster sees, or a bucket."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from soundbite_server.named_media import SUFFIXES, media_in
from soundbite_store import StoreUnavailable

if TYPE_CHECKING:
    from soundbite_store import StoreAccess

_S3 = "s3://"


@dataclass(frozen=True)
class Recording:
    """One recording of a collection."""

    address: str
    """An absolute path, or `s3://bucket/key`."""
    size_bytes: int

    @property
    def is_in_bucket(self) -> bool:
        return self.address.startswith(_S3)

    @property
    def name(self) -> str:
        """The last part of its address."""
        return PurePosixPath(self.address).name


def find_recordings(source: str, access: StoreAccess) -> list[Recording]:
    """Return the recordings of a folder or of a bucket, in order.

    Raises:
        StoreUnavailable: it can't be listed.
    """
    if source.startswith(_S3):
        return _in_bucket(source, access)
    folder = Path(source).expanduser().resolve()
    if not folder.is_dir():
        raise StoreUnavailable(f"{source} is not a folder; give one that every worker sees, or s3://bucket/prefix.")
    return [Recording(str(path), path.stat().st_size) for path in media_in(folder)]


def fetch(recording: Recording, folder: Path, access: StoreAccess) -> Path:
    """Copy a recording out of its bucket into a folder and return the file.

    Raises:
        StoreUnavailable: it can't be read.
    """
    import shutil

    path = folder / recording.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _bucket(access).open_input_stream(recording.address.removeprefix(_S3)) as sound, path.open("wb") as file:
            shutil.copyfileobj(sound, file)
    except OSError as exc:
        raise StoreUnavailable(f"{recording.address} can't be read: {_first_words(exc)}") from exc
    return path


def in_shares(recordings: Sequence[Recording], most: int) -> list[list[Recording]]:
    """Return the recordings in shares of at most so many, the largest recordings first.

    A large recording that came last would keep one worker busy while the others have nothing left to do.
    """
    largest_first = sorted(recordings, key=lambda each: (-each.size_bytes, each.address))
    return [list(largest_first[first : first + most]) for first in range(0, len(largest_first), most)]


def _in_bucket(source: str, access: StoreAccess) -> list[Recording]:
    import pyarrow.fs as arrow_fs

    selector = arrow_fs.FileSelector(source.removeprefix(_S3).rstrip("/"), recursive=True)
    try:
        found = _bucket(access).get_file_info(selector)
    except OSError as exc:
        raise StoreUnavailable(f"{source} can't be listed: {_first_words(exc)}") from exc
    files = [each for each in found if each.is_file and PurePosixPath(each.path).suffix.lower() in SUFFIXES]
    return sorted((Recording(_S3 + each.path, each.size) for each in files), key=lambda each: each.address)


def _bucket(access: StoreAccess) -> Any:
    import pyarrow.fs as arrow_fs

    options = {"region": access.region} if access.region else {}
    if access.endpoint:
        scheme, _, host = access.endpoint.partition("://")
        options |= {"scheme": scheme, "endpoint_override": host}
    return arrow_fs.S3FileSystem(**options, connect_timeout=5)


def _first_words(exc: OSError) -> str:
    return str(exc).split("\n", 1)[0][:200]
