"""The platform's audio-embedding contract: wire models, errors, and one asynchronous client."""

from soundbite_api.assets import Asset, AssetPage, TimedText, Transcription
from soundbite_api.client import HOSTED_BASE_URL, AudioEmbeddings, PlatformClient, TaskAnswer, TextEmbedding
from soundbite_api.embeddings import (
    AudioInput,
    EmbeddingData,
    EmbeddingMetadata,
    EmbeddingResponse,
    FixedSegmentation,
    MediaSource,
    Segmentation,
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
from soundbite_api.multipart import UploadTicket
from soundbite_api.rate_limits import RateLimit, read_rate_limits
from soundbite_api.retries import BackOff, PollPolicy, RetryPolicy
from soundbite_api.spaces import HOSTED_DIMENSION, HOSTED_MODEL, EmbeddedSpace
from soundbite_api.tasks import EmbeddingTask, TaskPage, TaskProgress

__all__ = [
    "HOSTED_BASE_URL",
    "HOSTED_DIMENSION",
    "HOSTED_MODEL",
    "Asset",
    "AssetFailed",
    "AssetPage",
    "AudioEmbeddings",
    "AudioInput",
    "BackOff",
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
    "PollPolicy",
    "RateLimit",
    "RateLimited",
    "RequestRefused",
    "RetryPolicy",
    "Segmentation",
    "TaskAnswer",
    "TaskFailed",
    "TaskPage",
    "TaskProgress",
    "TextEmbedding",
    "TextInput",
    "TimedText",
    "TooLarge",
    "Transcription",
    "Unauthorized",
    "UploadTicket",
    "absolute_times",
    "read_rate_limits",
]
