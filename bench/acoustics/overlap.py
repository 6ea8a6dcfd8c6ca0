"""How well spans of time fit: intersection over union."""

from collections.abc import Iterable

Span = tuple[float, float]


def iou(one: Span, other: Span) -> float:
    """The time two spans share over the time that they cover together, 0 to 1."""
    shared = max(0.0, min(one[1], other[1]) - max(one[0], other[0]))
    return shared / (one[1] - one[0] + other[1] - other[0] - shared)


def best_iou(spans: Iterable[Span], truth: Span) -> float:
    """The fit of the span that fits `truth` best; 0 without spans."""
    return max((iou(span, truth) for span in spans), default=0.0)
