"""The clips of a library on a map: near each other where they sound or mean alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

from soundbite_server.plots.pictures import FAINT, INK, PALETTE, Picture, fitting, writable
from soundbite_tools import clock_range, distinctive_words, group_vectors, shorten

if TYPE_CHECKING:
    from soundbite_store import StoredClip
    from soundbite_tools import ClipPoints

Matrix = NDArray[np.float64]

MOST_POINTS = 1_000
_COMPONENTS = 40
_PERPLEXITY = 15.0
_SIZE, _MARGIN, _KEY_WIDTH = 760.0, 44.0, 260.0
_OTHER, _OTHER_COLOUR = "others", "#c3cad3"
# So few that each can be named beside its dot; more would hide one another, and have their names under the pointer.
_MOST_NAMED = 25
_NAME_WIDTH = 150.0
_UNTAGGED, _WORDLESS = "no tag", "no words"
_NAMING_WORDS = 3
_LONGEST_NAME = 120


@dataclass(frozen=True)
class MappedClip:
    """A clip where it lies on the map, x and y from 0 to 1."""

    x: float
    y: float
    group: str
    name: str


def mapped(points: ClipPoints, by: str) -> list[MappedClip]:
    """Return the clips with their places, grouped by the first tag, by the recording, or by what is alike."""
    groups = _clusters(points) if by == "cluster" else [_group(clip, by) for clip in points.clips]
    return [
        MappedClip(float(x), float(y), group, _name(clip))
        for clip, group, (x, y) in zip(points.clips, groups, laid_out(points.vectors), strict=True)
    ]


def laid_out(points: Matrix) -> Matrix:
    """Return a place in the unit square for each row of `points`, shape (n, 2): the same points, the same places.

    Raises:
        ValueError: more points than can be laid out in a moment.
    """
    if len(points) > MOST_POINTS:
        raise ValueError(f"at most {MOST_POINTS} points are laid out, not {len(points)}")
    if len(points) < 4 or not np.ptp(points, axis=0).any():
        return np.column_stack([np.linspace(0.1, 0.9, len(points)), np.full(len(points), 0.5)])
    reduced = PCA(min(_COMPONENTS, *points.shape), svd_solver="full").fit_transform(points)
    perplexity = min(_PERPLEXITY, (len(points) - 1) / 3)
    places: Matrix = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(reduced).astype(np.float64)
    places -= places.min(axis=0)
    # One scale for both directions: distances stay comparable.
    places /= max(places.max(), 1e-12)
    centred: Matrix = places + (1.0 - places.max(axis=0)) / 2
    return centred


def draw_map(clips: Sequence[MappedClip], title: str, about: str) -> Picture:
    """Return the map; the largest groups have a colour of their own and a name in the key."""
    picture = Picture(_SIZE + _KEY_WIDTH, _SIZE, title)
    picture.text(_MARGIN, 32, title, size=19, weight="bold")
    picture.text(_MARGIN, 53, about, size=12, colour=FAINT)
    axes = picture.panel(_MARGIN, 76, _SIZE - 2 * _MARGIN, _SIZE - 76 - _MARGIN)
    axes.set_frame_on(True)
    axes.set_facecolor("#f6f8fa")
    for edge in axes.spines.values():
        edge.set_visible(False)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(1.03, -0.03)
    counts = Counter(clip.group for clip in clips)
    by_size = sorted(counts, key=lambda group: (-counts[group], group))
    colours = dict(zip(by_size, PALETTE[:-1], strict=False))
    radius = 4.5 if len(clips) > 150 else 6.0
    for clip in clips:
        colour = colours.get(clip.group, _OTHER_COLOUR)
        (dot,) = axes.plot(
            clip.x, clip.y, "o", color=colour, markersize=radius * 1.44, alpha=0.8, mec="white", mew=0.6, clip_on=False
        )
        picture.hint(dot, f"{clip.name}\n{clip.group}")
        if len(clips) <= _MOST_NAMED:
            is_right = clip.x > 0.5
            axes.annotate(
                writable(fitting(clip.name, _NAME_WIDTH, 10)),
                (clip.x, clip.y),
                (-8 if is_right else 8, 0),
                textcoords="offset points",
                ha="right" if is_right else "left",
                va="center",
                fontsize=7.2,
                color=INK,
                parse_math=False,
            )
    _draw_key(picture, [(group, colour, counts[group]) for group, colour in colours.items()], counts.total())
    return picture


def _draw_key(picture: Picture, groups: Sequence[tuple[str, str, int]], count: int) -> None:
    rest = count - sum(size for _, _, size in groups)
    rows = [*groups, *([(_OTHER, _OTHER_COLOUR, rest)] if rest else [])]
    for number, (group, colour, size) in enumerate(rows):
        y = 96 + 23 * number
        picture.text(_SIZE, y, "●", size=15, colour=colour)
        picture.text(_SIZE + 20, y, fitting(f"{group} ({size})", _KEY_WIDTH - 30, 12), size=12)


def _group(clip: StoredClip, by: str) -> str:
    if by == "recording":
        return clip.title
    return clip.tags[0] if clip.tags else _UNTAGGED


def _clusters(points: ClipPoints) -> list[str]:
    """The name of each clip's cluster: its number and the words that tell it from the others."""
    lengths = np.linalg.norm(points.vectors, axis=1, keepdims=True)
    numbers = group_vectors((points.vectors / lengths).astype(np.float32), 0).of
    members = [
        [clip for clip, of in zip(points.clips, numbers, strict=True) if of == number]
        for number in range(max(numbers) + 1)
    ]
    words = distinctive_words([[clip.transcript for clip in clips] for clips in members], _NAMING_WORDS)
    sounds = distinctive_words([[clip.sound_words for clip in clips] for clips in members], _NAMING_WORDS)
    names = [", ".join(spoken or heard) for spoken, heard in zip(words, sounds, strict=True)]
    return [f"{number + 1}: {names[number] or _WORDLESS}" for number in numbers]


def _name(clip: StoredClip) -> str:
    words = clip.transcript or clip.sound_words
    return shorten(f"{clip.title} {clock_range(clip.start_sec, clip.end_sec)} {words}", _LONGEST_NAME)
