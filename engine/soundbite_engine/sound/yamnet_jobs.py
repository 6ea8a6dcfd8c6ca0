"""The worker job that describes segments by what YAMNet calls them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soundbite_engine.audio.scratch import segment_sounds
from soundbite_engine.sound import yamnet_blocks as tag_blocks
from soundbite_engine.sound.described import Described, heard_names
from soundbite_engine.sound.sound_blocks import sound_block as measured_block
from soundbite_engine.sound.yamnet import Yamnet
from soundbite_engine.sound.yamnet_classes import SoundClasses
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, Segment


def describe(report: Report, scratch: str, spans: Sequence[Segment], start_sec: float, pack: str) -> Described:
    """Sound blocks (segments, 656) and names of sounds; `pack` is the folder of the model."""
    classes, network = SoundClasses.from_pack(Path(pack)), Yamnet.from_pack(Path(pack))
    blocks, names = [], []
    for done, (sound, ratio) in enumerate(segment_sounds(scratch, spans, start_sec)):
        scores = tag_blocks.pooled(network.scores(sound), classes)
        blocks.append(tag_blocks.sound_block(scores, measured_block(sound, ratio)))
        names.append(heard_names(sound, SAMPLE_RATE_HZ, tag_blocks.names_of(scores, classes)))
        report((done + 1) / len(spans))
    return Described.of(blocks, names)
