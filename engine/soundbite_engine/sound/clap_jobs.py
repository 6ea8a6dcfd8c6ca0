"""The worker job that describes segments by CLAP."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.sound.clap import SoundEncoder
from soundbite_engine.sound.clap_mel import RATE_HZ
from soundbite_engine.sound.described import Described, heard_names
from soundbite_engine.space import Floats
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.plans import Segment, TrackChoice


def describe(
    report: Report,
    scratch: str,
    spans: Sequence[Segment],
    start_sec: float,
    pack: str,
    source: MediaFile,
    track: TrackChoice,
) -> Described:
    """Sound blocks (segments, 512); `pack` is the folder of the model, `source` the recording, and `track` of it.

    CLAP hears up to 14 kHz and the scratch file ends at 8, so the spans are decoded once more, at 48 kHz.
    """
    del scratch, start_sec
    first_sec = spans[0].start_sec
    sound = _decoded(source, first_sec, spans[-1].end_sec, track)
    encoder = SoundEncoder.from_pack(Path(pack))
    blocks, names = [], []
    for done, span in enumerate(spans):
        first, last = (round((at - first_sec) * RATE_HZ) for at in (span.start_sec, span.end_sec))
        blocks.append(encoder.embed(sound[first : max(last, first + 1)]))
        names.append(heard_names(sound[first:last], RATE_HZ))
        report((done + 1) / len(spans))
    return Described.of(blocks, names)


def _decoded(source: MediaFile, start_sec: float, end_sec: float, track: TrackChoice) -> Floats:
    blocks = list(decoded_blocks(source, start_sec, end_sec, rate_hz=RATE_HZ, track=track))
    sound: Floats = np.concatenate(blocks).astype(np.float32) / np.float32(32768.0)
    return sound
