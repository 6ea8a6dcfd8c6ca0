"""The ledger's records: assets, tasks, transcripts, turns of speakers; and the JSON of exports and catalogues."""

from __future__ import annotations

import dataclasses
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypedDict

Span = tuple[float, float]
"""From when to when, in seconds."""
# Sentences of one speaker that follow each other so soon are one turn.
_PAUSE_SEC = 1.0
SourceKind = Literal["file", "url", "base64", "asset"]
TaskStatus = Literal["processing", "ready", "failed"]
_MOMENTS = {"created_at", "updated_at", "finished_at", "undone_at"}
BROUGHT = "brought:"
"""What the source of a brought transcript begins with; its digest follows."""
_NAMES, _CORRECTIONS = "speaker_names", "corrections"


def turns_of(texts: Iterable[tuple[float, float, str]]) -> dict[str, list[Span]]:
    """The turns of each speaker, in order, of texts as (start, end, speaker); those without a speaker are left out."""
    turns: dict[str, list[Span]] = defaultdict(list)
    for start_sec, end_sec, speaker in sorted(texts):
        if not speaker or end_sec <= start_sec:
            continue
        own = turns[speaker]
        if own and start_sec - own[-1][1] < _PAUSE_SEC:
            own[-1] = (own[-1][0], max(own[-1][1], end_sec))
        else:
            own.append((start_sec, end_sec))
    return dict(turns)


def length_of(spans: Iterable[Span]) -> float:
    """The seconds that spans take together."""
    return sum(end - start for start, end in spans)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch each other as one."""
    whole: list[Span] = []
    for start, end in sorted(spans):
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], end))
        else:
            whole.append((start, end))
    return tuple(whole)


def is_touched(start_sec: float, end_sec: float, spans: Iterable[Span]) -> bool:
    """Whether any of the spans reaches into these times."""
    return any(start_sec < end and end_sec > start for start, end in spans)


def within(spans: Iterable[Span], bounds: Span) -> list[Span]:
    """What of the spans lies between two times."""
    cut = ((max(start, bounds[0]), min(end, bounds[1])) for start, end in spans)
    return [span for span in cut if span[0] < span[1]]


def overlap_of(one: Sequence[Span], other: Sequence[Span]) -> float:
    """The seconds that two lists of spans share, each in order and without overlaps of its own."""
    shared_sec, at = 0.0, 0
    for start, end in one:
        while at and other[at - 1][1] > start:
            at -= 1
        while at < len(other) and other[at][0] < end:
            shared_sec += max(0.0, min(end, other[at][1]) - max(start, other[at][0]))
            at += 1
    return shared_sec


def turns_in(body: bytes) -> dict[str, list[Span]]:
    """The turns of each speaker of a transcript as the ledger packs it."""
    packed = json.loads(zlib.decompress(body))
    rows = packed["sentences"] or packed["words"]
    return turns_of((start, end, speaker[0] if speaker else "") for _, start, end, *speaker in rows)


def speaker_seconds(body: bytes) -> str:
    """How long each speaker of a packed transcript speaks, and from when on: [[speaker, seconds, first_sec], ...]."""
    return json.dumps([[speaker, length_of(spans), spans[0][0]] for speaker, spans in turns_in(body).items()])


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """A recording the library knows."""

    asset_id: str
    content_hash: str
    title: str
    source_uri: str
    source_kind: SourceKind
    size_bytes: int
    mtime_ns: int
    """Modification time of a source file in nanoseconds; 0 for any other kind."""
    duration_sec: float
    tags: tuple[str, ...]
    metadata_json: str
    created_at: datetime
    language: str | None = None
    """ISO 639-1 code of most of what is said in it, where that is known."""
    erased: tuple[Span, ...] = ()
    """When in this content nothing is to be read, found or heard any more; in order, in seconds."""
    copy_hash: str = ""
    """Of the copy in the library that has silence there; empty where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One embedding job, from the moment it was asked for."""

    task_id: str
    asset_id: str
    status: TaskStatus
    stage: str
    progress: float
    """0 to 1."""
    params_json: str
    space: str
    platform: str
    """`embedded`, or the base URL of the platform that does the work."""
    platform_asset_id: str
    platform_task_id: str
    error_code: str
    error_message: str
    error_hint: str
    seconds_embedded: float
    seconds_saved: float
    """Seconds of audio answered from the store instead of being embedded again."""
    counts_json: str
    notes_json: str
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    renewal_json: str = ""
    """The recording as it will be once this task is ready, where its content changed; else empty."""


class TaskChanges(TypedDict, total=False):
    """The fields of a task that may change after its creation."""

    asset_id: str
    status: TaskStatus
    stage: str
    progress: float
    params_json: str
    space: str
    platform_asset_id: str
    platform_task_id: str
    error_code: str
    error_message: str
    error_hint: str
    seconds_embedded: float
    seconds_saved: float
    counts_json: str
    notes_json: str
    renewal_json: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TimedText:
    """A word or a sentence and when it is said."""

    value: str
    start_sec: float
    end_sec: float
    speaker: str = ""
    """Who says it, as the source tells speakers of one recording apart; empty where that is not known."""
    probability: float = 1.0
    """How likely the source holds it, 0 to 1; of a sentence the mean of its words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredTranscript:
    """What is said in a range of an asset, according to one source."""

    asset_id: str
    source: str
    """Who wrote it: a platform or a recogniser; `BROUGHT` and a digest where somebody brought it."""
    start_sec: float
    end_sec: float
    words: tuple[TimedText, ...]
    sentences: tuple[TimedText, ...]

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks, in order of their first word."""
        return tuple(dict.fromkeys(text.speaker for text in self.sentences or self.words if text.speaker))

    @property
    def is_brought(self) -> bool:
        """Whether it is a text as it was brought, kept beside the transcript that was made of it."""
        return self.source.startswith(BROUGHT)

    @property
    def has_speakers(self) -> bool:
        """Whether it tells several people apart."""
        return len(self.speakers) > 1


CorrectionKind = Literal["correction", "glossary"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """Words of a transcript that others took the place of, and both with their times: history, and the way back."""

    asset_id: str
    content_hash: str
    """Of the sound that it was made for."""
    kind: CorrectionKind
    """Made by a person or agent, or by the glossary of names."""
    old_words: tuple[TimedText, ...]
    new_words: tuple[TimedText, ...]
    old_text: str
    new_text: str
    created_at: datetime
    correction_id: int = 0
    """0 until it is kept."""
    undone_at: datetime | None = None

    @property
    def start_sec(self) -> float:
        return min(word.start_sec for word in self.old_words)

    @property
    def end_sec(self) -> float:
        return max(word.end_sec for word in self.old_words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Speaker:
    """One who speaks in a recording."""

    asset_id: str
    speaker: str
    """As clips and transcripts have it."""
    seconds: float
    first_sec: float
    """When the speaker begins."""
    name: str = ""
    """The one that a person gave; else empty."""
    is_only: bool = False
    """Whether nobody else speaks in the recording: its clips don't say who speaks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SpeakerName:
    """A name that a person gave to a speaker of a recording, with what was known of that speaker then."""

    asset_id: str
    source: str
    """Whose transcript tells the speakers apart."""
    speaker: str
    """Whom it means now; empty where nobody speaks at most of these times any more."""
    name: str
    spans: tuple[tuple[float, float], ...]
    """The turns, in seconds."""
    from_sec: float
    until_sec: float
    """What of the recording was transcribed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """How loud a recording is along its time."""

    duration_sec: float
    peaks: bytes
    """Equal parts of the recording in time order, each the highest level in it, 0 to 255 of full scale."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Seconds of audio on one day (UTC, `YYYY-MM-DD`) on one platform."""

    day: str
    platform: str
    seconds_embedded: float
    seconds_saved: float


def to_json(
    record: Asset | StoredTranscript | Task,
    names: Sequence[SpeakerName] | None = None,
    corrections: Sequence[Correction] = (),
) -> str:
    """A record's fields as JSON, the same text for the same record.

    An asset's may bring the names of its speakers, and what was corrected.
    """
    # Readers that know none of these pass over them.
    more = {_NAMES: [dataclasses.asdict(name) for name in names]} if names is not None else {}
    more |= {_CORRECTIONS: [dataclasses.asdict(one) for one in corrections]} if corrections else {}
    return json.dumps({**dataclasses.asdict(record), **more}, default=datetime.isoformat, ensure_ascii=False)


def names_from(body: str) -> tuple[SpeakerName, ...] | None:
    """The names of the speakers that an asset's JSON brings; None where its writer knew of none."""
    names = json.loads(body).get(_NAMES)
    if names is None:
        return None
    return tuple(SpeakerName(**name | {"spans": tuple((start, end) for start, end in name["spans"])}) for name in names)


def corrections_from(body: str) -> tuple[Correction, ...]:
    """The corrections that an asset's JSON brings."""
    corrections = []
    for one in json.loads(body).get(_CORRECTIONS, ()):
        fields = _fields(json.dumps(one), Correction)
        for name in ("old_words", "new_words"):
            fields[name] = tuple(TimedText(**_known(text, TimedText)) for text in fields[name])
        corrections.append(Correction(**fields))
    return tuple(corrections)


def asset_from(body: str) -> Asset:
    fields = _fields(body, Asset)
    fields["tags"] = tuple(fields["tags"])
    fields["erased"] = tuple((start, end) for start, end in fields.get("erased", ()))
    return Asset(**fields)


def task_from(body: str) -> Task:
    return Task(**_fields(body, Task))


def transcript_from(body: str) -> StoredTranscript:
    fields = _fields(body, StoredTranscript)
    for name in ("words", "sentences"):
        fields[name] = tuple(TimedText(**_known(text, TimedText)) for text in fields[name])
    return StoredTranscript(**fields)


def _fields(body: str, kind: type[Asset | Task | StoredTranscript | Correction]) -> dict[str, Any]:
    """The fields that this version knows: a later one may have written more, an earlier one less."""
    fields = _known(json.loads(body), kind)
    for name in _MOMENTS & fields.keys():
        fields[name] = fields[name] and datetime.fromisoformat(fields[name])
    return fields


def _known(
    written: dict[str, Any], kind: type[Asset | Task | StoredTranscript | Correction | TimedText]
) -> dict[str, Any]:
    return {field.name: written[field.name] for field in dataclasses.fields(kind) if field.name in written}
