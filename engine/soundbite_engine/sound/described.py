"""What a profile says of how segments sound: a block each, and names for what is heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from soundbite_engine.space import Floats

MOST_NAMES_OF_A_RECORDING = 12
SILENCE = "silence"
_SILENT_PEAK = 1e-4  # of full scale: -80 dB
_BORDER_SEC = 0.5  # where what is before or after a segment may still be heard


def heard_names(sound: Floats, rate_hz: int, names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """`names` of what is heard in `sound` (float32), or that it is silence."""
    border = min(round(_BORDER_SEC * rate_hz), sound.size // 4)
    inside = sound[border : sound.size - border]
    is_silent = inside.size > 0 and float(np.abs(inside).max()) <= _SILENT_PEAK
    return (SILENCE,) if is_silent else names


@dataclass(frozen=True, eq=False)
class Described:
    """Sound blocks, float32 (segments, sound block), and the names of the sounds heard in each segment."""

    blocks: Floats
    names: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, blocks: Sequence[Floats], names: Iterable[tuple[str, ...]] | None = None) -> Described:
        """Those of segments in order; without `names`, nothing heard has one."""
        return cls(np.stack(blocks), tuple(names) if names is not None else ((),) * len(blocks))

    @classmethod
    def joined(cls, parts: Sequence[Described]) -> Described:
        """The segments of all parts, in order."""
        return cls(np.concatenate([part.blocks for part in parts]), tuple(n for part in parts for n in part.names))

    def as_one(self, weights: Floats) -> Described:
        """The whole as one segment: blocks by weight, and the names heard in most segments."""
        counted = Counter(name for names in self.names for name in names)
        if len(counted) > 1 or not all(self.names):
            del counted[SILENCE]  # some of it is not
        most = tuple(name for name, _ in counted.most_common(MOST_NAMES_OF_A_RECORDING))
        return Described((weights @ self.blocks)[None], (most,))
