"""Fit how the acoustic descriptors fill a sound block: their scale, and the axes that keep most of what they say.

    python bench/acoustics/fit_descriptors.py ../shared/eval samples

writes engine/soundbite_engine/data/descriptor_scale.npz: the mean and spread of each descriptor over six-second windows
of recordings, and the principal axes of the weighted ones. The shipped file was made by this command: read speech,
everyday sounds, music and the project's own samples. A change of it is a change of the vector space.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.audio.descriptors import Frames, describe, tonality, weights
from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.audio.voice_activity import BEGIN_PROBABILITY, TICK_SAMPLES, VoiceDetector
from soundbite_engine.errors import MediaError
from soundbite_engine.sound.sound_blocks import CLIP_SIGMA, DESCRIPTOR_DIMENSION, SCALE_FILE
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

WINDOW_SEC = 6
SHORTEST_SEC = 1


def descriptors_of(path: Path) -> Iterator[np.ndarray]:
    """One row for each window of the recording at `path`."""
    samples = np.concatenate(list(decoded_blocks(str(path))))
    probabilities = VoiceDetector().probabilities(samples)
    for at in range(0, samples.size, WINDOW_SEC * SAMPLE_RATE_HZ):
        part = as_floats(samples[at : at + WINDOW_SEC * SAMPLE_RATE_HZ])
        speech = probabilities[at // TICK_SAMPLES : (at + part.size) // TICK_SAMPLES]
        if part.size >= SHORTEST_SEC * SAMPLE_RATE_HZ:
            yield describe(part, Frames.of(part), tonality(part), float((speech >= BEGIN_PROBABILITY).mean()))


def main(folders: list[str]) -> None:
    """Read every recording under `folders` and write the scale and the axes."""
    rows = []
    for path in sorted(file for folder in folders for file in Path(folder).rglob("*") if file.is_file()):
        try:
            rows.extend(descriptors_of(path))
        except MediaError:
            continue  # texts, models, tables
    table = np.array(rows)
    mean, spread = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-3)
    weighted = np.clip((table - mean) / spread, -CLIP_SIGMA, CLIP_SIGMA) * weights()
    axes, share = principal_axes(weighted / np.linalg.norm(weighted, axis=1, keepdims=True))
    np.savez_compressed(
        SCALE_FILE, mean=mean.astype(np.float32), spread=spread.astype(np.float32), axes=axes.astype(np.float16)
    )
    print(f"{len(rows)} windows, {table.shape[1]} descriptors -> {axes.shape[1]} numbers, {share:.4f} of their length")


def principal_axes(rows: np.ndarray) -> tuple[np.ndarray, float]:
    """The axes (descriptors, numbers) that keep most of the products of `rows`, and the share of their squares kept."""
    values, vectors = np.linalg.eigh(rows.T @ rows)  # not centred: it is products that are compared
    largest = np.argsort(-values)[:DESCRIPTOR_DIMENSION]
    axes = vectors[:, largest]
    return axes * np.sign(axes[np.abs(axes).argmax(axis=0), range(axes.shape[1])]), values[largest].sum() / values.sum()


if __name__ == "__main__":
    main(sys.argv[1:])
