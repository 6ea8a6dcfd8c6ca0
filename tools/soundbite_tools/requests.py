"""What the tools are asked, one model a tool: the schema that agents see, the options of the command line, the checks.

A field says what it is and its limits once: a filter over a column that the store has is one field here.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from soundbite_tools.errors import QuestionProblem
from soundbite_tools.request_model import Flag, Narrows, OfRecordings, Request
from soundbite_tools.text import LONGEST_SPEAKER, distinct, plain_tags, plain_text, single_spaces, speakers_of

Modality = Literal["any", "speech", "sound"]
Detail = Literal["concise", "detailed"]
Match = Literal["meaning", "words"]
Grouping = Literal["range", "recording"]
SoundFormat = Literal["mp3", "wav", "opus", "flac"]
Option = Literal["audio", "transcription"]
Scope = Literal["clip", "asset"]
Structure = Literal["separate_embedding", "fused_embedding"]

BOTH_OPTIONS: tuple[Option, ...] = ("audio", "transcription")
BOTH_SCOPES: tuple[Scope, ...] = ("clip", "asset")
SEPARATE: tuple[Structure, ...] = ("separate_embedding",)
DEFAULT_SEGMENT_SEC = 6
ALL_TRACKS = "all"
LONGEST_WAIT_S = 25
"""Clients give up on calls of a minute, some of less."""

_LONGEST_SOURCE = 50_400_000  # 36 MiB in base64; `source` may hold a data: URI
_LONGEST_PATH = 4096
_LONGEST_WORDS = 2000
_LONGEST_SOUND = 60
_LONGEST_LANGUAGE = 40
# Languages: the code of ISO 639-1, those of ISO 639-2, English names.
_LANGUAGES = """
af afr afrikaans; ar ara arabic; be bel belarusian; bg bul bulgarian; bn ben bengali bangla; bs bos bosnian;
ca cat catalan; cs ces cze czech; cy cym wel welsh; da dan danish; de deu ger german; el ell gre greek; en eng english;
es spa spanish castilian; et est estonian; eu eus baq basque; fa fas per persian farsi; fi fin finnish;
fr fra fre french; ga gle irish; gl glg galician; gu guj gujarati; he heb hebrew; hi hin hindi; hr hrv croatian;
hu hun hungarian; hy hye arm armenian; id ind indonesian; is isl ice icelandic; it ita italian; ja jpn japanese;
ka kat geo georgian; kk kaz kazakh; kn kan kannada; ko kor korean; la lat latin; lt lit lithuanian; lv lav latvian;
mk mkd mac macedonian; ml mal malayalam; mr mar marathi; ms msa may malay; ne nep nepali; nl nld dut dutch flemish;
no nor nb nob norwegian; pa pan punjabi; pl pol polish; pt por portuguese; ro ron rum romanian; ru rus russian;
sk slk slo slovak; sl slv slovenian slovene; sq sqi alb albanian; sr srp serbian; sv swe swedish; sw swa swahili;
ta tam tamil; te tel telugu; th tha thai; tl tgl tagalog filipino; tr tur turkish; uk ukr ukrainian; ur urd urdu;
vi vie vietnamese; zh zho chi cmn chinese mandarin
"""
_LANGUAGE_CODES = {form: forms.split()[0] for forms in _LANGUAGES.split(";") for form in forms.split()}
_REGION = re.compile(r"[\s_(-]")


def language_code(text: str) -> str:
    """Return the code of ISO 639-1 of a language: `en` for en-US, en_GB, eng and English.

    What is not known stays, in lower case.
    """
    written = text.strip().lower()
    language = _REGION.split(written, maxsplit=1)[0]
    return _LANGUAGE_CODES.get(language, language if len(language) in (2, 3) else written)


def _sound_names(sounds: tuple[str, ...]) -> tuple[str, ...]:
    return distinct(plain_text(sound, _LONGEST_SOUND).lower() for sound in sounds)


def _track(text: str) -> str:
    track = text.strip().lower()
    if track != ALL_TRACKS and not (track.isascii() and track.isdecimal() and int(track)):
        raise ValueError("give the number of an audio track, from 1, or all")
    return track if track == ALL_TRACKS else str(int(track))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as exc:  # the first and the last day may lie outside of what is a date in UTC
        raise QuestionProblem(
            f"{plain_text(text, 40)!r} is not a date.",
            "Give dates as 2026-01-31 or 2026-01-31T18:00:00Z (UTC where no zone is given).",
            code="date_invalid",
        ) from exc


AssetIds = Annotated[
    tuple[str, ...],
    Field(description="Only in these recordings", max_length=100),
    AfterValidator(distinct),
    Flag("--asset", help="Only in this recording (id or title)", metavar="ID|TITLE"),
    Narrows("asset_ids"),
]
Tags = Annotated[
    tuple[str, ...],
    Field(description="Only with any of these tags", max_length=20),
    AfterValidator(plain_tags),
    Flag("--tag", help="Only in recordings with this tag"),
    Narrows("tags_any"),
]


class Filters(Request):
    """Which clips are looked at: all conditions must hold, and defaults let everything through."""

    asset_ids: AssetIds = ()
    tags: Tags = ()
    exclude_asset_ids: Annotated[
        tuple[str, ...],
        Field(description="Not in these recordings", max_length=100),
        AfterValidator(distinct),
        Flag("--not-asset", help="Not in this recording (id or title)", metavar="ID|TITLE"),
        Narrows("exclude_asset_ids"),
    ] = ()
    title: Annotated[
        str,
        Field(description="Only in titles with these words", max_length=200),
        AfterValidator(single_spaces),
        Flag("--title", help="Only in recordings with these words in their title", metavar="WORDS"),
        OfRecordings(),
    ] = ""
    sounds: Annotated[
        tuple[Annotated[str, Field(max_length=_LONGEST_SOUND)], ...],
        Field(description="Only where any of these is heard", max_length=10),
        AfterValidator(_sound_names),
        Flag("--sound", help="Only where this is heard"),
    ] = ()
    language: Annotated[
        str,
        Field(description="Spoken language, as fr", max_length=_LONGEST_LANGUAGE),
        AfterValidator(language_code),
        Flag("--language", help="Only what is said in this language, as fr", metavar="CODE"),
        Narrows("language"),
    ] = ""
    speakers: Annotated[
        tuple[Annotated[str, Field(max_length=LONGEST_SPEAKER)], ...],
        Field(description="Only what one of these says, as Speaker 2", max_length=10),
        AfterValidator(speakers_of),
        Flag("--speaker", help="Only what this one says, as 'Speaker 2'", metavar="WHO"),
        Narrows("speakers_any"),
    ] = ()
    start_sec: Annotated[
        float,
        Field(description="Only after this time", ge=0),
        Flag("--from", help="Only after this time of a recording"),
        Narrows("ends_after_sec"),
    ] = 0.0
    end_sec: Annotated[
        float,
        Field(description="Only before this time; 0 is no limit", ge=0),
        Flag("--to", help="Only before this time of a recording"),
        Narrows("starts_before_sec"),
    ] = 0.0
    min_seconds: Annotated[
        float, Field(description="Only clips at least this long", ge=0), Flag("--min-seconds"), Narrows("min_seconds")
    ] = 0.0
    added_after: Annotated[
        str,
        Field(description="Only added after this date, as 2026-01-31", max_length=40),
        AfterValidator(str.strip),
        Flag("--after", metavar="DATE"),
        Narrows("created_after", _moment),
    ] = ""
    recorded_after: Annotated[
        str,
        Field(description="The same by the date of the file", max_length=40),
        AfterValidator(str.strip),
        Flag("--recorded-after", help="Only files that date from after this", metavar="DATE"),
        OfRecordings(),
    ] = ""

    @property
    def is_of_recordings(self) -> bool:
        """Whether a filter is set that the ledger has to answer."""
        return any(getattr(self, name) for name, _ in self.marked(OfRecordings))

    @property
    def earliest(self) -> datetime | None:
        """What `recorded_after` means; QuestionProblem where it is no date."""
        return _moment(self.recorded_after) if self.recorded_after else None

    def conditions(self) -> dict[str, Any]:
        """Return the conditions for the store's filter, as far as it has columns for them.

        Raises:
            QuestionProblem: a range that ends before it begins, or a date that is none.
        """
        if self.end_sec and self.end_sec <= self.start_sec:
            raise QuestionProblem(
                f"There is no time from {self.start_sec:g} to {self.end_sec:g} s.",
                "Give start_sec below end_sec (0 is the end).",
                code="range_invalid",
            )
        values = ((mark, getattr(self, name)) for name, mark in self.marked(Narrows))
        return {mark.condition: mark.convert(value) for mark, value in values if value}

    @property
    def names(self) -> list[str]:
        """The names of the filters that are set."""
        return [name for name in Filters.model_fields if getattr(self, name)]


class Question(Request):
    """Words, an example, or both, and what the answers must not be like."""

    query: Annotated[
        str,
        Field(description="What was said or heard, in words", max_length=_LONGEST_WORDS),
        AfterValidator(single_spaces),
    ] = ""
    like: Annotated[
        str,
        Field(description="Example: clip_id, asset_id, file or link", max_length=_LONGEST_PATH),
        AfterValidator(str.strip),
        Flag("--like", help="A clip, a recording or a sound file: find more like it", metavar="ID|FILE", is_path=True),
    ] = ""
    without: Annotated[
        str,
        Field(description="Not like this: words or an id", max_length=_LONGEST_WORDS),
        AfterValidator(single_spaces),
        Flag("--without", metavar="WORDS"),
    ] = ""
    modality: Annotated[Modality, Field(description="What to search"), Flag("--in")] = "any"
    match: Annotated[
        Match,
        Field(description='words: only clips with all exact words, "phrases" too'),
        Flag("--match"),
    ] = "meaning"


class SearchRequest(Filters, Question):
    """What search_clips is asked; `cursor` goes on where an answer to the same request ended."""

    group_by: Annotated[Grouping, Field(description="recording: only the best of each"), Flag("--group-by")] = "range"
    context_sec: Annotated[
        float,
        Field(description="Adds what is said around it, at most 120", ge=0, le=120),
        Flag("--context", metavar="SEC"),
    ] = 0.0
    top_k: Annotated[int, Field(description="How many clips, 1 to 50", ge=1, le=50), Flag("-n", "--limit", "--top")] = 5
    cursor: Annotated[str, Field(description="next_cursor of the same search", max_length=100), Flag("--cursor")] = ""
    detail: Annotated[Detail, Field(description="detailed adds the parts of each score")] = "concise"


class EmbedRequest(Request):
    """What embed_audio is asked: one of `source`, `url`, `base64_string` and `asset_id`, and how to embed it."""

    source: Annotated[str, Field(description="File path, https link, or asset_id", max_length=_LONGEST_SOURCE)] = ""
    url: Annotated[str, Field(description="Media link, instead of source", max_length=2048)] = ""
    base64_string: Annotated[
        str, Field(description="File up to 36 MB, instead of source", max_length=_LONGEST_SOURCE)
    ] = ""
    asset_id: Annotated[str, Field(description="Known to the platform, instead of source", max_length=100)] = ""
    transcript: Annotated[
        str,
        Field(description="VTT, SRT, JSON or text, or its path", max_length=20_000_000),
        Flag("--transcript", help="Its transcript, a VTT, SRT, JSON or text file, for a single file", metavar="FILE"),
    ] = ""
    title: Annotated[
        str,
        Field(description="Shown in results", max_length=200),
        Flag("--title", help="Title, for a single file"),
    ] = ""
    tags: Annotated[
        tuple[str, ...],
        Field(description="Words to filter by; -x takes x away, -* all", max_length=20),
        AfterValidator(plain_tags),
        Flag("--tag", help="A tag to filter searches by, besides those it has; -work takes work away, -* takes all"),
    ] = ()
    start_sec: Annotated[float, Field(description="From here", ge=0)] = 0.0
    end_sec: Annotated[float, Field(description="To here; 0 is the end", ge=0)] = 0.0
    track: Annotated[
        str,
        Field(description="Number of an audio track, or all", max_length=4, coerce_numbers_to_str=True),
        AfterValidator(_track),
        Flag("--track", help="Audio track: its number from 1, or all of them mixed", metavar="N|all"),
    ] = ""
    segmentation: Annotated[
        Literal["auto", "natural", "fixed"],
        Field(description="natural: at pauses; fixed: every segment_sec"),
    ] = "auto"
    segment_sec: Annotated[int, Field(description="Of fixed segments, 2 to 10", ge=2, le=10)] = DEFAULT_SEGMENT_SEC
    embedding_option: Annotated[tuple[Option, ...], Field(description="What is heard, what is said")] = BOTH_OPTIONS
    embedding_scope: Annotated[tuple[Scope, ...], Field(description="clip: each segment; asset: the whole")] = (
        BOTH_SCOPES
    )
    embedding_type: Annotated[
        tuple[Structure, ...],
        Field(description="fused_embedding adds one for both"),
    ] = SEPARATE
    wait_seconds: Annotated[float, Field(description="Wait at most so long, to 25", ge=0, le=LONGEST_WAIT_S)] = 20.0


class TaskRequest(Request):
    """What get_task is asked."""

    task_id: Annotated[
        str, Field(description="From embed_audio or list_audio", max_length=100), AfterValidator(str.strip)
    ]
    wait_seconds: Annotated[float, Field(description="Wait at most so long, to 25", ge=0, le=LONGEST_WAIT_S)] = 0.0
    detail: Annotated[Literal["summary", "embeddings"], Field(description="How much to say")] = "summary"
    page: Annotated[int, Field(description="Page of the embeddings", ge=1)] = 1


class ClipRequest(Request):
    """What get_clip is asked: a clip by its id, or a range of a recording."""

    clip_id: Annotated[str, Field(description="From search_clips", max_length=100), AfterValidator(str.strip)] = ""
    asset_id: Annotated[
        str, Field(description="A recording, instead of clip_id", max_length=100), AfterValidator(str.strip)
    ] = ""
    start_sec: Annotated[float, Field(description="With asset_id: from here", ge=0)] = 0.0
    end_sec: Annotated[float, Field(description="With asset_id: up to here", ge=0)] = 0.0
    audio_format: Annotated[SoundFormat, Field(description="Of the file")] = "mp3"
    include_audio: Annotated[bool, Field(description="The sound itself too")] = False


class TranscriptRequest(Request):
    """What read_transcript is asked."""

    asset_id: Annotated[
        str, Field(description="From search_clips or list_audio", max_length=100), AfterValidator(str.strip)
    ]
    start_sec: Annotated[float, Field(description="From here", ge=0)] = 0.0
    end_sec: Annotated[float, Field(description="To here; 0 is the end", ge=0)] = 0.0
    chapters: Annotated[bool, Field(description="A map instead")] = False


class ListRequest(Request):
    """What list_audio is asked."""

    title: Annotated[
        str,
        Field(description="Only titles that hold this", max_length=200),
        Flag("--title", help="Only recordings with these words in their title or path"),
    ] = ""
    tags: Annotated[
        tuple[str, ...],
        Field(description="Only recordings with any of these", max_length=20),
        AfterValidator(plain_tags),
        Flag("--tag", help="Only recordings with this tag"),
    ] = ()
    page: Annotated[int, Field(description="Which page", ge=1), Flag("--page")] = 1
    page_limit: Annotated[int, Field(description="Recordings a page, at most 50", ge=1, le=50), Flag("--limit")] = 20


class ClassifyRequest(Request):
    """What classify_clips is asked."""

    labels: Annotated[
        tuple[Annotated[str, Field(max_length=100)], ...],
        Field(description="In words, 1 to 30", min_length=1, max_length=30),
    ]
    per: Annotated[Literal["clip", "asset"], Field(description="Label clips, or sum over each recording")] = "clip"
    modality: Annotated[Modality, Field(description="What to compare with")] = "any"
    asset_ids: AssetIds = ()
    tags: Tags = ()
    min_score: Annotated[float, Field(description="Fits below this are none, 0 to 1; 0 means 0.2", ge=0, le=1)] = 0.0
    page: Annotated[int, Field(description="From 1", ge=1)] = 1
    page_limit: Annotated[int, Field(description="On a page, at most 50", ge=1, le=50)] = 20

    @property
    def filters(self) -> Filters:
        """Which clips are looked at."""
        return Filters(asset_ids=self.asset_ids, tags=self.tags)


class ClusterRequest(Request):
    """What cluster_clips is asked."""

    clusters: Annotated[int, Field(description="How many, at most 20; 0 finds out", ge=0, le=20)] = 0
    modality: Annotated[Modality, Field(description="What to compare")] = "any"
    asset_ids: AssetIds = ()
    tags: Tags = ()
    detail: Annotated[Detail, Field(description="detailed adds four more clips of each cluster")] = "concise"

    @property
    def filters(self) -> Filters:
        """Which clips are looked at."""
        return Filters(asset_ids=self.asset_ids, tags=self.tags)


class RemoveRequest(Request):
    """What remove_audio is asked."""

    asset_id: Annotated[
        str, Field(description="The recording to remove", min_length=1, max_length=100), AfterValidator(str.strip)
    ]
