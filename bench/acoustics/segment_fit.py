"""How well the engine's natural segments fit what happens, on scenes where that is known."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from acoustics.overlap import Span, best_iou
from acoustics.scenes import Scene

from soundbite_engine.analysis.analyse import AnalysisRequest, analyse
from soundbite_engine.workers.pool import WorkerPool

FITS = 0.5


@dataclass(frozen=True)
class Fit:
    """Mean IoU of the segment that fits each event best, and the share of events where that is at least .5."""

    n: int
    mean_iou: float
    fitting: float


async def segment_fit(scenes: Sequence[Scene]) -> dict[str, dict[str, Fit]]:
    """By bed, then for `speech` and `sound`, how well segments fit."""
    found: dict[str, dict[str, list[float]]] = {}
    async with WorkerPool() as pool:
        for scene in scenes:
            spans = await natural_segments(scene, pool)
            of_bed = found.setdefault(scene.bed, {"speech": [], "sound": []})
            for event in scene.events:
                kind = "speech" if event.recording.is_speech else "sound"
                of_bed[kind].append(best_iou(spans, (event.start_sec, event.end_sec)))
    return {bed: {kind: _fit(ious) for kind, ious in kinds.items() if ious} for bed, kinds in found.items()}


async def natural_segments(scene: Scene, pool: WorkerPool) -> list[Span]:
    """The segments the engine cuts a scene into."""
    with tempfile.TemporaryDirectory(prefix="soundbite-scene-") as folder:
        path = Path(folder) / "scene.wav"
        scene.write(path)
        request = AnalysisRequest(str(path), strategy="natural", options=("audio",), scopes=("clip",))
        analysis = await analyse(request, pool)
    return [(item.start_sec, item.end_sec) for item in analysis.embeddings]


def _fit(ious: Sequence[float]) -> Fit:
    values = np.array(ious)
    return Fit(len(ious), float(values.mean()), float((values >= FITS).mean()))
