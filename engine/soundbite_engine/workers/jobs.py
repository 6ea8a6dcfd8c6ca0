"""The jobs a worker process can be asked for, by name.

A job is a function `job(report, *args)`; `report(fraction)` tells how far it is, 0 to 1. The functions are
named by strings and imported in the worker, so that the pool's own process never loads a decoder or a model.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

Report = Callable[[float], None]
Job = Callable[..., Any]

JOBS = {
    "probe": "soundbite_engine.audio.decode:probe",
    "decode": "soundbite_engine.audio.decode:decode_to_scratch",
    "decode_growing": "soundbite_engine.analysis.growing:decode_growing",
    "cut": "soundbite_engine.audio.encode:cut",
    "to_flac": "soundbite_engine.audio.encode:to_flac",
    "levels": "soundbite_engine.audio.encode:levels",
    "listen": "soundbite_engine.analysis.listening:listen",
    "plan": "soundbite_engine.analysis.listening:plan",
    "segment": "soundbite_engine.analysis.listening:segment",
    "describe": "soundbite_engine.analysis.listening:describe",
    "describe_tags": "soundbite_engine.sound.yamnet_jobs:describe",
    "describe_clap": "soundbite_engine.sound.clap_jobs:describe",
    "voice": "soundbite_engine.speech.voices:voice_of",
    "hear_voices": "soundbite_engine.speech.voices:hear_voices",
    "tell_speakers": "soundbite_engine.speech.turns:tell_speakers",
    "recognise": "soundbite_engine.speech.recognition:recognise",
    "load_models": "soundbite_engine.analysis.listening:load_models",
    "embed_clips": "soundbite_engine.analysis.listening:embed_clips",
}


def find_job(name: str, module: str = __name__) -> Job:
    """The function of job `name` in the `JOBS` table of `module`.

    Raises:
        KeyError: the table has no such job.
    """
    table: dict[str, str] = importlib.import_module(module).JOBS
    target, _, function = table[name].partition(":")
    found: Job = getattr(importlib.import_module(target), function)
    return found
