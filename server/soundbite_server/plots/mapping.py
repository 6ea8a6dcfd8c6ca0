"""Where each clip lies on the map, and what group it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from soundbite_server.plots.library_map import MappedClip
from soundbite_tools.groups.cluster_clips import telling_words
from soundbite_tools.groups.kmeans import grouped
from soundbite_tools.groups.map_layout import laid_out
from soundbite_tools.text import clock_range, shortened

if TYPE_CHECKING:
    from soundbite_store import Clip
    from soundbite_tools.groups.clips import ClipPoints

_UNTAGGED, _WORDLESS = "no tag", "no words"
_NAMING_WORDS = 3
_LONGEST_SAID = 120


def mapped(points: ClipPoints, by: str) -> list[MappedClip]:
    """Return the clips with their places, grouped by the first tag, by the recording, or by what is alike."""
    groups = _clusters(points) if by == "cluster" else [_group(clip, by) for clip in points.clips]
    return [
        MappedClip(float(x), float(y), group, _said(clip))
        for clip, group, (x, y) in zip(points.clips, groups, laid_out(points.vectors), strict=True)
    ]


def _group(clip: Clip, by: str) -> str:
    if by == "recording":
        return clip.title
    return clip.tags[0] if clip.tags else _UNTAGGED


def _clusters(points: ClipPoints) -> list[str]:
    """The name of each clip's cluster: its number and the words that tell it from the others."""
    lengths = np.linalg.norm(points.vectors, axis=1, keepdims=True)
    of = grouped((points.vectors / lengths).astype(np.float32), 0).of
    members = [
        [clip for clip, number in zip(points.clips, of, strict=True) if number == each] for each in range(max(of) + 1)
    ]
    said = telling_words([[clip.transcript for clip in each] for each in members], _NAMING_WORDS)
    heard = telling_words([[clip.sound_words for clip in each] for each in members], _NAMING_WORDS)
    names = [", ".join(words or sounds) for words, sounds in zip(said, heard, strict=True)]
    return [f"{number + 1}: {names[number] or _WORDLESS}" for number in of]


def _said(clip: Clip) -> str:
    what = clip.transcript or clip.sound_words
    return shortened(f"{clip.title} {clock_range(clip.start_sec, clip.end_sec)} {what}", _LONGEST_SAID)
