"""Points of many dimensions laid out in two, so that those that were near stay near.

t-SNE (van der Maaten and Hinton, 2008), exact, begun from the two main components: the same points give the same map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

MOST_POINTS = 1_000
_COMPONENTS = 40
_PERPLEXITY = 15.0
_ROUNDS, _EARLY_ROUNDS = 400, 100
_EARLY_EXAGGERATION = 8.0
_LEAST = 1e-12


def laid_out(points: Matrix) -> Matrix:
    """Return a place in the unit square for each row of `points`, shape (n, 2).

    Raises:
        ValueError: more points than can be laid out in a moment.
    """
    if len(points) > MOST_POINTS:
        raise ValueError(f"at most {MOST_POINTS} points are laid out, not {len(points)}")
    if len(points) < 4:
        return np.column_stack([np.linspace(0.1, 0.9, len(points)), np.full(len(points), 0.5)])
    reduced = _main_components(points)
    return _in_unit_square(_moved(_likeness(reduced), _started(reduced)))


def _main_components(points: Matrix) -> Matrix:
    centred = points - points.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept: Matrix = (left * sizes)[:, :_COMPONENTS]
    # The sign of a component is arbitrary: the largest entry decides, so that every machine draws the same map.
    signs: Matrix = np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(kept.shape[1])])
    return np.asarray(kept * signs)


def _started(reduced: Matrix) -> Matrix:
    two = reduced[:, :2] if reduced.shape[1] > 1 else np.column_stack([reduced, reduced])
    return np.asarray(two / (two.std() + _LEAST) * 1e-2)


def _distances(points: Matrix) -> Matrix:
    squares = (points**2).sum(axis=1)
    return np.asarray(np.maximum(squares[:, None] + squares[None, :] - 2.0 * points @ points.T, 0.0))


def _likeness(points: Matrix) -> Matrix:
    distances = _distances(points)
    np.fill_diagonal(distances, np.inf)
    target = np.log(min(_PERPLEXITY, (len(points) - 1) / 8.0 + 2.0))
    rows = np.stack([_row(row, target) for row in distances])
    both = rows + rows.T
    return np.asarray(np.maximum(both / both.sum(), _LEAST))


def _row(distances: Matrix, target: float) -> Matrix:
    """Neighbour probabilities of one point whose entropy is the target, found by bisection."""
    near = distances - distances.min()
    low, high, precision = 0.0, np.inf, 1.0 / max(float(np.median(near[np.isfinite(near)])), _LEAST)
    shares: Matrix = np.zeros_like(near)
    for _ in range(40):
        weights = np.exp(-near * precision)
        shares = np.asarray(weights / weights.sum())
        entropy = -float((shares[shares > 0] * np.log(shares[shares > 0])).sum())
        if abs(entropy - target) < 1e-4:
            break
        low, high = (precision, high) if entropy > target else (low, precision)
        precision = precision * 2.0 if not np.isfinite(high) else (low + high) / 2.0
    return shares


def _moved(likeness: Matrix, places: Matrix) -> Matrix:
    step, gains = np.zeros_like(places), np.ones_like(places)
    rate = max(len(places) / 4.0, 50.0)
    for turn in range(_ROUNDS):
        early = turn < _EARLY_ROUNDS
        pull = likeness * _EARLY_EXAGGERATION if early else likeness
        closeness = 1.0 / (1.0 + _distances(places))
        np.fill_diagonal(closeness, 0.0)
        forces = (pull - closeness / closeness.sum()) * closeness
        slope = 4.0 * (forces.sum(axis=1)[:, None] * places - forces @ places)
        gains = np.maximum(np.where(np.sign(slope) != np.sign(step), gains + 0.2, gains * 0.8), 0.01)
        step = (0.5 if early else 0.8) * step - rate * gains * slope
        places = places + step
        places = places - places.mean(axis=0)
    return places


def _in_unit_square(places: Matrix) -> Matrix:
    """Half where the layout puts a point, half its rank: dense regions open up and empty ones close."""
    low, high = places.min(axis=0), places.max(axis=0)
    scaled = (places - low) / np.maximum(high - low, _LEAST)
    ranks = places.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") / (len(places) - 1)
    return np.asarray((scaled + ranks) / 2.0)
