"""Scripts of bench/ as modules of a test."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

_BENCH = Path(__file__).parents[1] / "bench"


def load(name: str) -> Any:
    """Load a module of bench/, a folder of scripts, under its own name."""
    if name not in sys.modules:
        spec = spec_from_file_location(name, _BENCH / f"{name}.py")
        assert spec
        assert spec.loader
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]
