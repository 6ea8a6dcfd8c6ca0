"""What the routes of an engine work with."""

from __future__ import annotations

from dataclasses import dataclass

from soundbite_engine.config import EngineConfig
from soundbite_engine.platform.assets import Assets
from soundbite_engine.platform.embedding import Embedder
from soundbite_engine.platform.limits import Limiter
from soundbite_engine.platform.tasks import Tasks
from soundbite_engine.platform.transcription import Transcriptions
from soundbite_engine.platform.uploads import Uploads


@dataclass(frozen=True)
class Services:
    """The parts of one running engine."""

    config: EngineConfig
    assets: Assets
    uploads: Uploads
    transcriptions: Transcriptions
    embedder: Embedder
    tasks: Tasks
    limiter: Limiter
