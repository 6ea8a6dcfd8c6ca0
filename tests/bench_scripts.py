"""Scripts of bench/ as modules of a test."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

_BENCH = str(Path(__file__).parents[1] / "bench")


def load(name: str, room: str = "") -> Any:
    """Import a module of bench/, by the name that a script of that folder, or of a room in it, knows it by."""
    folder = str(Path(_BENCH) / room)
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)
