"""OpenTelemetry spans around what the store does; without an exporter in the process they cost next to nothing."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Any, ParamSpec, TypeVar

from opentelemetry import trace

P = ParamSpec("P")
R = TypeVar("R")
_tracer = trace.get_tracer("soundbite.store")


def traced(operation: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Return the operation inside a span of its name; of a failure the span has the kind, not the words."""

    @functools.wraps(operation)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        options: dict[str, Any] = {"record_exception": False, "set_status_on_exception": False}
        with _tracer.start_as_current_span(f"store {operation.__name__}", **options) as span:
            try:
                return await operation(*args, **kwargs)
            except Exception as exc:
                span.set_attribute("error.type", type(exc).__qualname__)
                span.set_status(trace.StatusCode.ERROR)
                raise

    return run
