"""The platform's audio-embedding contract: wire models, errors, and one asynchronous client."""

from soundbite_api.assets import Asset, AssetPage
from soundbite_api.client import (
    HOSTED_BASE_URL,
    HOSTED_MODEL,
    AudioEmbeddings,
    EmbeddedSpace,
    PlatformClient,
    TaskAnswer,
    TextEmbedding,
)
from soundbite_api.embeddings import (
    AudioInput,
    EmbeddingData,
    EmbeddingMetadata,
    EmbeddingResponse,
    FixedSegmentation,
    MediaSource,
    Segmentation,
    TextInput,
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
    TooLarge,
    Unauthorized,
)
from soundbite_api.retries import RetryPolicy
from soundbite_api.tasks import EmbeddingTask, TaskPage, TaskProgress
from soundbite_api.transcription import TimedText, Transcription

__all__ = [
    "HOSTED_BASE_URL",
    "HOSTED_MODEL",
    "Asset",
    "AssetFailed",
    "AssetPage",
    "AudioEmbeddings",
    "AudioInput",
    "EmbeddedSpace",
    "EmbeddingData",
    "EmbeddingMetadata",
    "EmbeddingResponse",
    "EmbeddingTask",
    "FixedSegmentation",
    "MalformedResponse",
    "MediaSource",
    "NotFound",
    "PlatformClient",
    "PlatformError",
    "PlatformFault",
    "PlatformUnreachable",
    "RateLimited",
    "RequestRefused",
    "RetryPolicy",
    "Segmentation",
    "TaskAnswer",
    "TaskPage",
    "TaskProgress",
    "TextEmbedding",
    "TextInput",
    "TimedText",
    "TooLarge",
    "Transcription",
    "Unauthorized",
]
