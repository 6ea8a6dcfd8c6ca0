"""The platform's audio-embedding contract: wire models, errors, and one asynchronous client.

Importing this package loads nothing else: each name loads its module when it is first asked for, so that a process
which only opens files loads no HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbite_api.client import (
        HOSTED_BASE_URL,
        AudioEmbeddings,
        ClipVectors,
        PartAnswer,
        PlatformClient,
        TaskAnswer,
        TextEmbedding,
    )
    from soundbite_api.embeddings import (
        MOST_CLIPS,
        AudioInput,
        EmbeddingData,
        EmbeddingMetadata,
        EmbeddingResponse,
        EmbeddingTask,
        EmbeddingUsage,
        FixedSegmentation,
        MediaSource,
        Segmentation,
        SpokenText,
        TaskPage,
        TaskPart,
        TaskProgress,
        TextInput,
        absolute_times,
    )
    from soundbite_api.errors import (
        AssetFailed,
        MalformedResponse,
        NotFound,
        PlatformError,
        PlatformFault,
        PlatformUnreachable,
        RateLimited,
        RequestRefused,
        TaskFailed,
        TooLarge,
        Unauthorized,
    )
    from soundbite_api.files import ABOUT_TRACKS, FileChanged, NoRegularFile, OpenFile, SourceFile
    from soundbite_api.rate_limits import RateLimit, read_rate_limits
    from soundbite_api.spaces import (
        HOSTED_DIMENSION,
        HOSTED_MODEL,
        HOSTED_MODELS,
        LONGEST_SINGLE_SEC,
        MARENGO_35,
        EmbeddedSpace,
        model_of,
        refusal,
    )
    from soundbite_api.transport import BackOff, PollPolicy, RetryPolicy
    from soundbite_api.wire import Asset, AssetPage, TimedText, Transcription, UploadTicket

_NAMES = {
    "client": "AudioEmbeddings ClipVectors HOSTED_BASE_URL PartAnswer PlatformClient TaskAnswer TextEmbedding",
    "embeddings": (
        "AudioInput EmbeddingData EmbeddingMetadata EmbeddingResponse EmbeddingTask EmbeddingUsage FixedSegmentation "
        "MOST_CLIPS MediaSource Segmentation SpokenText TaskPage TaskPart TaskProgress TextInput absolute_times"
    ),
    "errors": (
        "AssetFailed MalformedResponse NotFound PlatformError PlatformFault PlatformUnreachable "
        "RateLimited RequestRefused TaskFailed TooLarge Unauthorized"
    ),
    "files": "ABOUT_TRACKS FileChanged NoRegularFile OpenFile SourceFile",
    "rate_limits": "RateLimit read_rate_limits",
    "spaces": (
        "EmbeddedSpace HOSTED_DIMENSION HOSTED_MODEL HOSTED_MODELS LONGEST_SINGLE_SEC MARENGO_35 model_of refusal"
    ),
    "transport": "BackOff PollPolicy RetryPolicy",
    "wire": "Asset AssetPage TimedText Transcription UploadTicket",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = [
    "ABOUT_TRACKS",
    "HOSTED_BASE_URL",
    "HOSTED_DIMENSION",
    "HOSTED_MODEL",
    "HOSTED_MODELS",
    "LONGEST_SINGLE_SEC",
    "MARENGO_35",
    "MOST_CLIPS",
    "Asset",
    "AssetFailed",
    "AssetPage",
    "AudioEmbeddings",
    "AudioInput",
    "BackOff",
    "ClipVectors",
    "EmbeddedSpace",
    "EmbeddingData",
    "EmbeddingMetadata",
    "EmbeddingResponse",
    "EmbeddingTask",
    "EmbeddingUsage",
    "FileChanged",
    "FixedSegmentation",
    "MalformedResponse",
    "MediaSource",
    "NoRegularFile",
    "NotFound",
    "OpenFile",
    "PartAnswer",
    "PlatformClient",
    "PlatformError",
    "PlatformFault",
    "PlatformUnreachable",
    "PollPolicy",
    "RateLimit",
    "RateLimited",
    "RequestRefused",
    "RetryPolicy",
    "Segmentation",
    "SourceFile",
    "SpokenText",
    "TaskAnswer",
    "TaskFailed",
    "TaskPage",
    "TaskPart",
    "TaskProgress",
    "TextEmbedding",
    "TextInput",
    "TimedText",
    "TooLarge",
    "Transcription",
    "Unauthorized",
    "UploadTicket",
    "absolute_times",
    "model_of",
    "read_rate_limits",
    "refusal",
]


if not TYPE_CHECKING:  # a type checker takes the names from the imports above, and knows of no others

    def __getattr__(name: str) -> Any:
        """Load a name of the face (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
