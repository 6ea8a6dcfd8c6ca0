"""The platform's audio-embedding contract: wire models, errors, and one asynchronous client.

Importing this package loads nothing else: each name loads its module when it is first asked for, so that a process
which only opens files loads no HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbite_api.client import AudioEmbeddings, PartAnswer, PlatformClient, TaskAnswer
    from soundbite_api.embeddings import (
        MOST_CLIPS,
        AudioInput,
        EmbeddingData,
        EmbeddingMetadata,
        EmbeddingTask,
        EmbeddingUsage,
        FixedSegmentation,
        MediaSource,
        Segmentation,
        SpokenText,
        TaskProgress,
    )
    from soundbite_api.errors import (
        AssetFailed,
        MalformedResponse,
        NotFound,
        PlatformError,
        PlatformFault,
        PlatformUnreachable,
        RateLimit,
        RateLimited,
        RequestRefused,
        TaskFailed,
        TooLarge,
        Unauthorized,
        read_rate_limits,
    )
    from soundbite_api.files import ABOUT_TRACKS, FileChanged, NoRegularFile, OpenFile, SourceFile
    from soundbite_api.spaces import HOSTED_MODEL, LONGEST_SINGLE_SEC, MARENGO_35, EmbeddedSpace, model_of, refusal
    from soundbite_api.transport import BackOff, PollPolicy, RetryPolicy
    from soundbite_api.wire import Asset, TimedText, Transcription, UploadTicket

_NAMES = {
    "client": "AudioEmbeddings PartAnswer PlatformClient TaskAnswer",
    "embeddings": (
        "AudioInput EmbeddingData EmbeddingMetadata EmbeddingTask EmbeddingUsage FixedSegmentation "
        "MOST_CLIPS MediaSource Segmentation SpokenText TaskProgress"
    ),
    "errors": (
        "AssetFailed MalformedResponse NotFound PlatformError PlatformFault PlatformUnreachable "
        "RateLimit RateLimited RequestRefused TaskFailed TooLarge Unauthorized read_rate_limits"
    ),
    "files": "ABOUT_TRACKS FileChanged NoRegularFile OpenFile SourceFile",
    "spaces": "EmbeddedSpace HOSTED_MODEL LONGEST_SINGLE_SEC MARENGO_35 model_of refusal",
    "transport": "BackOff PollPolicy RetryPolicy",
    "wire": "Asset TimedText Transcription UploadTicket",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

# fmt: off
__all__ = [
    "ABOUT_TRACKS", "HOSTED_MODEL", "LONGEST_SINGLE_SEC", "MARENGO_35", "MOST_CLIPS", "Asset", "AssetFailed",
    "AudioEmbeddings", "AudioInput", "BackOff", "EmbeddedSpace", "EmbeddingData", "EmbeddingMetadata", "EmbeddingTask",
    "EmbeddingUsage", "FileChanged", "FixedSegmentation", "MalformedResponse", "MediaSource", "NoRegularFile",
    "NotFound", "OpenFile", "PartAnswer", "PlatformClient", "PlatformError", "PlatformFault", "PlatformUnreachable",
    "PollPolicy", "RateLimit", "RateLimited", "RequestRefused", "RetryPolicy", "Segmentation", "SourceFile",
    "SpokenText", "TaskAnswer", "TaskFailed", "TaskProgress", "TimedText", "TooLarge", "Transcription", "Unauthorized",
    "UploadTicket", "model_of", "read_rate_limits", "refusal",
]
# fmt: on


if not TYPE_CHECKING:  # a type checker takes the names from the imports above, and knows of no others

    def __getattr__(name: str) -> Any:
        """Load a name of the face (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return value
