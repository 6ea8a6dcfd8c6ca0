"""Groups of vectors that are alike: spherical k-means, and how many groups there are.

Everything is deterministic: the same vectors in the same order give the same groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from soundbite_tools.groups.clips import even_sample

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]

MOST_GROUPS = 20
_MOST_TRIED = 12
_STARTS = 4
_MOST_ROUNDS = 50
# So many vectors tell which groups there are; all of them are then sorted into those.
_MOST_COMPARED = 1_000
# Below this mean silhouette, two or more groups are no better than one (Kaufman and Rousseeuw call under .25 none).
_LEAST_SILHOUETTE = 0.1


@dataclass(frozen=True, eq=False)
class Groups:
    """The group of each vector, and the centres (groups, dimension), unit length."""

    of: Numbers
    centres: Floats

    def likeness(self, vectors: Floats) -> Floats:
        """Return the cosine of each vector with the centre of its group."""
        cosines: Floats = np.einsum("ij,ij->i", vectors, self.centres[self.of])
        return cosines


def group_vectors(vectors: Floats, count: int = 0) -> Groups:
    """Return unit vectors (n, dimension) in `count` groups, or in as many as there seem to be.

    As many as there seem to be are those with the best mean silhouette among 2 to 12, and one where none is good.
    """
    few = vectors[even_sample(range(len(vectors)), _MOST_COMPARED)]
    groups = _kmeans(few, min(count, len(few))) if count else _best_rated(few)
    return _run(vectors, groups.centres) if len(few) < len(vectors) else groups


def _best_rated(vectors: Floats) -> Groups:
    most = min(_MOST_TRIED, len(vectors) // 2)
    tried = [_kmeans(vectors, number) for number in range(2, most + 1)]
    distances = 1.0 - vectors @ vectors.T
    rated = [(_silhouette(distances, groups), groups) for groups in tried]
    best = max(rated, key=lambda groups: round(groups[0], 3), default=None)
    return best[1] if best is not None and best[0] >= _LEAST_SILHOUETTE else _kmeans(vectors, 1)


def _kmeans(vectors: Floats, count: int) -> Groups:
    runs = [_run(vectors, _spread(vectors, count, np.random.default_rng(seed))) for seed in range(_STARTS)]
    return max(runs, key=lambda groups: round(float(groups.likeness(vectors).sum()), 4))


def _run(vectors: Floats, centres: Floats) -> Groups:
    of = np.argmax(vectors @ centres.T, axis=1)
    for _ in range(_MOST_ROUNDS):
        centres = _centres(vectors, of, centres)
        moved = np.argmax(vectors @ centres.T, axis=1)
        if np.array_equal(moved, of):
            break
        of = moved
    return _without_empty(Groups(of, centres))


def _spread(vectors: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Return first centres far from each other (k-means++, Arthur and Vassilvitskii 2007)."""
    chosen = [int(rng.integers(len(vectors)))]
    distances = 1.0 - vectors @ vectors[chosen[0]]
    while len(chosen) < count:
        weights = np.clip(distances, 0.0, None).astype(np.float64)
        total = float(weights.sum())
        pick = rng.choice(len(vectors), p=weights / total) if total > 1e-9 else rng.integers(len(vectors))
        chosen.append(int(pick))
        distances = np.minimum(distances, 1.0 - vectors @ vectors[chosen[-1]])
    return vectors[chosen]


def _centres(vectors: Floats, of: Numbers, before: Floats) -> Floats:
    # As a product of matrices: adding row after row takes a hundred times as long.
    sums = _membership(of, len(before)).T @ vectors
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    # A group that lost all its vectors stays where it was.
    return np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), before).astype(np.float32)


def _without_empty(groups: Groups) -> Groups:
    used, of = np.unique(groups.of, return_inverse=True)
    return Groups(of.astype(np.intp), groups.centres[used])


def _membership(of: Numbers, count: int) -> Floats:
    """Return (n, groups), 1 where a vector is in the group."""
    return np.eye(count, dtype=np.float32)[of]


def _silhouette(distances: Floats, groups: Groups) -> float:
    """Return the mean silhouette (Rousseeuw 1987) over the distances of all from all, -1 to 1."""
    of = groups.of
    member = _membership(of, len(groups.centres))
    sizes = member.sum(axis=0)
    sums = distances @ member
    rows = np.arange(len(of))
    own_size = sizes[of]
    within = sums[rows, of] / np.maximum(own_size - 1.0, 1.0)
    others = np.where(sizes > 0, sums / np.maximum(sizes, 1.0), np.inf)
    others[rows, of] = np.inf
    nearest = others.min(axis=1)
    if not np.isfinite(nearest).all():
        return -1.0
    scores = np.where(own_size > 1, (nearest - within) / np.maximum(np.maximum(nearest, within), 1e-9), 0.0)
    return float(scores.mean())
