"""cluster_clips: what kinds of clips there are, by spherical k-means, and the words that tell them apart.

Everything is deterministic: the same vectors in the same order give the same groups.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from soundbite_tools.errors import raises_problems
from soundbite_tools.groups.clips import ClipRows, clip_rows, even_sample
from soundbite_tools.groups.results import ClusterListing, ClusterMember, ClusterResult
from soundbite_tools.results import place_fields
from soundbite_tools.search.selection import select_clips
from soundbite_tools.search.words import COMMON_WORDS, terms_of
from soundbite_tools.text import Room, first_that_fits, rounded_sec, shorten

if TYPE_CHECKING:
    from soundbite_store import StoredClip
    from soundbite_tools.library import Library
    from soundbite_tools.requests import ClusterRequest

Floats = NDArray[np.float32]
Numbers = NDArray[np.intp]

_MOST_TRIED = 12
_STARTS = 4
_MOST_ROUNDS = 50
# So many vectors tell which groups there are; all of them are then sorted into those.
_MOST_COMPARED = 1_000
# Below this mean silhouette, two or more groups are no better than one (Kaufman and Rousseeuw call under .25 none).
_LEAST_SILHOUETTE = 0.1
_SHORTEST = 3
# How strongly a word's frequency everywhere pulls its frequency in one group to itself.
_PRIOR = 0.5
_MOST_WORDS = 8
_MEMBERS_SHOWN = 4
_LONGEST_SOUNDS = 80


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


def distinctive_words(groups: Sequence[Sequence[str]], most: int) -> list[list[str]]:
    """Return, for each group of texts, the words said in it more than in the others, the most telling first.

    Ranked by the z-score of the log odds ratio with an informative prior (Monroe, Colaresi and Quinn 2008), counting
    the texts that hold a word.
    """
    counts = [Counter(word for text in texts for word in set(_words(text))) for texts in groups]
    everywhere = sum(counts, Counter[str]())
    return [_rank_words(group, everywhere)[:most] for group in counts]


def _words(text: str) -> list[str]:
    return [word for word in terms_of(text) if len(word) >= _SHORTEST and word not in COMMON_WORDS]


def _rank_words(group: Counter[str], everywhere: Counter[str]) -> list[str]:
    total, all_total = group.total(), everywhere.total()
    scores = {}
    for word, count in group.items():
        outside, prior = everywhere[word] - count, _PRIOR * everywhere[word]
        inside_odds = math.log((count + prior) / (total + _PRIOR * all_total - count - prior + 1.0))
        outside_odds = math.log((outside + prior) / (all_total - total + _PRIOR * all_total - outside - prior + 1.0))
        scores[word] = (inside_odds - outside_odds) / math.sqrt(1.0 / (count + prior) + 1.0 / (outside + prior))
    ranked = sorted(scores, key=lambda word: (-round(scores[word], 6), -group[word], word))
    return [word for word in ranked if scores[word] > 0.0]


@dataclass(frozen=True)
class _Cluster:
    """Clips that are alike, the nearest to their centre first."""

    clips: tuple[StoredClip, ...]
    likeness: float
    words: Sequence[str] = ()
    sounds: Sequence[str] = ()

    @property
    def seconds(self) -> float:
        return sum(clip.end_sec - clip.start_sec for clip in self.clips)


@raises_problems
async def cluster_clips(library: Library, request: ClusterRequest) -> ClusterListing:
    """Return the clips of a selection in groups that are alike, by what is said, by what is heard, or by both.

    `clusters` 0 finds how many there are; at most 20. Of more than 5,000 clips a sample is looked at. The same
    library gives the same groups.

    Raises:
        ToolProblem: the library is empty, or an id or tag is not in it.
    """
    selection = await select_clips(library, request.filters)
    rows = await clip_rows(library, selection, request.modality)
    wanted = request.clusters
    clusters = await anyio.to_thread.run_sync(_clusters, rows, wanted)
    total_sec = sum(cluster.seconds for cluster in clusters)
    notes = [rows.note] if rows.note else []
    if wanted > len(clusters):
        notes.append(f"Of the {wanted} clusters asked for there are {len(clusters)}: the clips differ no further.")
    elif not wanted and len(clusters) == 1:
        notes.append("The clips form no separate groups.")

    def answer(room: Room) -> ClusterListing:
        numbered = enumerate(clusters, 1)
        return ClusterListing(
            clusters=[
                _result(number, cluster, total_sec, room, request.detail == "detailed") for number, cluster in numbered
            ],
            modality=request.modality,
            clips_clustered=len(rows.clips),
            notes=notes,
            next_step="Call search_clips(like=clip_id) with a representative for more like it, or get_clip to play it.",
        )

    return first_that_fits(answer)


def _clusters(rows: ClipRows, wanted: int) -> list[_Cluster]:
    vectors = _vectors(rows)
    groups = group_vectors(vectors, wanted)
    likeness = groups.likeness(vectors)
    members = [np.flatnonzero(groups.of == number) for number in range(len(groups.centres))]
    nearest = [
        sorted(group.tolist(), key=lambda place: (-round(float(likeness[place]), 5), place)) for group in members
    ]
    clips = [tuple(rows.clips[place] for place in places) for places in nearest]
    words = distinctive_words([[clip.transcript for clip in group] for group in clips], _MOST_WORDS)
    sounds = distinctive_words([[clip.sound_words for clip in group] for group in clips], _MOST_WORDS)
    clusters = [
        _Cluster(group, float(likeness[places].mean()), group_words, group_sounds)
        for group, places, group_words, group_sounds in zip(clips, nearest, words, sounds, strict=True)
    ]
    return sorted(
        clusters, key=lambda group: (-round(group.seconds, 2), group.clips[0].asset_id, group.clips[0].start_sec)
    )


def _vectors(rows: ClipRows) -> NDArray[np.float32]:
    """Return one unit vector a clip: what is said and what is heard side by side, each with an equal say."""
    options = sorted({option for by_option in rows.rows.values() for option in by_option})
    dimension = len(next(iter(rows.rows[rows.clips[0].clip_id].values())).vector)
    table = np.zeros((len(rows.clips), len(options) * dimension), np.float32)
    for place, clip in enumerate(rows.clips):
        for option, row in rows.rows[clip.clip_id].items():
            start = options.index(option) * dimension
            table[place, start : start + dimension] = row.vector
    table = table[:, table.any(axis=0)]  # an option fills its own block of a space and leaves the others at zero
    unit: NDArray[np.float32] = table / np.linalg.norm(table, axis=1, keepdims=True)
    return unit


def _result(number: int, cluster: _Cluster, total_sec: float, room: Room, is_detailed: bool) -> ClusterResult:
    representative, *others = cluster.clips
    return ClusterResult(
        cluster=number,
        clips=len(cluster.clips),
        recordings=len({clip.asset_id for clip in cluster.clips}),
        seconds=rounded_sec(cluster.seconds),
        share=round(cluster.seconds / total_sec, 2) if total_sec else 0.0,
        likeness=round(cluster.likeness, 2),
        words=list(cluster.words),
        sounds=list(cluster.sounds),
        representative=_member(representative, room),
        members=[_member(clip, room) for clip in others[:_MEMBERS_SHOWN]] if is_detailed else [],
    )


def _member(clip: StoredClip, room: Room) -> ClusterMember:
    return ClusterMember(
        **place_fields(clip, room.title),
        text=shorten(clip.transcript, room.text // 4) if room.text else "",
        sounds=shorten(clip.sound_words, _LONGEST_SOUNDS),
    )
