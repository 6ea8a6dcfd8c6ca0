"""Words with times from English speech, by PocketSphinx."""

from __future__ import annotations

import re
from functools import cache

from pocketsphinx import Config, Decoder, set_loglevel

from soundbite_engine.decode import Samples
from soundbite_engine.transcripts import Word

_FRAME_SEC = 0.01
_ALTERNATE = re.compile(r"\(\d+\)$")


@cache
def _decoder() -> Decoder:
    set_loglevel("FATAL")
    config = Config(samprate=16_000.0, maxhmmpf=3000, maxwpf=5, lw=5.0)
    return Decoder(config)


def recognise(samples: Samples, start_sec: float) -> list[Word]:
    """Words of one utterance (seconds, not minutes) that begins at `start_sec` of the source."""
    decoder = _decoder()
    decoder.start_utt()
    decoder.process_raw(samples.tobytes(), full_utt=True)
    decoder.end_utt()
    words = []
    for segment in decoder.seg() or ():
        value = _ALTERNATE.sub("", segment.word)
        if value[:1] not in "<[":
            start = start_sec + segment.start_frame * _FRAME_SEC
            end = start_sec + (segment.end_frame + 1) * _FRAME_SEC
            words.append(Word(value.lower(), round(start, 3), round(end, 3)))
    return words
