"""The environments of the peers, made once, and what each install weighs."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Install:
    """What one server brings with it."""

    name: str
    megabytes: float
    distributions: int
    embeds_audio: bool


# chroma-mcp 0.2.6 pins mcp 1.6.0, which does not start with pydantic from 2.12 on.
PEERS = {
    "chroma-mcp": ("chroma-mcp==0.2.6", "pydantic<2.12", "onnxruntime", "tokenizers"),
    "mcp-server-qdrant": ("mcp-server-qdrant==0.8.1", "onnxruntime", "tokenizers"),
    "elevenlabs-mcp": ("elevenlabs-mcp==0.12.2",),
}
EMBEDS_AUDIO = frozenset({"soundbite"})


def environment(folder: Path, name: str) -> Path:
    """Return the Python of an environment that holds a server, installing it if need be."""
    python = folder / name / "bin" / "python"
    ready = folder / name / "installed"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        wanted = _soundbite() if name == "soundbite" else PEERS[name]
        subprocess.run([*command, *wanted], check=True, stdout=sys.stderr)
        ready.touch()
    return python


def weigh(folder: Path, name: str) -> Install:
    """Return what an environment holds, without pip and setuptools, which every environment begins with."""
    environment(folder, name)
    (packages,) = (folder / name / "lib").glob("python*/site-packages")
    own = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")
    files = [each for each in packages.rglob("*") if each.is_file() and not each.is_symlink()]
    kept = [each for each in files if not each.relative_to(packages).parts[0].startswith(own)]
    compiled = [each for each in kept if each.suffix != ".pyc"]
    names = {each.name for each in packages.glob("*.dist-info") if not each.name.startswith(own)}
    return Install(name, sum(each.stat().st_size for each in compiled) / 1e6, len(names), name in EMBEDS_AUDIO)


def _soundbite() -> list[str]:
    return [str(ROOT)]
