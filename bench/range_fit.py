"""End to end: six words of what is said somewhere in a long recording, and the range that search answers with."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from library import Library, call, embed_all
from mcp import Client
from overlap import iou
from scenes import Event, Scene
from words import spoken_words

from soundbite_server import Settings, build_server

EXCERPT_WORDS = 6
FITS = 0.5


@dataclass(frozen=True)
class RangeFit:
    """Of `n` excerpts: the share whose first answer overlaps the truth, fits it with an IoU of .5, and the mean IoU."""

    n: int
    overlapping: float
    fitting: float
    mean_iou: float


async def range_fit(scenes: Sequence[Scene], profile: str) -> dict[str, RangeFit]:
    """By bed, how well the first answers fit; every scene is asked about by itself."""
    ious: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="soundbite-ranges-") as folder:
        sounds = Path(folder) / "scenes"
        sounds.mkdir()
        for index, scene in enumerate(scenes):
            scene.write(sounds / f"{index}.wav")
        settings = Settings(home=Path(folder) / "home", roots=(sounds.resolve(),), log_level="WARNING", profile=profile)
        async with Client(build_server(settings)) as client:
            library = await embed_all(client, sounds.resolve(), [f"{index}.wav" for index in range(len(scenes))])
            for index, scene in enumerate(scenes):
                ious.setdefault(scene.bed, []).extend(await _ious(client, library, f"{index}.wav", scene))
    return {bed: _summary(found) for bed, found in ious.items() if found}


async def _ious(client: Client, library: Library, path: str, scene: Scene) -> list[float]:
    rng = np.random.default_rng(len(scene.events))
    found = []
    for event in scene.events:
        if text := excerpt(event, rng):
            answer = await call(client, "search_clips", query=text, asset_ids=[library.asset_ids[path]], top_k=1)
            ranges = [(clip["start_sec"], clip["end_sec"]) for clip in answer["clips"]]
            found.append(iou(ranges[0], (event.start_sec, event.end_sec)) if ranges else 0.0)
    return found


def excerpt(event: Event, rng: np.random.Generator) -> str:
    """Six words in a row of what is said, as they were written; empty where fewer are said."""
    said = spoken_words(event.recording.transcript)
    if len(said) < EXCERPT_WORDS:
        return ""
    first = int(rng.integers(len(said) - EXCERPT_WORDS + 1))
    return " ".join(said[first : first + EXCERPT_WORDS])


def _summary(ious: Sequence[float]) -> RangeFit:
    values = np.array(ious)
    return RangeFit(len(ious), float((values > 0).mean()), float((values >= FITS).mean()), float(values.mean()))
