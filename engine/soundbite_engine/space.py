"""The joint space of blocks: `[sound block | speech block]`, 128 and 384 numbers in the base profile.

A sound fills the sound block, a transcript the speech block, `fused` and a text query both. Each block is a unit
vector where present and zeros where absent, and so is the whole: cosine compares like with like.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SOUND_DIMENSION = 128
SPEECH_DIMENSION = 384
BLOCKS: Mapping[str, int] = MappingProxyType({"sound": SOUND_DIMENSION, "speech": SPEECH_DIMENSION})
DIMENSION = SOUND_DIMENSION + SPEECH_DIMENSION


def unit_rows(rows: Floats) -> Floats:
    """Rows of length one; rows of zeros stay zeros."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    units: Floats = np.divide(rows, lengths, out=np.zeros_like(rows, dtype=np.float32), where=lengths > 0)
    return units


def joined(sound: Floats | None, speech: Floats | None, blocks: Mapping[str, int] = BLOCKS) -> Floats:
    """Vectors (n, all blocks) of the blocks (n, one block) given; an absent block is zeros."""
    count = len(sound) if sound is not None else len(speech) if speech is not None else 0
    width = blocks["sound"]
    whole = np.zeros((count, sum(blocks.values())), np.float32)
    if sound is not None:
        whole[:, :width] = unit_rows(sound)
    if speech is not None:
        whole[:, width:] = unit_rows(speech)
    return unit_rows(whole)
