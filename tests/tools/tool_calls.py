"""The tools, called with keyword arguments as a client calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from running_library import RunningLibrary

from soundbite_tools import requests
from soundbite_tools.edit import correct_transcript as correcting
from soundbite_tools.edit import erase_span as erasing
from soundbite_tools.edit import forget_voice as forgetting
from soundbite_tools.edit import name_speaker as naming
from soundbite_tools.edit import remove_audio as removal
from soundbite_tools.edit import teach_words as teaching
from soundbite_tools.embed import embed_audio as embedding
from soundbite_tools.embed import get_task as tasks
from soundbite_tools.embed.results import RemovalResult, TaskResult
from soundbite_tools.groups import classify_clips as classification
from soundbite_tools.groups import cluster_clips as clustering
from soundbite_tools.groups.results import ClassifyResult, ClusterListing
from soundbite_tools.library import Library
from soundbite_tools.read import get_clip as clips
from soundbite_tools.read import list_audio as listing
from soundbite_tools.read import list_speakers as speakers
from soundbite_tools.read import read_transcript as reading
from soundbite_tools.results import (
    LibraryListing,
    SearchResult,
    SpeakerListing,
    SpeakerNamed,
    TranscriptResult,
    VoiceForgotten,
)
from soundbite_tools.search import search_clips as searching
from soundbite_tools.transcript_requests import (
    CorrectionResult,
    CorrectRequest,
    EraseRequest,
    ErasureResult,
    NameRequest,
    SpeakersRequest,
    TeachRequest,
    TeachResult,
    VoiceRequest,
)


async def embed_audio(
    library: RunningLibrary, source: str = "", *, on_progress: Any = None, allowance: Any = None, **asked: Any
) -> TaskResult:
    request = requests.EmbedRequest(source=source, **asked)
    return await embedding.embed_audio(library.jobs, request, on_progress=on_progress, allowance=allowance)


async def get_task(library: RunningLibrary, task_id: str, *, on_progress: Any = None, **asked: Any) -> TaskResult:
    request = requests.TaskRequest(task_id=task_id, **asked)
    return await tasks.get_task(library.jobs, request, on_progress=on_progress)


async def search_clips(library: Library, query: str = "", **asked: Any) -> SearchResult:
    return await searching.search_clips(library, requests.SearchRequest(query=query, **asked))


async def get_clip(library: Library, clip_id: str = "", **asked: Any) -> clips.PlayableClip:
    return await clips.get_clip(library, requests.ClipRequest(clip_id=clip_id, **asked))


async def read_transcript(library: Library, asset_id: str, **asked: Any) -> TranscriptResult:
    return await reading.read_transcript(library, requests.TranscriptRequest(asset_id=asset_id, **asked))


async def list_audio(library: Library, **asked: Any) -> LibraryListing:
    return await listing.list_audio(library, requests.ListRequest(**asked))


async def classify_clips(library: Library, labels: Sequence[str], **asked: Any) -> ClassifyResult:
    return await classification.classify_clips(library, requests.ClassifyRequest(labels=tuple(labels), **asked))


async def cluster_clips(library: Library, **asked: Any) -> ClusterListing:
    return await clustering.cluster_clips(library, requests.ClusterRequest(**asked))


async def remove_audio(library: RunningLibrary, asset_id: str, **more: Any) -> RemovalResult:
    return await removal.remove_audio(library.jobs, requests.RemoveRequest(asset_id=asset_id), **more)


async def erase_span(
    library: RunningLibrary, asset_id: str, start_sec: float, end_sec: float, **more: Any
) -> ErasureResult:
    request = EraseRequest(asset_id=asset_id, start_sec=start_sec, end_sec=end_sec)
    return await erasing.erase_span(library.jobs, request, **more)


async def list_speakers(library: Library, **asked: Any) -> SpeakerListing:
    return await speakers.list_speakers(library, SpeakersRequest(**asked))


async def name_speaker(library: Library, asset_id: str, speaker: str, name: str) -> SpeakerNamed:
    request = NameRequest(asset_id=asset_id, speaker=speaker, name=name)
    return await naming.name_speaker(library, request)


async def correct_transcript(library: Library, **asked: Any) -> CorrectionResult:
    return await correcting.correct_transcript(library, CorrectRequest(**asked))


async def teach_words(library: Library, *words: str, **asked: Any) -> TeachResult:
    return await teaching.teach_words(library, TeachRequest(words=words, **asked))


async def forget_voice(library: Library, name: str) -> VoiceForgotten:
    return await forgetting.forget_voice(library, VoiceRequest(name=name))
