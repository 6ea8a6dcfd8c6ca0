"""What makes a server start quickly: each leaves out what a session does not need."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_garbage() -> Iterator[None]:
    """Have no garbage looked for in the block, nor later in what it made.

    What a start makes stays to the end. Looking for garbage in it takes a tenth of the start, and of later calls.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@contextmanager
def models_built_late() -> Iterator[None]:
    """Have the pydantic models that are defined in the block built at their first use.

    The MCP SDK defines some 500 and a session uses a few dozen. Classes inherit the setting from their base.
    """
    from pydantic import BaseModel, ConfigDict

    before = BaseModel.model_config
    BaseModel.model_config = ConfigDict(**{**before, "defer_build": True})
    try:
        yield
    finally:
        BaseModel.model_config = before


@contextmanager
def absent(*packages: str) -> Iterator[None]:
    """Have packages not be found in the block, for libraries that use them only where they are installed."""
    missing = [name for name in packages if name not in sys.modules]
    for name in missing:
        sys.modules[name] = None  # type: ignore[assignment] # what the import system takes for "not there"
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
