"""Logging: one line an event, to stderr, because stdout belongs to the protocol."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

LogFormat = Literal["text", "json"]


def log_to_stderr(level: str, log_format: LogFormat = "text", *, except_from: str = "") -> None:
    """Send the logs of this process to stderr from `level` upwards; libraries speak from WARNING upwards.

    Of the logger `except_from` only errors are shown.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_TEXT if log_format == "text" else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for package in ("server", "tools", "store", "api", "engine"):
        logging.getLogger(f"soundbite_{package}").setLevel(level)
    if except_from:
        logging.getLogger(except_from).setLevel(logging.ERROR)


_TEXT = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")


class JsonLines(logging.Formatter):
    """An event as one object: time, level, logger, message, and its trace and traceback if there are some."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace_id := _trace_id():
            event["trace_id"] = trace_id
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(event, ensure_ascii=False)


def _trace_id() -> str:
    trace = sys.modules.get("opentelemetry.trace")  # not loaded means nothing is traced
    context = trace.get_current_span().get_span_context() if trace else None
    return format(context.trace_id, "032x") if context and context.is_valid else ""
