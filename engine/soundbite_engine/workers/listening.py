"""The jobs of an analysis, each over a part of the scratch folder: listen, plan, recognise, describe, embed texts.

The scratch folder holds `sound.pcm` (int16, 16 kHz, mono) and, once listened to, `ticks-*.npy`. Parts are
small and results are small, so a four-hour file needs no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from soundbite_engine.audio import segments, spectra
from soundbite_engine.audio import voice_activity as voice
from soundbite_engine.audio.segments import Ticks
from soundbite_engine.audio.spectra import Floats, Samples
from soundbite_engine.sound.described import Described
from soundbite_engine.sound.sound_blocks import sound_block
from soundbite_engine.speech import pocketsphinx as speech
from soundbite_engine.speech.transcripts import Word
from soundbite_engine.text.static_text import StaticTextEmbedder
from soundbite_engine.workers import plans
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SAMPLES, Plan, Segment, Utterance

TICK_BANDS = 24
WARM_UP_TICKS = 31  # the detector's memory, about a second

# Utterances: long enough for the language model, short enough to spread and to stop.
UTTERANCE_PAUSE_SEC = 0.5
MAX_UTTERANCE_SEC = 20.0


def read_samples(scratch: str, first: int, last: int) -> Samples:
    """Samples `first` to `last` of the scratch file, fewer at its end."""
    with (Path(scratch) / plans.SOUND_FILE).open("rb") as file:
        file.seek(2 * first)
        return np.frombuffer(file.read(2 * (last - first)), np.int16)


@cache
def _detector() -> voice.VoiceDetector:
    return voice.VoiceDetector()


def listen(report: Report, scratch: str, first_tick: int, last_tick: int) -> None:
    """Write the ticks `first_tick` to `last_tick` of the scratch file: speech probability, level, bands."""
    del report
    warm_up = min(first_tick, WARM_UP_TICKS)
    samples = read_samples(scratch, (first_tick - warm_up) * TICK_SAMPLES, last_tick * TICK_SAMPLES)
    detector = _detector()
    detector.reset()
    probabilities = detector.probabilities(samples)[warm_up:]
    heard = samples[warm_up * TICK_SAMPLES :]
    bands = _bands_db(heard, probabilities.size)
    level = _level_db(heard, probabilities.size)
    ticks = np.concatenate([probabilities[:, None], level[:, None], bands], axis=1).astype(np.float16)
    np.save(_ticks_path(scratch, first_tick), ticks)


def _bands_db(samples: Samples, count: int) -> Floats:
    power = spectra.power_spectra(spectra.as_floats(samples)) @ spectra.mel_filters(TICK_BANDS)
    per_tick = TICK_SAMPLES // spectra.HOP_SAMPLES
    whole = power[: count * per_tick]
    whole = np.pad(whole, ((0, count * per_tick - len(whole)), (0, 0)), mode="edge")
    return spectra.decibels(whole.reshape(count, per_tick, TICK_BANDS).mean(axis=1))


def _level_db(samples: Samples, count: int) -> Floats:
    frames = spectra.as_floats(samples[: count * TICK_SAMPLES]).reshape(count, TICK_SAMPLES)
    return spectra.decibels((frames**2).mean(axis=1))


def _ticks_path(scratch: str, first_tick: int) -> Path:
    return Path(scratch) / f"ticks-{first_tick:09d}.npy"


def _read_ticks(scratch: str) -> Ticks:
    parts = [np.load(path) for path in sorted(Path(scratch).glob("ticks-*.npy"))]
    table = np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 2 + TICK_BANDS), np.float32)
    return Ticks(table[:, 0], table[:, 1], table[:, 2:])


def plan(report: Report, scratch: str, start_sec: float, end_sec: float, strategy: str, duration_sec: float) -> Plan:
    """Segments and utterances of what was listened to."""
    del report
    ticks = _read_ticks(scratch)
    np.save(Path(scratch) / "speech.npy", ticks.speech)
    if strategy == "natural":
        spans = segments.natural(ticks, start_sec, end_sec)
    else:
        spans = segments.fixed(start_sec, end_sec, duration_sec)
    heard = [
        (part.first * TICK_SAMPLES, part.last * TICK_SAMPLES)
        for stretch in segments.bridged(voice.speech_stretches(ticks.speech), UTTERANCE_PAUSE_SEC)
        for part in segments.split_long(stretch, 1.0 - ticks.speech, MAX_UTTERANCE_SEC)
    ]
    return Plan(tuple(spans), tuple(heard))


def recognise(report: Report, scratch: str, utterances: Sequence[Utterance], start_sec: float) -> tuple[Word, ...]:
    """Words of `utterances`; `start_sec` is the time of the scratch file's first sample."""
    words: list[Word] = []
    for done, (first, last) in enumerate(utterances):
        samples = read_samples(scratch, first, last)
        words.extend(speech.recognise(samples, start_sec + first / SAMPLE_RATE_HZ))
        report((done + 1) / len(utterances))
    return tuple(words)


def segment_sounds(scratch: str, spans: Sequence[Segment], start_sec: float) -> Iterator[tuple[Floats, float]]:
    """The sound of each segment, float32 at 16 kHz, and how much of it is speech, 0..1."""
    probabilities = np.load(Path(scratch) / "speech.npy", mmap_mode="r")
    for span in spans:
        first, last = (round((at - start_sec) * SAMPLE_RATE_HZ) for at in (span.start_sec, span.end_sec))
        said = probabilities[int(first / TICK_SAMPLES) : max(int(first / TICK_SAMPLES) + 1, last // TICK_SAMPLES)]
        ratio = float((said >= voice.BEGIN_PROBABILITY).mean()) if said.size else 0.0
        yield spectra.as_floats(read_samples(scratch, first, last)), ratio


def describe(report: Report, scratch: str, spans: Sequence[Segment], start_sec: float) -> Described:
    """Sound blocks (segments, 256), by measure; no sound has a name."""
    blocks = []
    for done, (sound, ratio) in enumerate(segment_sounds(scratch, spans, start_sec)):
        blocks.append(sound_block(sound, ratio))
        report((done + 1) / len(spans))
    return Described.of(blocks)


def embed_texts(report: Report, texts: Sequence[str]) -> Floats:
    """Speech blocks, float32 (texts, 256); zeros for a text without known words."""
    del report
    return StaticTextEmbedder.load().embed(texts)
