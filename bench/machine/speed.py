"""What it costs to embed speech: processor time against the length of the sound, and memory at its peak."""

import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from machine.models import chosen_models
from machine.peaks import peak_mb, process_family
from mcp import Client
from retrieval.embedded_library import embed_all
from retrieval.evaluation_set import EvalSet, Recording

from soundbite_server import Settings, build_server


@dataclass(frozen=True)
class Speed:
    """`core_rtf`: processor seconds (one core) of workers and server for a second of speech; peaks in MB."""

    audio_seconds: float
    core_rtf: float
    server_mb: float | None
    worker_mb: float | None


async def speech_speed(eval_set: EvalSet, recordings: Sequence[Recording], profile: str) -> Speed:
    """Embed the speech of a folder with one worker, transcription and sound."""
    seconds = sum(recording.seconds for recording in recordings)
    with tempfile.TemporaryDirectory(prefix="soundbite-speed-") as home:
        settings = Settings(
            home=Path(home),
            roots=(eval_set.folder,),
            log_level="WARNING",
            profile=profile,
            models_folder=chosen_models().folder,
            workers=1,
        )
        before = _processor_seconds()
        async with Client(build_server(settings)) as client:
            await embed_all(client, eval_set.folder, [recording.path for recording in recordings])
            own, *others = process_family()
            peaks = peak_mb(own), max((peak_mb(pid) or 0.0 for pid in others), default=None)
        # Counted only now: the time of the workers is known when they have ended.
        spent = _processor_seconds() - before
    return Speed(seconds, spent / seconds, *peaks)


def _processor_seconds() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
