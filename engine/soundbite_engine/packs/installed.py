"""Packs on this machine: a folder each, complete or not there at all."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soundbite_engine.packs.registry import Build, Pack, PackFile

RECEIPT = "pack.json"
_CHUNK_BYTES = 1 << 20


def folder_of(models: Path, pack: Pack) -> Path:
    """Where the files of `pack` lie in the models folder."""
    return models / pack.name


def is_installed(models: Path, pack: Pack) -> bool:
    """Whether every file of `pack` is there at the size its receipt says; no file is read."""
    sizes = {name: build.size_bytes for name, build in installed_builds(models, pack).items()}
    folder = folder_of(models, pack)
    return set(sizes) >= {file.name for file in pack.files} and all(
        (folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items()
    )


def installed_builds(models: Path, pack: Pack) -> Mapping[str, Build]:
    """What the receipt says was installed, by file name; empty where there is none that can be read."""
    try:
        receipt: Mapping[str, Any] = json.loads((folder_of(models, pack) / RECEIPT).read_text(encoding="utf-8"))
        return {name: Build(int(said["size_bytes"]), str(said["sha256"])) for name, said in receipt["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_receipt(folder: Path, builds: Mapping[str, Build]) -> None:
    """Say in `folder` which files were put there."""
    files = {name: {"size_bytes": build.size_bytes, "sha256": build.sha256} for name, build in builds.items()}
    (folder / RECEIPT).write_text(json.dumps({"files": files}, indent=1) + "\n", encoding="utf-8")


def build_in(path: Path, file: PackFile) -> Build | None:
    """Which build of `file` the bytes at `path` are; None where they are none of them."""
    try:
        size = path.stat().st_size
        fitting = [build for build in file.builds if build.size_bytes == size]
        digest = sha256_of(path) if fitting else ""
    except OSError:
        return None
    return next((build for build in fitting if build.sha256 == digest), None)


def damaged_files(models: Path, pack: Pack) -> tuple[str, ...]:
    """The names of files whose bytes are not what they should be; reads every one."""
    folder = folder_of(models, pack)
    return tuple(file.name for file in pack.files if build_in(folder / file.name, file) is None)


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def remove(models: Path, pack: Pack) -> int:
    """Delete a pack and what was begun of it; returns the bytes that were freed."""
    freed = 0
    for folder in (folder_of(models, pack), staging_of(models, pack)):
        if folder.is_dir():
            freed += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            shutil.rmtree(folder)
    return freed


def staging_of(models: Path, pack: Pack) -> Path:
    """Where the files of `pack` are gathered until they are complete."""
    return models / f".{pack.name}.part"


def install(models: Path, pack: Pack, staging: Path) -> None:
    """Make a complete staging folder the pack's own, in one rename."""
    target = folder_of(models, pack)
    replaced = models / f".{pack.name}.old"
    shutil.rmtree(replaced, ignore_errors=True)
    if target.exists():
        target.rename(replaced)
    staging.replace(target)
    shutil.rmtree(replaced, ignore_errors=True)
