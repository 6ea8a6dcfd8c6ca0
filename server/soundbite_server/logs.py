"""Logging: one line an event, to stderr, because stdout belongs to the protocol."""

from __future__ import annotations

import logging
import sys


def log_to_stderr(level: str) -> None:
    """Send the logs of this process to stderr from `level` upwards; libraries speak from WARNING upwards."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in ("server", "tools", "store", "api", "engine"):
        logging.getLogger(f"soundbite_{package}").setLevel(level)
