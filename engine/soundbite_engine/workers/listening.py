"""The jobs of an analysis, each over a part of the scratch folder: listen, plan, segment, describe, embed texts.

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
from soundbite_engine.speech.passages import passages
from soundbite_engine.speech.transcripts import Sentence
from soundbite_engine.text.clip_vectors import clip_vectors
from soundbite_engine.text.sentence_embedder import SentenceEmbedder
from soundbite_engine.workers import plans
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ, TICK_SAMPLES, Passage, Segment, Span

TICK_BANDS = 24
WARM_UP_TICKS = 31  # the detector's memory, about a second
SPEECH_FILE = "speech.npy"  # the probability of speech in each tick, once the whole was listened to


def read_samples(scratch: str, first: int, last: int) -> Samples:
    """Samples `first` to `last` of the scratch file, fewer at its end."""
    with (Path(scratch) / plans.SOUND_FILE).open("rb") as file:
        file.seek(2 * first)
        return np.frombuffer(file.read(2 * (last - first)), np.int16)


def speech_probabilities(scratch: str) -> Floats:
    """The probability of speech in each tick, read where it is looked at."""
    probabilities: Floats = np.load(Path(scratch) / SPEECH_FILE, mmap_mode="r")
    return probabilities


def _gains(scratch: str, first: int, last: int) -> Floats | None:
    """What the samples `first` to `last` were multiplied by, one number each; None where that is 1 all along."""
    path = Path(scratch) / plans.GAINS_FILE
    first_tick, last_tick = first // TICK_SAMPLES, -(-last // TICK_SAMPLES)
    if not path.exists():
        return None
    gains = np.fromfile(path, np.float32, last_tick - first_tick, offset=4 * first_tick)
    if np.all(gains == 1.0):
        return None
    begin = first - first_tick * TICK_SAMPLES
    return np.repeat(gains, TICK_SAMPLES)[begin : begin + last - first]


def read_sound(scratch: str, first: int, last: int) -> Floats:
    """Samples `first` to `last` of the scratch file at their true level, float32."""
    sound, gains = spectra.as_floats(read_samples(scratch, first, last)), _gains(scratch, first, last)
    return sound if gains is None else sound / gains[: sound.size]


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
    sound = read_sound(scratch, first_tick * TICK_SAMPLES, last_tick * TICK_SAMPLES)
    bands = _bands_db(sound, probabilities.size)
    level = _level_db(sound, probabilities.size)
    ticks = np.concatenate([probabilities[:, None], level[:, None], bands], axis=1).astype(np.float16)
    np.save(_ticks_path(scratch, first_tick), ticks)


def _bands_db(sound: Floats, count: int) -> Floats:
    power = spectra.power_spectra(sound) @ spectra.mel_filters(TICK_BANDS)
    per_tick = TICK_SAMPLES // spectra.HOP_SAMPLES
    whole = power[: count * per_tick]
    whole = np.pad(whole, ((0, count * per_tick - len(whole)), (0, 0)), mode="edge")
    return spectra.decibels(whole.reshape(count, per_tick, TICK_BANDS).mean(axis=1))


def _level_db(sound: Floats, count: int) -> Floats:
    frames = sound[: count * TICK_SAMPLES].reshape(count, TICK_SAMPLES)
    return spectra.decibels((frames**2).mean(axis=1))


def _ticks_path(scratch: str, first_tick: int) -> Path:
    return Path(scratch) / f"ticks-{first_tick:09d}.npy"


def _read_ticks(scratch: str) -> Ticks:
    parts = [np.load(path) for path in sorted(Path(scratch).glob("ticks-*.npy"))]
    table = np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 2 + TICK_BANDS), np.float32)
    return Ticks(table[:, 0], table[:, 1], table[:, 2:])


def plan(report: Report, scratch: str) -> tuple[Passage, ...]:
    """What the recogniser is to be given, once all was listened to."""
    del report
    speech = _read_ticks(scratch).speech
    np.save(Path(scratch) / SPEECH_FILE, speech)
    return tuple(passages(speech))


def segment(
    report: Report,
    scratch: str,
    start_sec: float,
    end_sec: float,
    strategy: str,
    duration_sec: float,
    sentences: Sequence[Span] | None,
) -> tuple[Segment, ...]:
    """The spans that get vectors; `natural` ones follow the `sentences`, or voice activity where nothing is known."""
    del report
    if strategy == "natural":
        return tuple(segments.natural(_read_ticks(scratch), start_sec, end_sec, sentences))
    return tuple(segments.fixed(start_sec, end_sec, duration_sec))


def segment_sounds(scratch: str, spans: Sequence[Segment], start_sec: float) -> Iterator[tuple[Floats, float]]:
    """The sound of each segment, float32 at 16 kHz, and how much of it is speech, 0..1."""
    probabilities = speech_probabilities(scratch)
    for span in spans:
        first, last = (round((at - start_sec) * SAMPLE_RATE_HZ) for at in (span.start_sec, span.end_sec))
        speech = probabilities[int(first / TICK_SAMPLES) : max(int(first / TICK_SAMPLES) + 1, last // TICK_SAMPLES)]
        ratio = float((speech >= voice.BEGIN_PROBABILITY).mean()) if speech.size else 0.0
        yield read_sound(scratch, first, last), ratio


def describe(report: Report, scratch: str, spans: Sequence[Segment], start_sec: float) -> Described:
    """Sound blocks (segments, sound block), by measure; no sound has a name."""
    blocks = []
    for done, (sound, ratio) in enumerate(segment_sounds(scratch, spans, start_sec)):
        blocks.append(sound_block(sound, ratio))
        report((done + 1) / len(spans))
    return Described.of(blocks)


def embed_clips(report: Report, clips: Sequence[Sentence], model: str) -> Floats:
    """Speech blocks, float32 (clips, speech block), by the model in a folder; zeros for a clip without words."""
    del report
    return clip_vectors(SentenceEmbedder.load(Path(model)), clips)
