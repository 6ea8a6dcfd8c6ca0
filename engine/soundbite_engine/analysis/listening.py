"""The jobs of an analysis, each over a part of the scratch folder: listen, plan, segment, describe, embed texts.

The scratch folder holds `sound.pcm` (int16, 16 kHz, mono) and, once listened to, `ticks-*.npy`. Parts are
small and results are small, so a four-hour file needs no more memory than a short one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from soundbite_engine.audio import segments, spectra
from soundbite_engine.audio import voice_activity as voice
from soundbite_engine.audio.scratch import SPEECH_FILE, read_samples, read_sound, segment_sounds
from soundbite_engine.audio.segments import Ticks
from soundbite_engine.audio.voice_activity import LENIENT, Floats, speech_stretches
from soundbite_engine.sound.sound_blocks import Described, heard_names, sound_block
from soundbite_engine.speech.transcripts import Sentence
from soundbite_engine.speech.voices import VoiceEncoder
from soundbite_engine.speech.whisper import Recogniser
from soundbite_engine.text import SentenceEmbedder, clip_vectors
from soundbite_engine.workers.jobs import Report
from soundbite_engine.workers.plans import (
    PASSAGE_SEC,
    SAMPLE_RATE_HZ,
    TICK_SAMPLES,
    TICK_SEC,
    Passage,
    Segment,
    Span,
    Utterance,
)

# How far before the end of a passage its last pause may lie.
_REACH_TICKS = round(8.0 / TICK_SEC)
_PAUSE_TICKS = 9
_LONGEST_TICKS = int(PASSAGE_SEC / TICK_SEC)
TICK_BANDS = 24
WARM_UP_TICKS = 31  # the detector's memory, about a second


def passages(probabilities: Floats) -> list[Passage]:
    """The speech of a recording, whose ticks have these `probabilities`, in passages of at most `PASSAGE_SEC`.

    A passage takes as much as there is room for: the recogniser's time is that of thirty seconds however little it is
    given.
    """
    openness = _smoothed(1.0 - probabilities) if probabilities.size else probabilities
    stretches = speech_stretches(probabilities, LENIENT)
    parts: list[list[Utterance]] = [[]]
    room = _LONGEST_TICKS
    for stretch in stretches:
        begin = stretch.first
        while stretch.last - begin > room:
            cut = _cut(openness, begin, begin + room)
            if cut > begin:
                parts[-1].append((begin * TICK_SAMPLES, cut * TICK_SAMPLES))
            begin, room = cut, _LONGEST_TICKS
            parts.append([])
        parts[-1].append((begin * TICK_SAMPLES, stretch.last * TICK_SAMPLES))
        room -= stretch.last - begin
    return [tuple(part) for part in parts if part]


def _cut(openness: Floats, first: int, last: int) -> int:
    """The tick of the widest pause shortly before `last`; `first` where too little would go into this passage."""
    if last - first < _REACH_TICKS:
        return first
    begin = max(first + 1, last - _REACH_TICKS)
    return begin + int(np.argmax(openness[begin:last]))


def _smoothed(values: Floats) -> Floats:
    padded = np.pad(values, _PAUSE_TICKS // 2, mode="edge")
    smoothed: Floats = np.convolve(padded, np.full(_PAUSE_TICKS, 1 / _PAUSE_TICKS, np.float32), mode="valid")
    return smoothed.astype(np.float32)


@cache
def _detector() -> voice.VoiceDetector:
    return voice.VoiceDetector()


def load_models(report: Report, recogniser: str, language: str, texts: str, voices: str) -> None:
    """Load the models in these folders, of which `voices` may be empty; `language` is as in `recognise`."""
    del report
    _detector()
    SentenceEmbedder.load(Path(texts))
    if voices:
        VoiceEncoder.load(voices)
    Recogniser.load(recogniser, language)


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
    _save(_ticks_path(scratch, first_tick), ticks)


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


def _save(path: Path, numbers: np.ndarray) -> None:
    """Write `numbers` in one step: others read while the beginning of a recording goes before the rest."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        np.save(file, numbers)
    new.replace(path)


def _read_ticks(scratch: str, end_tick: int | None = None) -> Ticks:
    paths = sorted(Path(scratch).glob("ticks-*.npy"))
    parts = [np.load(path) for path in paths if end_tick is None or path.name < _ticks_path(scratch, end_tick).name]
    table = np.concatenate(parts).astype(np.float32) if parts else np.zeros((0, 2 + TICK_BANDS), np.float32)
    return Ticks(table[:, 0], table[:, 1], table[:, 2:])


def plan(report: Report, scratch: str, end_tick: int | None = None) -> tuple[Passage, ...]:
    """What the recogniser is to be given, once all was listened to, or what comes before `end_tick`."""
    del report
    speech = _read_ticks(scratch, end_tick).speech
    _save(Path(scratch) / SPEECH_FILE, speech)
    return tuple(passages(speech))


def segment(
    report: Report,
    scratch: str,
    start_sec: float,
    end_sec: float,
    strategy: str,
    duration_sec: float,
    sentences: Sequence[Span] | None,
    begin_tick: int = 0,
    is_last: bool = True,
) -> tuple[Segment, ...]:
    """The spans that get vectors; `natural` ones follow the `sentences`, or voice activity where nothing is known.

    `begin_tick` and `is_last` are as in `segments.natural`; `fixed` ones are always those of the whole.
    """
    del report
    if strategy == "natural":
        ticks = _read_ticks(scratch)
        return tuple(segments.natural(ticks, start_sec, end_sec, sentences, begin_tick, is_last=is_last))
    return tuple(segments.fixed(start_sec, end_sec, duration_sec))


def describe(report: Report, scratch: str, spans: Sequence[Segment], start_sec: float) -> Described:
    """Sound blocks (segments, sound block), by measure; nothing but silence has a name."""
    blocks, names = [], []
    for done, (sound, ratio) in enumerate(segment_sounds(scratch, spans, start_sec)):
        blocks.append(sound_block(sound, ratio))
        names.append(heard_names(sound, SAMPLE_RATE_HZ))
        report((done + 1) / len(spans))
    return Described.of(blocks, names)


def embed_clips(report: Report, clips: Sequence[Sentence], model: str) -> Floats:
    """Speech blocks, float32 (clips, speech block), by the model in a folder; zeros for a clip without words."""
    del report
    return clip_vectors(SentenceEmbedder.load(Path(model)), clips)
