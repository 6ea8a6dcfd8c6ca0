"""Models on this machine: packs, a folder each, complete or not there at all, and the weights of the install.

Which packs a profile needs is said here as well, and whether the files of the install are whole.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.registry import CLAP_PRECISIONS, PACKS, WHISPER_SIZES, Build, Pack, PackFile

RECEIPT = "pack.json"
_CHUNK_BYTES = 1 << 20
WeightsName = Literal["whisper-tiny.en", "minilm-l6-v2", "ge2e"]

_FOLDER = Path(__file__).parents[1] / "weights"
INSTALL_AGAIN = (
    "install Soundbite again: `pip install --force-reinstall --no-deps soundbite`, or `pip install -e .` in a clone"
)


class PackError(EngineError):
    """A model file can't be had, kept or trusted; the message says what to do.

    Codes: `pack_unreachable`, `pack_interrupted`, `pack_mismatch`, `pack_not_found`, `pack_disk`, `pack_missing`.
    """


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
        return {name: Build(int(entry["size_bytes"]), str(entry["sha256"])) for name, entry in receipt["files"].items()}
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


@dataclass(frozen=True)
class About:
    """What a profile finds, in words for people, and the modules it imports besides the install."""

    finds: str
    modules: tuple[str, ...] = ()


PROFILES = {
    "base": About(
        "finds what is said (English), and sounds by example or by plain words (speech, music, silence, noise, loud, "
        "quiet); it does not know other sounds by name"
    ),
    "sounds": About(
        "finds what is said (English), and sounds by example or by their names (521 kinds: dog, siren, rain, "
        "applause, …)",
        ("ai_edge_litert",),
    ),
    "full": About(
        "finds what is said in about 100 languages, and sounds by example or by any words for them",
    ),
}


@dataclass(frozen=True)
class Models:
    """The models folder, and the choices among models that a profile leaves open.

    `whisper` is one of `WHISPER_SIZES`, or a folder with any CTranslate2 Whisper model; empty is what a profile brings:
    tiny.en of the install for `base` and `sounds`, the size base for `full`.
    """

    folder: Path
    clap: str = "int8"
    whisper: str = ""

    def __post_init__(self) -> None:
        if self.clap not in CLAP_PRECISIONS:
            raise ValueError(f"clap must be one of {', '.join(CLAP_PRECISIONS)}; it is {self.clap!r}")
        if self.whisper not in ("", *WHISPER_SIZES) and not Path(self.whisper).is_dir():
            sizes = ", ".join(WHISPER_SIZES)
            raise ValueError(f"whisper must be one of {sizes}, or a folder with a model; it is {self.whisper!r}")

    def packs(self, profile: str) -> tuple[Pack, ...]:
        """The packs that `profile` needs."""
        describers = {"sounds": ("yamnet",), "full": (f"clap-{self.clap}",)}
        size = self.whisper_of(profile)
        recognisers = (f"whisper-{size}",) if size in WHISPER_SIZES else ()
        return tuple(PACKS[name] for name in (*describers.get(profile, ()), *recognisers))

    def whisper_of(self, profile: str) -> str:
        """The recogniser that `profile` uses, a size or a folder; empty for the one of the install."""
        return self.whisper or ("base" if profile == "full" else "")

    def folder_of(self, pack: Pack) -> Path:
        """Where the files of `pack` lie once they are installed."""
        return folder_of(self.folder, pack)

    def whisper_folder(self, profile: str) -> Path | None:
        """The folder of the recogniser that `profile` uses; None for the one of the install."""
        chosen = self.whisper_of(profile)
        if chosen in WHISPER_SIZES:
            return self.folder_of(PACKS[f"whisper-{chosen}"])
        return Path(chosen) if chosen else None

    def missing(self, profile: str) -> str:
        """What keeps `profile` from working, in one sentence with the command that mends it; empty for nothing."""
        absent = [name for name in PROFILES[profile].modules if importlib.util.find_spec(name) is None]
        if absent:
            return (
                f"The profile {profile} needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} "
                f"not installed; run `pip install 'soundbite[{profile}]'`."
            )
        if not all(is_installed(self.folder, pack) for pack in self.packs(profile)):
            return f"The profile {profile} needs its model files; run `soundbite models pull {profile}`."
        return ""


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
