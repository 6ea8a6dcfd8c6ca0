"""End to end: six words of what is said somewhere in a long recording, and the range that search answers with.

The truth is the whole of the short recording that says them. Where that is longer than a segment may be, no single
answer can fit it, though it may well be right: so the share of fitting answers is told for the others alone too.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from acoustics.overlap import iou
from acoustics.scenes import Event, Scene
from machine.models import chosen_models
from mcp import Client
from retrieval.embedded_library import Library, call, embed_all
from retrieval.words import spoken_words

from soundbite_engine.audio.segments import MAX_SEGMENT_SEC
from soundbite_server import Settings, build_server

EXCERPT_WORDS = 6
FITS = 0.5


@dataclass(frozen=True)
class RangeFit:
    """Of `n` excerpts: the share whose first answer overlaps the truth, fits it with an IoU of .5, and the mean IoU.

    `fitting_of_short` is the share of the `short` ones, which were said within the length of a segment.
    """

    n: int
    overlapping: float
    fitting: float
    mean_iou: float
    short: int
    fitting_of_short: float


async def range_fit(scenes: Sequence[Scene], profile: str) -> dict[str, RangeFit]:
    """By bed, how well the first answers fit; every scene is asked about by itself."""
    ious: dict[str, list[tuple[float, bool]]] = {}
    with tempfile.TemporaryDirectory(prefix="soundbite-ranges-") as folder:
        sounds = Path(folder) / "scenes"
        sounds.mkdir()
        for index, scene in enumerate(scenes):
            scene.write(sounds / f"{index}.wav")
        settings = Settings(
            home=Path(folder) / "home",
            roots=(sounds.resolve(),),
            log_level="WARNING",
            profile=profile,
            models_folder=chosen_models().folder,
        )
        async with Client(build_server(settings)) as client:
            library = await embed_all(client, sounds.resolve(), [f"{index}.wav" for index in range(len(scenes))])
            for index, scene in enumerate(scenes):
                ious.setdefault(scene.bed, []).extend(await _ious(client, library, f"{index}.wav", scene))
    return {bed: _summary(found) for bed, found in ious.items() if found}


async def _ious(client: Client, library: Library, path: str, scene: Scene) -> list[tuple[float, bool]]:
    rng = np.random.default_rng(len(scene.events))
    found = []
    for event in scene.events:
        if text := excerpt(event, rng):
            answer = await call(client, "search_clips", query=text, asset_ids=[library.asset_ids[path]], top_k=1)
            ranges = [(clip["start_sec"], clip["end_sec"]) for clip in answer["clips"]]
            truth = (event.start_sec, event.end_sec)
            fit = iou(ranges[0], truth) if ranges else 0.0
            found.append((fit, truth[1] - truth[0] <= MAX_SEGMENT_SEC))
    return found


def excerpt(event: Event, rng: np.random.Generator) -> str:
    """Six words in a row of what is said, as they were written; empty where fewer are said."""
    said = spoken_words(event.recording.transcript)
    if len(said) < EXCERPT_WORDS:
        return ""
    first = int(rng.integers(len(said) - EXCERPT_WORDS + 1))
    return " ".join(said[first : first + EXCERPT_WORDS])


def _summary(found: Sequence[tuple[float, bool]]) -> RangeFit:
    ious, is_short = (np.array(column) for column in zip(*found, strict=True))
    fits = ious >= FITS
    return RangeFit(
        n=ious.size,
        overlapping=float((ious > 0).mean()),
        fitting=float(fits.mean()),
        mean_iou=float(ious.mean()),
        short=int(is_short.sum()),
        fitting_of_short=float(fits[is_short].mean()) if is_short.any() else 0.0,
    )
