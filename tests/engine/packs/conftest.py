"""A pack of two small files, the server it comes from, and a tiny network in YAMNet's shape."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from soundbite_engine.packs.pulling import Origins
from soundbite_engine.packs.registry import Build, HubFile, Pack, PackFile

sys.path.insert(0, str(Path(__file__).parent))
from model_server import Misbehaviour, serving
from tiny_yamnet import install_tiny_yamnet

EVAL = Path(__file__).parents[4] / "shared" / "eval"
CONTENTS = {"weights.bin": bytes(range(256)) * 4000, "words.txt": b"bark\nmeow\n"}


def _build(content: bytes) -> Build:
    return Build(len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def contents() -> dict[str, bytes]:
    return dict(CONTENTS)


@pytest.fixture
def pack() -> Pack:
    files = [
        PackFile(name, _build(content), HubFile("someone/thing", "abc", f"onnx/{name}"))
        for name, content in CONTENTS.items()
    ]
    return Pack("thing", "does a thing", "MIT", tuple(files))


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def wrong() -> Misbehaviour:
    return Misbehaviour()


@pytest.fixture
def mirror(tmp_path: Path, wrong: Misbehaviour) -> Iterator[Origins]:
    """Origins that are a mirror of the pack, misbehaving as `wrong` says."""
    folder = tmp_path / "served" / "thing"
    folder.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    with serving(folder.parent, wrong) as address:
        yield Origins(mirror=address)


@pytest.fixture
def eval_folder() -> Path:
    """The evaluation recordings and the real model."""
    if not EVAL.is_dir():
        pytest.skip("the evaluation recordings and YAMNet are not beside this checkout")
    return EVAL


@pytest.fixture
def tiny_yamnet() -> Callable[[Path], None]:
    """Installs a network in YAMNet's shape into a models folder: the score of a class is its sample of the frame."""
    pytest.importorskip("ai_edge_litert", reason="the extra soundbite[sounds] is not installed")
    return install_tiny_yamnet
