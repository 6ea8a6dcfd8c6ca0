"""Times of a recording as people read them."""

from __future__ import annotations

import math


def clock(seconds: float) -> str:
    """Return whole seconds as `mm:ss`, from an hour on as `h:mm:ss`."""
    minutes, second = divmod(math.floor(max(0.0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def clock_length(seconds: float) -> str:
    """Return a length as `mm:ss`, rounded up like the ends of ranges, so that nothing ends after the recording."""
    return clock(math.ceil(max(0.0, seconds) - 1e-6))


def clock_range(start_sec: float, end_sec: float) -> str:
    """Return a range as `12:30-12:36`; the end is rounded up, so that the range holds what it names."""
    return f"{clock(start_sec)}-{clock_length(max(start_sec, end_sec))}"


def seconds(value: float) -> float:
    """Return seconds rounded to hundredths, as results show them."""
    return round(value + 0.0, 2)


def number(value: float) -> str:
    """Return a number as the structured form has it, without an empty fraction: `6`, `12.5`, `14399.87`."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
