"""Fit the scale of the acoustic descriptors: the mean and spread of each over six-second windows of recordings.

    python bench/fit_descriptors.py ../shared/eval samples

writes engine/soundbite_engine/data/descriptor_scale.json. The shipped file was made by this command: read speech,
everyday sounds, music and the project's own samples. A change of it is a change of the vector space.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.audio.descriptors import Frames, describe, tonality
from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.audio.voice_activity import BEGIN_PROBABILITY, TICK_SAMPLES, VoiceDetector
from soundbite_engine.errors import MediaError
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

WINDOW_SEC = 6
SHORTEST_SEC = 1
TARGET = Path(__file__).parent.parent / "engine" / "soundbite_engine" / "data" / "descriptor_scale.json"


def descriptors_of(path: Path) -> Iterator[np.ndarray]:
    """One row for each window of the recording at `path`."""
    samples = np.concatenate(list(decoded_blocks(str(path))))
    probabilities = VoiceDetector().probabilities(samples)
    for at in range(0, samples.size, WINDOW_SEC * SAMPLE_RATE_HZ):
        part = as_floats(samples[at : at + WINDOW_SEC * SAMPLE_RATE_HZ])
        said = probabilities[at // TICK_SAMPLES : (at + part.size) // TICK_SAMPLES]
        if part.size >= SHORTEST_SEC * SAMPLE_RATE_HZ:
            yield describe(part, Frames.of(part), tonality(part), float((said >= BEGIN_PROBABILITY).mean()))


def main(folders: list[str]) -> None:
    """Read every recording under `folders` and write the scale."""
    rows = []
    for path in sorted(file for folder in folders for file in Path(folder).rglob("*") if file.is_file()):
        try:
            rows.extend(descriptors_of(path))
        except MediaError:
            continue  # texts, models, tables
    table = np.array(rows)
    spread = np.maximum(table.std(axis=0), 1e-3)
    scale = {"windows": len(rows), "mean": table.mean(axis=0).tolist(), "spread": spread.tolist()}
    TARGET.write_text(json.dumps({key: _rounded(value) for key, value in scale.items()}) + "\n")
    print(f"{len(rows)} windows, {table.shape[1]} descriptors -> {TARGET.name}")


def _rounded(value: object) -> object:
    return [float(f"{number:.6g}") for number in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main(sys.argv[1:])
