"""Whether like sounds have like vectors, and whether the names of sounds lie near them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from machine.models import chosen_models
from retrieval.evaluation_set import EvalSet, Recording

from soundbite_engine.analysis.analyse import AnalysisRequest, analyse
from soundbite_engine.profiles import load_profile
from soundbite_engine.workers.pool import WorkerPool

WINDOW_SEC = 10  # of the sounds in question few are longer
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Likeness:
    """Sound to sound: mean average precision, and how often the nearest is of the same kind; other folds only."""

    n: int
    map: float
    p1: float


@dataclass(frozen=True)
class Naming:
    """Text to sound: how often the nearest of all names is right, and mean average precision of names as queries."""

    n: int
    labels: int
    accuracy: float
    map: float


async def sound_vectors(eval_set: EvalSet, recordings: Sequence[Recording], profile: str) -> Vectors:
    """The sound of each recording as one vector."""
    found = []
    chosen = load_profile(profile, chosen_models())
    async with WorkerPool(memory_mb=chosen.worker_memory_mb) as pool:
        for recording in recordings:
            request = AnalysisRequest(
                str(eval_set.folder / recording.path),
                profile=chosen,
                duration_sec=WINDOW_SEC,
                options=("audio",),
                scopes=("asset",),
            )
            found.append((await analyse(request, pool)).embeddings[0].vector)
    vectors = np.stack(found)
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def likeness(recordings: Sequence[Recording], vectors: Vectors) -> Likeness | None:
    """How well sounds find their like among the recordings of other folds; None without folds."""
    labels, folds = (np.array([getattr(each, name) for each in recordings]) for name in ("label", "fold"))
    scores = vectors @ vectors.T
    precisions, firsts = [], []
    for index in np.flatnonzero(folds != ""):
        others = (folds != "") & (folds != folds[index])
        is_like = labels[others] == labels[index]
        if is_like.any():
            precisions.append(average_precision(scores[index, others], is_like))
            firsts.append(bool(is_like[np.argmax(scores[index, others])]))
    return Likeness(len(precisions), float(np.mean(precisions)), float(np.mean(firsts))) if precisions else None


def naming(recordings: Sequence[Recording], vectors: Vectors, profile: str) -> Naming | None:
    """How well the labels of the recordings, as queries in words, find them; None where there are not two."""
    labels = np.array([each.label for each in recordings])
    names = sorted(set(labels.tolist()))
    if len(names) < 2:
        return None
    chosen = load_profile(profile, chosen_models())
    asked = np.stack([chosen.embed_text(name) for name in names])
    scores = asked @ vectors.T
    right = np.array(names)[scores.argmax(axis=0)] == labels
    precisions = [average_precision(row, labels == name) for row, name in zip(scores, names, strict=True)]
    return Naming(len(labels), len(names), float(right.mean()), float(np.mean(precisions)))


def average_precision(scores: npt.NDArray[np.float32], is_right: npt.NDArray[np.bool_]) -> float:
    """The mean, over what is right, of how much of everything ranked as high is right too."""
    ranks = np.flatnonzero(is_right[np.argsort(-scores, kind="stable")]) + 1
    return float(np.mean(np.arange(1, ranks.size + 1) / ranks))
