"""The audio-embedding platform, served on this machine: `async with Engine(EngineConfig(...)) as engine: engine.app`.

Importing the package loads nothing: worker processes import it too, and a server must answer its handshake first.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# onnxruntime writes what it is used for into the home folder, to send it to its maker; from the first import on.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from soundbite_engine.config import EngineConfig, RateLimits, UrlPolicy
    from soundbite_engine.platform.engine import Engine

__all__ = ["Engine", "EngineConfig", "RateLimits", "UrlPolicy"]


def __getattr__(name: str) -> Any:
    if name == "Engine":
        from soundbite_engine.platform.engine import Engine

        return Engine
    if name in __all__:
        from soundbite_engine import config

        return getattr(config, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
