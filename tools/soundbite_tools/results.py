"""What the tools answer: small, flat, without vectors.

A client shows its model either the structured form or the text, so both carry the same facts. In the structured form
a field that has nothing to say (its default) is left out.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any, Protocol

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic.json_schema import SkipJsonSchema

from soundbite_tools.text import (
    clock_range,
    count_of,
    listed,
    number,
    quoted,
    range_id,
    rounded_sec,
    said_by,
    shorten,
    speaker_in_words,
    titled,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_store import StoredClip


UNTOLD = WithJsonSchema({"type": "array"})
"""Marks a list whose entries the output schema does not spell out: all pay for the schema, and few ask for these."""
UNLISTED: Any = SkipJsonSchema()  # type: ignore[type-arg] # a generic type to checkers only
"""Marks a field that the output schema passes over: it comes only with a detail, or repeats what was asked."""


class Result(BaseModel):
    """Base of all answers: `model_dump` gives the structured form, `to_text` the same facts in words."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    @model_serializer(mode="wrap")
    def _leave_out_defaults(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = serialise(self)
        silent = {name for name, default in _defaults(type(self)).items() if getattr(self, name) == default}
        return {name: _short(value) for name, value in values.items() if name not in silent}

    def to_text(self) -> str:
        """Return the facts of this result in words."""
        raise NotImplementedError


def _short(value: Any) -> Any:
    # Read by the token: "1650.0" says no more than "1650", and to JSON both are numbers.
    return int(value) if isinstance(value, float) and value.is_integer() else value


@functools.cache
def _defaults(kind: type[BaseModel]) -> dict[str, Any]:
    fields = kind.model_fields.items()
    return {name: info.get_default(call_default_factory=True) for name, info in fields if not info.is_required()}


class PartScore(BaseModel):
    """What one kind of evidence says of a clip; only with detail=detailed."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    part: str = Field(description="words, quoted, speech, sound, fused, named sound, without, like speech…")
    score: float
    rank: int


class ClipPlace(Result):
    """Which clip it is and where: what every result that is a clip begins with."""

    clip_id: str = Field(description="For get_clip, or search_clips(like=...)")
    asset_id: str
    title: str
    start_sec: float
    end_sec: float
    time_range: str = Field(description="mm:ss-mm:ss in the recording")


def place_fields(clip: StoredClip, longest_title: int, times: tuple[float, float] | None = None) -> dict[str, Any]:
    """Return the fields of a `ClipPlace`: those of a clip, or of a range of other times around it."""
    own = (clip.start_sec, clip.end_sec)
    start_sec, end_sec = times or own
    return {
        "clip_id": clip.clip_id if (start_sec, end_sec) == own else range_id(clip.asset_id, start_sec, end_sec),
        "asset_id": clip.asset_id,
        "title": shorten(clip.title, longest_title),
        "start_sec": rounded_sec(start_sec),
        "end_sec": rounded_sec(end_sec),
        "time_range": clock_range(start_sec, end_sec),
    }


def _unsure(words: Sequence[str]) -> str:
    return f" (unsure: {', '.join(map(quoted, words))})" if words else ""


class ClipResult(ClipPlace):
    """A time range that answers a search."""

    origin: Annotated[str, UNLISTED] = ""
    score: float = Field(description="0 to 1")
    is_weak: bool = Field(default=False, description="Hardly an answer")
    matched: str = Field(default="speech", description="speech (what is said), sound (what is heard), or both")
    text: str = Field(default="", description="What is said there, as recognised")
    context: str = Field(default="", description="The same with what is said around it; only with context_sec")
    speaker: str = Field(default="", description="Who says it")
    unsure: list[str] = Field(default_factory=list, description="Words that may be misheard")
    sounds: str = Field(default="", description="What is heard there, in words")
    language: str = Field(default="", description="Of what is said, where it is not English")
    tags: list[str] = Field(default_factory=list)
    file: str = Field(default="", description="gone or changed, where its sound can't be played any more")
    listen_start_sec: Annotated[float, UNLISTED] = Field(default=0.0, description="With room to listen")
    listen_end_sec: Annotated[float, UNLISTED] = 0.0
    parts: Annotated[list[PartScore], UNLISTED] = Field(default_factory=list)

    def to_text(self) -> str:
        """Return the clip in words."""
        weak = " (weak)" if self.is_weak else ""
        matched = f", matched {self.matched}" if self.matched != "speech" else ""
        place = f"{titled(self.title, self.origin)} {self.time_range} ({span(self)})"
        lines = [f"{place}, score {number(self.score)}{weak}{matched}"]
        if self.text:
            lines.append(f"   {said_by(self.speaker, self.text)}{quoted(self.text)}{_unsure(self.unsure)}")
        if self.context:
            lines.append(f"   Around it: {quoted(self.context)}")
        if self.sounds:
            lines.append(f"   Sounds: {self.sounds}")
        if self.language:
            lines.append(f"   Language: {self.language}")
        tags = f", tags: {listed(self.tags)}" if self.tags else ""
        lines.append(f"   clip_id {self.clip_id} of {self.asset_id}{tags}")
        if self.file:
            lines.append(f"   Its file is {self.file}: the sound can't be played")
        if self.listen_end_sec:
            lines.append(f"   Listen from {number(self.listen_start_sec)} to {number(self.listen_end_sec)} s")
        if self.parts:
            parts = "; ".join(f"{part.part} {number(part.score)} (rank {part.rank})" for part in self.parts)
            lines.append(f"   Parts: {parts}")
        return "\n".join(lines)


class SearchResult(Result):
    """The clips that answer a search, best first."""

    clips: list[ClipResult]
    query: Annotated[str, UNLISTED] = ""
    like: Annotated[str, UNLISTED] = ""
    without: Annotated[str, UNLISTED] = ""
    modality: Annotated[str, UNLISTED] = "any"
    clips_searched: int = Field(default=0, description="Clips that the filters let through")
    notes: list[str] = Field(default_factory=list)
    next_cursor: str = Field(default="", description="For the next page: the same call with this as cursor")
    next_step: str = ""

    def to_text(self) -> str:
        """Return the clips in words."""
        questions = [quoted(self.query) if self.query else "", f"like {self.like}" if self.like else ""]
        what = " and ".join(filter(None, questions)) + (f", without {self.without}" if self.without else "")
        count = count_of(len(self.clips), "clip")
        modality = f", modality {self.modality}" if self.modality != "any" else ""
        lines = [f"{count} for {what}{modality} ({count_of(self.clips_searched, 'clip')} searched)."]
        lines += [f"{number}. {clip.to_text()}" for number, clip in enumerate(self.clips, 1)]
        if self.next_cursor:
            lines.append(f"More: same call with cursor={self.next_cursor}")
        return "\n".join(closing(lines, self.notes, self.next_step))


class ClipDetail(ClipPlace):
    """One clip: what is said, where it is, and a file to play."""

    clip_id: str = ""
    text: str = Field(default="", description="What is said there, as recognised")
    speaker: str = Field(default="", description="Who says it")
    unsure: Annotated[list[str], UNLISTED] = Field(default_factory=list)
    sounds: str = ""
    language: str = Field(default="", description="Of what is said, where it is not English")
    tags: list[str] = Field(default_factory=list)
    source: str = Field(default="", description="The recording the clip is cut from")
    path: str = Field(default="", description="A small sound file of the clip, on the machine of the server")
    url: str = Field(default="", description="Where the same file can be opened for the next hour")
    audio_format: str = ""
    audio_bytes: int = 0
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def to_text(self) -> str:
        """Return the clip in words."""
        lines = [f"{quoted(self.title)} {self.time_range} ({span(self)}), asset_id {self.asset_id}"]
        if self.clip_id:
            lines.append(f"clip_id {self.clip_id}")
        if self.text:
            lines.append(f"Said: {said_by(self.speaker, self.text)}{quoted(self.text)}{_unsure(self.unsure)}")
        if self.sounds:
            lines.append(f"Sounds: {self.sounds}")
        if self.language:
            lines.append(f"Language: {self.language}")
        if self.tags:
            lines.append(f"Tags: {listed(self.tags)}")
        if self.source:
            lines.append(f"Source: {quoted(self.source)}")
        if self.path:
            lines.append(f"Sound file: {self.path}")
        if self.url:
            lines.append(f"Sound for an hour: {self.url}")
        if self.audio_bytes:
            lines.append(f"Sound: {self.audio_format}, {self.audio_bytes} bytes")
        return "\n".join(closing(lines, self.notes, self.next_step))


class TranscriptLine(Result):
    """A sentence and when it is said."""

    start_sec: float
    time_range: str
    text: str
    speaker: str = Field(default="", description="Who says it")
    clip_id: Annotated[str, UNLISTED] = ""
    unsure: Annotated[list[str], UNLISTED] = Field(default_factory=list)

    def to_text(self) -> str:
        """Return the sentence in words."""
        times = f"[{self.time_range}, {number(self.start_sec)} s]"
        return f"{times} {said_by(self.speaker)}{quoted(self.text)}{_unsure(self.unsure)}" + (
            f" clip_id {self.clip_id}" if self.clip_id else ""
        )


class TranscriptResult(Result):
    """What is said in a recording, or in a range of it."""

    asset_id: str
    title: str
    lines: list[TranscriptLine]
    start_sec: float
    end_sec: float
    time_range: str
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def to_text(self) -> str:
        """Return the transcript in words, a line a sentence."""
        head = f"{quoted(self.title)} {self.time_range} ({span(self)}), asset_id {self.asset_id}"
        return "\n".join(closing([head, *(line.to_text() for line in self.lines)], self.notes, self.next_step))


class SpeakerNamed(Result):
    """A speaker who has a name now, or none any more."""

    asset_id: str
    title: str
    speaker: str = Field(description="What the speaker is called now")
    before: str = Field(default="", description="What the speaker was called")
    seconds: float = Field(default=0.0, description="How long the speaker is heard in the recording")
    notes: list[str] = Field(default_factory=list)

    def to_text(self) -> str:
        """Return the names in words."""
        now = f"{speaker_in_words(self.speaker)} ({number(self.seconds)} s), asset_id {self.asset_id}"
        line = f"{speaker_in_words(self.before)} of {quoted(self.title)} is now {now}"
        return "\n".join(closing([line], self.notes, ""))


class VoiceForgotten(Result):
    """A person whose voice is not kept any more."""

    name: str
    voices_erased: int = 0
    recording_count: int = 0
    notes: list[str] = Field(default_factory=list)

    def to_text(self) -> str:
        """Return what was erased in words."""
        erased = count_of(self.voices_erased, "voice")
        line = f"{erased} of {quoted(self.name)} erased, from {count_of(self.recording_count, 'recording')}."
        return "\n".join(closing([line], self.notes, ""))


class Appearance(Result):
    """A recording in which somebody speaks."""

    asset_id: str
    title: str
    seconds: float
    likeness: float = Field(default=0.0, description="Of the voice, where nobody said who it is; or to like")

    def to_text(self) -> str:
        """Return the recording in words."""
        probably = f"{number(self.likeness)} alike, " if self.likeness else ""
        return f"{probably}{quoted(self.title)} {number(self.seconds)} s, asset_id {self.asset_id}"


class SpeakerEntry(Result):
    """Somebody who speaks."""

    name: str = Field(description="Or Speaker 2 of the one recording")
    is_named: bool = False
    seconds: float = 0.0
    recording_count: int = 1
    recordings: Annotated[list[Appearance], UNTOLD] = Field(default_factory=list)

    def to_text(self) -> str:
        """Return the speaker in words."""
        lines = [said_by(self.name) + f"{number(self.seconds)} s in {count_of(self.recording_count, 'recording')}"]
        lines += [f"   {one.to_text()}" for one in self.recordings]
        return "\n".join(lines)


class SpeakerListing(Result):
    """One page of the speakers, the named first."""

    speakers: list[SpeakerEntry]
    total_speakers: int = 0
    next_step: str = ""

    def to_text(self) -> str:
        """Return the page in words."""
        speakers = (f"{number}. {speaker.to_text()}" for number, speaker in enumerate(self.speakers, 1))
        return "\n".join(closing([f"{count_of(self.total_speakers, 'speaker')}.", *speakers], [], self.next_step))


class AssetResult(Result):
    """A recording in the library."""

    asset_id: str
    title: str
    origin: Annotated[str, UNLISTED] = ""
    status: str = Field(description="processing, ready or failed")
    file: str = Field(default="", description="gone or changed, where the file is not what was embedded")
    audio_seconds: float = 0.0
    length: str = Field(default="", description="mm:ss")
    clip_count: int = 0
    tracks: Annotated[str, UNLISTED] = ""
    erased: Annotated[str, UNLISTED] = ""
    language: str = Field(default="", description="Of most of what is said, where it is not English")
    tags: list[str] = Field(default_factory=list)
    source: str = ""
    task_id: str = Field(default="", description="The latest task; get_task says more")
    added: str = Field(default="", description="UTC")

    def to_text(self) -> str:
        """Return the recording in words."""
        length = f", {self.length} ({number(self.audio_seconds)} s)" if self.length else ""
        clips = count_of(self.clip_count, "clip")
        lines = [f"{titled(self.title, self.origin)}: {self.status}{length}, {clips}, asset_id {self.asset_id}"]
        details = [f"task_id {self.task_id}" if self.task_id else "", f"added {self.added}" if self.added else ""]
        details.append(f"language: {self.language}" if self.language else "")
        details.append(f"tags: {listed(self.tags)}" if self.tags else "")
        source = f"source: {quoted(self.source)}" if self.source else ""
        details += [source, self.file and f"file {self.file}", self.tracks, self.erased and f"erased {self.erased}"]
        return "\n   ".join([*lines, *filter(None, [", ".join(filter(None, details))])])


class LibraryListing(Result):
    """One page of the library, newest first."""

    assets: list[AssetResult]
    total_assets: int
    total_seconds: float
    page: Annotated[int, UNLISTED] = 1
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def to_text(self) -> str:
        """Return the page in words."""
        page = f", page {self.page}" if self.page > 1 else ""
        lines = [f"{count_of(self.total_assets, 'recording')}, {number(self.total_seconds)} seconds of audio{page}."]
        lines += [f"{number}. {asset.to_text()}" for number, asset in enumerate(self.assets, 1)]
        return "\n".join(closing(lines, self.notes, self.next_step))


class _Timed(Protocol):
    @property
    def start_sec(self) -> float: ...
    @property
    def end_sec(self) -> float: ...


def span(timed: _Timed) -> str:
    return f"{number(timed.start_sec)}-{number(timed.end_sec)} s"


def closing(lines: list[str], notes: list[str], next_step: str) -> list[str]:
    return [*lines, *(f"Note: {note}" for note in notes), *([f"Next: {next_step}"] if next_step else [])]
