"""The tools: what an agent can do with a library of sound, and the jobs behind them.

What the layers above may use are the names below. Importing this package loads nothing else: each name loads its module
when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbite_tools.edit.correct_transcript import correct_transcript
    from soundbite_tools.edit.erase_span import erase_span, erasure_question
    from soundbite_tools.edit.forget_voice import forget_all_voices, forget_voice
    from soundbite_tools.edit.name_speaker import name_speaker
    from soundbite_tools.edit.remove_audio import removal_question, remove_audio
    from soundbite_tools.edit.teach_words import teach_words
    from soundbite_tools.embed.embed_audio import embed_audio
    from soundbite_tools.embed.get_task import get_task, task_result
    from soundbite_tools.embed.jobs import Jobs
    from soundbite_tools.embed.live.follow import LEFT_STAGE, begin_following, end_following, writing
    from soundbite_tools.embed.params import EmbedParams, track_of
    from soundbite_tools.embed.registry import finished_task, relabel
    from soundbite_tools.embed.renewal import missing_files, relink
    from soundbite_tools.embed.results import RemovalResult, TaskResult
    from soundbite_tools.embed.transcripts import choose_words
    from soundbite_tools.errors import (
        EmptyLibrary,
        QuestionProblem,
        SourceProblem,
        ToolProblem,
        UnknownId,
        WorkFailed,
        from_platform,
        from_store,
        sentence,
    )
    from soundbite_tools.groups.classify_clips import classify_clips
    from soundbite_tools.groups.clips import ClipPoints, clip_points
    from soundbite_tools.groups.cluster_clips import cluster_clips, distinctive_words, group_vectors
    from soundbite_tools.groups.results import ClassifyResult, ClusterListing
    from soundbite_tools.housekeeping import finish_scrubbing, forget_unused, make_ready
    from soundbite_tools.library import EMBEDDED, Library, LibraryConfig, UrlRules
    from soundbite_tools.read.contents import Chapter, Contents, chapters_of, contents_of, levels_of
    from soundbite_tools.read.formats import (
        TRANSCRIPT_FORMATS,
        TranscriptFormat,
        as_text,
        as_webvtt,
        is_transcript_file,
        recording_of_file,
        transcript_file,
        transcript_file_name,
    )
    from soundbite_tools.read.get_clip import PlayableClip, get_clip, playable_file, why_silent
    from soundbite_tools.read.list_audio import TASKS_READ, list_audio, recording_status
    from soundbite_tools.read.list_speakers import list_speakers
    from soundbite_tools.read.read_transcript import read_transcript
    from soundbite_tools.repair.comparison import Comparison, Loss, Stray, Unheard, compare
    from soundbite_tools.repair.rebuilding import give_again, rebuild_records, rebuild_transcript
    from soundbite_tools.request_model import Flag, Request
    from soundbite_tools.requests import (
        LONGEST_WAIT_S,
        ClassifyRequest,
        ClipRequest,
        ClusterRequest,
        EmbedRequest,
        ListRequest,
        RemoveRequest,
        SearchRequest,
        SoundFormat,
        TaskRequest,
        TranscriptRequest,
    )
    from soundbite_tools.results import (
        AssetResult,
        ClipDetail,
        ClipResult,
        LibraryListing,
        Result,
        SearchResult,
        SpeakerEntry,
        SpeakerListing,
        SpeakerNamed,
        TranscriptResult,
        VoiceForgotten,
    )
    from soundbite_tools.search.examples import has_id_form
    from soundbite_tools.search.search_clips import search_clips
    from soundbite_tools.search.standing import StandingQuestion
    from soundbite_tools.search.words import distinct_terms, terms_of
    from soundbite_tools.sources.disk import as_spelled, written_files
    from soundbite_tools.sources.files import (
        UPLOAD_SCHEME,
        allowed_file,
        is_unchanged,
        received_folder,
        received_name,
        sound_file,
        write_whole,
    )
    from soundbite_tools.sources.local_media import Heard, Levels, Media, MediaProblem
    from soundbite_tools.sources.recordings import NamedRecording, file_states, origins, recording_named
    from soundbite_tools.sources.sources import source_label
    from soundbite_tools.sources.spoken import TRANSCRIPT_ENDINGS, parsed_transcript, read_transcript_file
    from soundbite_tools.speakers import transcript_of_recording
    from soundbite_tools.text import (
        ERASED_LINE,
        LONGEST_TITLE,
        MOST_TAGS,
        SILENCE,
        changed_tags,
        clock,
        clock_length,
        clock_range,
        clock_ranges,
        count_of,
        file_label,
        plain_tags,
        plain_text,
        printable,
        round_step_sec,
        rounded_sec,
        shorten,
        speaker_label,
        who_before,
    )
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
    from soundbite_tools.words.glossary import Glossary

_NAMES = {
    "edit.correct_transcript": "correct_transcript",
    "edit.erase_span": "erase_span erasure_question",
    "edit.forget_voice": "forget_all_voices forget_voice",
    "edit.name_speaker": "name_speaker",
    "edit.remove_audio": "removal_question remove_audio",
    "edit.teach_words": "teach_words",
    "embed.embed_audio": "embed_audio",
    "embed.get_task": "get_task task_result",
    "embed.jobs": "Jobs",
    "embed.live.follow": "LEFT_STAGE begin_following end_following writing",
    "embed.params": "EmbedParams track_of",
    "embed.registry": "finished_task relabel",
    "embed.renewal": "missing_files relink",
    "embed.results": "RemovalResult TaskResult",
    "embed.transcripts": "choose_words",
    "errors": (
        "EmptyLibrary QuestionProblem SourceProblem ToolProblem UnknownId WorkFailed from_platform from_store sentence"
    ),
    "groups.classify_clips": "classify_clips",
    "groups.clips": "ClipPoints clip_points",
    "groups.cluster_clips": "cluster_clips distinctive_words group_vectors",
    "groups.results": "ClassifyResult ClusterListing",
    "housekeeping": "finish_scrubbing forget_unused make_ready",
    "library": "EMBEDDED Library LibraryConfig UrlRules",
    "read.contents": "Chapter Contents chapters_of contents_of levels_of",
    "read.formats": (
        "TRANSCRIPT_FORMATS TranscriptFormat as_text as_webvtt is_transcript_file recording_of_file transcript_file "
        "transcript_file_name"
    ),
    "read.get_clip": "PlayableClip get_clip playable_file why_silent",
    "read.list_audio": "TASKS_READ list_audio recording_status",
    "read.list_speakers": "list_speakers",
    "read.read_transcript": "read_transcript",
    "repair.comparison": "Comparison Loss Stray Unheard compare",
    "repair.rebuilding": "give_again rebuild_records rebuild_transcript",
    "request_model": "Flag Request",
    "requests": (
        "ClassifyRequest ClipRequest ClusterRequest EmbedRequest LONGEST_WAIT_S ListRequest RemoveRequest "
        "SearchRequest SoundFormat TaskRequest TranscriptRequest"
    ),
    "results": (
        "AssetResult ClipDetail ClipResult LibraryListing Result SearchResult SpeakerEntry SpeakerListing "
        "SpeakerNamed TranscriptResult VoiceForgotten"
    ),
    "search.examples": "has_id_form",
    "search.search_clips": "search_clips",
    "search.standing": "StandingQuestion",
    "search.words": "distinct_terms terms_of",
    "sources.disk": "as_spelled written_files",
    "sources.files": "UPLOAD_SCHEME allowed_file is_unchanged received_folder received_name sound_file write_whole",
    "sources.local_media": "Heard Levels Media MediaProblem",
    "sources.recordings": "NamedRecording file_states origins recording_named",
    "sources.sources": "source_label",
    "sources.spoken": "TRANSCRIPT_ENDINGS parsed_transcript read_transcript_file",
    "speakers": "transcript_of_recording",
    "text": (
        "ERASED_LINE LONGEST_TITLE MOST_TAGS SILENCE changed_tags clock clock_length clock_range clock_ranges count_of "
        "file_label plain_tags plain_text printable round_step_sec rounded_sec shorten speaker_label who_before"
    ),
    "transcript_requests": (
        "CorrectRequest CorrectionResult EraseRequest ErasureResult NameRequest SpeakersRequest TeachRequest "
        "TeachResult VoiceRequest"
    ),
    "words.glossary": "Glossary",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

# fmt: off
__all__ = [
    "EMBEDDED", "ERASED_LINE", "LEFT_STAGE", "LONGEST_TITLE", "LONGEST_WAIT_S", "MOST_TAGS", "SILENCE", "TASKS_READ",
    "TRANSCRIPT_ENDINGS", "TRANSCRIPT_FORMATS", "UPLOAD_SCHEME", "AssetResult", "Chapter", "ClassifyRequest",
    "ClassifyResult", "ClipDetail", "ClipPoints", "ClipRequest", "ClipResult", "ClusterListing", "ClusterRequest",
    "Comparison", "Contents", "CorrectRequest", "CorrectionResult", "EmbedParams", "EmbedRequest", "EmptyLibrary",
    "EraseRequest", "ErasureResult", "Flag", "Glossary", "Heard", "Jobs", "Levels", "Library", "LibraryConfig",
    "LibraryListing", "ListRequest", "Loss", "Media", "MediaProblem", "NameRequest", "NamedRecording", "PlayableClip",
    "QuestionProblem", "RemovalResult", "RemoveRequest", "Request", "Result", "SearchRequest", "SearchResult",
    "SoundFormat", "SourceProblem", "SpeakerEntry", "SpeakerListing", "SpeakerNamed", "SpeakersRequest",
    "StandingQuestion", "Stray", "TaskRequest", "TaskResult", "TeachRequest", "TeachResult", "ToolProblem",
    "TranscriptFormat", "TranscriptRequest", "TranscriptResult", "Unheard", "UnknownId", "UrlRules", "VoiceForgotten",
    "VoiceRequest", "WorkFailed", "allowed_file", "as_spelled", "as_text", "as_webvtt", "begin_following",
    "changed_tags", "chapters_of", "choose_words", "classify_clips", "clip_points", "clock", "clock_length",
    "clock_range", "clock_ranges", "cluster_clips", "compare", "contents_of", "correct_transcript", "count_of",
    "distinct_terms", "distinctive_words", "embed_audio", "end_following", "erase_span", "erasure_question",
    "file_label", "file_states", "finish_scrubbing", "finished_task", "forget_all_voices", "forget_unused",
    "forget_voice", "from_platform", "from_store", "get_clip", "get_task", "give_again", "group_vectors", "has_id_form",
    "is_transcript_file", "is_unchanged", "levels_of", "list_audio", "list_speakers", "make_ready", "missing_files",
    "name_speaker", "origins", "parsed_transcript", "plain_tags", "plain_text", "playable_file", "printable",
    "read_transcript", "read_transcript_file", "rebuild_records", "rebuild_transcript", "received_folder",
    "received_name", "recording_named", "recording_of_file", "recording_status", "relabel", "relink",
    "removal_question", "remove_audio", "round_step_sec", "rounded_sec", "search_clips", "sentence", "shorten",
    "sound_file", "source_label", "speaker_label", "task_result", "teach_words", "terms_of", "track_of",
    "transcript_file", "transcript_file_name", "transcript_of_recording", "who_before", "why_silent", "write_whole",
    "writing", "written_files",
]
# fmt: on

if not TYPE_CHECKING:  # else a name that is not there would pass for one

    def __getattr__(name: str) -> Any:
        """Load a name of the face (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        return value
