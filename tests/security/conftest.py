"""A server over an empty library, and a folder it may read beside one it may not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from soundbite_server import Settings, build_server

sys.path.insert(0, str(Path(__file__).parent))

SECRET = "the words of a private diary"


@dataclass(frozen=True)
class Grounds:
    """Folders: `root` may be read, `outside` may not; both hold something worth reading."""

    root: Path
    outside: Path
    home: Path


@pytest.fixture
def grounds(tmp_path: Path) -> Grounds:
    made = Grounds(tmp_path / "root", tmp_path / "outside-of-it", tmp_path / "home")
    for folder in (made.root, made.outside):
        folder.mkdir()
        (folder / "diary.txt").write_text(SECRET)
    return made


@pytest.fixture
def connect(grounds: Grounds) -> Callable[..., Client]:
    def client(**settings: Any) -> Client:
        chosen = {"home": grounds.home, "roots": (grounds.root,), "workers": 1, **settings}
        return Client(build_server(Settings(**chosen)))

    return client
