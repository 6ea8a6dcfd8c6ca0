"""Words with times from English speech, by PocketSphinx."""

from __future__ import annotations

import re
from functools import cache

from pocketsphinx import Config, Decoder, set_loglevel

from soundbite_engine.audio.reading import Samples
from soundbite_engine.speech.transcripts import Word
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ

_FRAME_SEC = 0.01
_ALTERNATE = re.compile(r"\(\d+\)$")

# Measured on read speech: a shorter look ahead (pl_window), a smaller neighbourhood of words in the second pass
# (fwdflatsfwin) and narrower beams for words, states and phones save time and hardly change a word. Everything beyond
# loses words, and with them answers: narrower beams for last phones (lponlybeam, lpbeam) and in the second pass, fewer
# densities (topn 3 or 2), every second frame (ds), one pass (fwdflat off), a greater language weight, fewer states
# (maxhmmpf 2000), a look ahead that weighs more (pl_weight 4).
_SETTINGS = {
    **{"maxhmmpf": 3000, "maxwpf": 5, "lw": 5.0, "pl_window": 1, "fwdflatsfwin": 10},
    **{"beam": 1e-44, "pbeam": 1e-44, "wbeam": 1e-20},
}
_SHORTEST_PART = 2 * SAMPLE_RATE_HZ


@cache
def _decoder() -> Decoder:
    set_loglevel("FATAL")
    return Decoder(Config(samprate=float(SAMPLE_RATE_HZ), **_SETTINGS))


def recognise(samples: Samples, start_sec: float) -> list[Word]:
    """Words of one utterance (seconds, not minutes) that begins at `start_sec` of the source."""
    words = _words(samples, start_sec)
    if words or samples.size < 2 * _SHORTEST_PART:
        return words
    # The search can end in no word at all where no path reaches the end; then each half is heard by itself.
    middle = samples.size // 2
    return [*_words(samples[:middle], start_sec), *_words(samples[middle:], start_sec + middle / SAMPLE_RATE_HZ)]


def _words(samples: Samples, start_sec: float) -> list[Word]:
    decoder = _decoder()
    # The estimate of the noise outlives an utterance; without this, what was decoded before would change the words.
    decoder.reinit_feat()
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
