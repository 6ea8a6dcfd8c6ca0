"""Getting a pack: from a folder, from the hub's cache on this machine, from a mirror or from its publisher.

A download is resumed where it broke off, and never longer than it may be.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from filelock import FileLock

from soundbite_api.transport import BackOff
from soundbite_engine.packs.installed import (
    PackError,
    build_in,
    folder_of,
    install,
    is_installed,
    staging_of,
    write_receipt,
)
from soundbite_engine.packs.registry import HUB, Build, HubFile, Pack, PackFile

TIMEOUT = httpx.Timeout(60.0, connect=15.0)
FEWEST_TRIES = 4
_PAUSES = BackOff(first_s=1.0, longest_s=8.0)
_STARTS_AT = re.compile(r"bytes (\d+)-")

OnBytes = Callable[[int], None]
_SPARE_BYTES = 64 << 20
OnProgress = Callable[[str, int, int], None]
"""Told the name of a file, the bytes of it that are here, and its size."""


class _BrokenOff(Exception):
    """The transfer ended early; what came is kept."""


def download(
    http: httpx.Client,
    url: str,
    partial: Path,
    sizes: Iterable[int],
    on_bytes: OnBytes,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Fill `partial` from `url`, going on with what it holds, until it has one of `sizes` bytes.

    Raises:
        PackError: the address does not answer, offers another size, or breaks off again and again without progress.
    """
    allowed = frozenset(sizes)
    tries = 0
    while True:
        before = _size(partial)
        if before in allowed:
            return
        try:
            _transfer(http, url, partial, allowed, on_bytes)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as exc:
            raise PackError(
                "pack_unreachable",
                f"{url} leads to no download ({exc}); check SOUNDBITE_MODELS_MIRROR and HF_ENDPOINT.",
            ) from exc
        except (_BrokenOff, httpx.TransportError) as exc:
            tries = 0 if _size(partial) > before else tries + 1
            if tries >= FEWEST_TRIES:
                raise PackError(
                    "pack_interrupted",
                    f"The download from {url} broke off at {_size(partial):,} bytes ({exc}); "
                    "what came is kept, so run the command again to go on.",
                ) from exc
            sleep(_PAUSES.pause_s(tries))


def _transfer(http: httpx.Client, url: str, partial: Path, allowed: frozenset[int], on_bytes: OnBytes) -> None:
    begun = _size(partial)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={begun}-"} if begun else {})
    with http.stream("GET", url, headers=headers, follow_redirects=True) as response:
        if response.status_code == 416:  # what we hold is no beginning of what is there
            partial.unlink(missing_ok=True)
            raise _BrokenOff("it does not go on from there")
        _check_status(response, url)
        is_continued = response.status_code == 206 and _starts_at(response) == begun
        done = begun if is_continued else 0
        _check_size(response, done, allowed, url)
        on_bytes(done)
        with partial.open("ab" if is_continued else "wb") as out:
            for chunk in response.iter_raw():  # as it comes: what a chunk still gathers would be lost in a break
                done += len(chunk)
                if done > max(allowed):
                    break
                out.write(chunk)
                on_bytes(done)
    if done > max(allowed):
        partial.unlink()
        raise _other_size(url, f"more than {max(allowed):,}", allowed)
    if done not in allowed:
        raise _BrokenOff("the connection was closed")


def _check_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    if status == 429 or status >= 500:
        raise _BrokenOff(f"HTTP status {status}")
    raise PackError("pack_unreachable", f"{url} answers with HTTP status {status}; try a mirror or --from FOLDER.")


def _check_size(response: httpx.Response, done: int, allowed: frozenset[int], url: str) -> None:
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and done + int(declared) not in allowed:
        raise _other_size(url, f"{done + int(declared):,}", allowed)


def _other_size(url: str, offered: str, allowed: frozenset[int]) -> PackError:
    expected = " or ".join(f"{size:,}" for size in sorted(allowed))
    return PackError("pack_mismatch", f"{url} offers {offered} bytes where the file has {expected}; nothing was kept.")


def _starts_at(response: httpx.Response) -> int | None:
    match = _STARTS_AT.match(response.headers.get("content-range", ""))
    return int(match.group(1)) if match else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


@dataclass(frozen=True)
class Origins:
    """Where files may come from.

    `folder` is the only place looked at when it is given. `mirror` is the address of a served copy of a models
    folder: `{mirror}/{pack}/{file}`. `hub` is where the publishers' hub is reached, `hub_cache` what it left here.
    """

    folder: Path | None = None
    mirror: str = ""
    hub: str = HUB
    hub_cache: Path | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str], folder: Path | None = None) -> Origins:
        """The origins that SOUNDBITE_MODELS_MIRROR and the hub's own variables name."""
        cache = env.get("HF_HUB_CACHE") or (f"{env['HF_HOME']}/hub" if env.get("HF_HOME") else "")
        base = Path(env.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cls(
            folder=folder,
            mirror=env.get("SOUNDBITE_MODELS_MIRROR", "").rstrip("/"),
            hub=env.get("HF_ENDPOINT") or HUB,
            hub_cache=Path(cache).expanduser() if cache else base / "huggingface" / "hub",
        )

    def address(self, pack: Pack, file: PackFile) -> str:
        """The URL to download `file` from."""
        if self.mirror:
            return f"{self.mirror}/{pack.name}/{file.name}"
        return file.source.address(self.hub) if isinstance(file.source, HubFile) else file.source


def pull(models: Path, pack: Pack, origins: Origins, on_progress: OnProgress = lambda *_: None) -> bool:
    """Install `pack`, complete and checked; False when it was there already. What was begun before is gone on with.

    Raises:
        PackError: a file can't be had, is not what it should be, or does not fit on the disk.
    """
    try:
        models.mkdir(parents=True, exist_ok=True)
        with FileLock(models / ".lock"):
            if is_installed(models, pack):
                return False
            staging = staging_of(models, pack)
            staging.mkdir(exist_ok=True)
            _check_room(models, pack, staging)
            builds = {file.name: _fetch(models, pack, file, origins, on_progress) for file in pack.files}
            write_receipt(staging, builds)
            install(models, pack, staging)
    except OSError as exc:
        raise PackError("pack_disk", f"{models} can't be written: {exc.strerror or exc}.") from exc
    return True


def _check_room(models: Path, pack: Pack, staging: Path) -> None:
    begun = sum(path.stat().st_size for path in staging.iterdir() if path.is_file())
    needed = max(0, pack.size_bytes - begun) + _SPARE_BYTES
    free = shutil.disk_usage(models).free
    if free < needed:
        raise PackError(
            "pack_disk",
            f"The pack {pack.name} needs {needed / 1e6:.0f} MB and {models} has {free / 1e6:.0f} MB free; "
            "make room or set SOUNDBITE_MODELS to another folder.",
        )


def _fetch(models: Path, pack: Pack, file: PackFile, origins: Origins, on_progress: OnProgress) -> Build:
    target = staging_of(models, pack) / file.name
    here = build_in(target, file)
    if here is not None:
        return here
    for candidate in _candidates(models, pack, file, origins):
        build = build_in(candidate, file)
        if build is not None:
            shutil.copyfile(candidate, target)
            on_progress(file.name, build.size_bytes, build.size_bytes)
            return build
    if origins.folder is not None:
        raise PackError("pack_not_found", _not_in_folder(file, origins.folder))
    return _download(origins.address(pack, file), file, target, on_progress)


def _candidates(models: Path, pack: Pack, file: PackFile, origins: Origins) -> Iterator[Path]:
    yield folder_of(models, pack) / file.name
    if origins.folder is not None:
        # By content, not by name: files are renamed on their way to a machine without a network.
        yield from sorted(path for path in origins.folder.rglob("*") if path.is_file())
    elif origins.hub_cache is not None and isinstance(file.source, HubFile):
        source = file.source
        snapshot = origins.hub_cache / f"models--{source.repository.replace('/', '--')}" / "snapshots" / source.revision
        yield snapshot / source.path


def _not_in_folder(file: PackFile, folder: Path) -> str:
    builds = " or ".join(f"{build.size_bytes:,} bytes with sha256 {build.sha256}" for build in file.builds)
    return f"No file in {folder} is {file.name}: it has {builds}, whatever it is called."


def _download(url: str, file: PackFile, target: Path, on_progress: OnProgress) -> Build:
    # Named by its digest: a newer version of this program must not go on with the bytes of another file.
    partial = target.with_name(f"{file.name}.{file.build.sha256[:8]}.partial")
    sizes = [build.size_bytes for build in file.builds]
    with httpx.Client(timeout=TIMEOUT) as http:
        download(http, url, partial, sizes, lambda done: on_progress(file.name, done, file.build.size_bytes))
    build = build_in(partial, file)
    if build is None:
        partial.unlink()
        raise PackError(
            "pack_mismatch",
            f"What {url} sent is not {file.name}: its sha256 differs from the pinned one. Nothing was kept.",
        )
    partial.replace(target)
    return build
