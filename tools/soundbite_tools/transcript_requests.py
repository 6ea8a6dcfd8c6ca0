"""What the tools that change what recordings say, and who says it, are asked and answer."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from soundbite_tools.request_model import Flag, Request
from soundbite_tools.requests import AssetIds
from soundbite_tools.results import UNTOLD, Result, closing, span
from soundbite_tools.text import count_of, distinct, number, quoted, single_spaces

_LONGEST_TEXT = 2000


class CorrectRequest(Request):
    """What correct_transcript is asked: where, what is written there, and what is said."""

    clip_id: Annotated[str, Field(description="Where: a clip", max_length=100), AfterValidator(str.strip)] = ""
    asset_id: Annotated[str, Field(description="Or a recording", max_length=100), AfterValidator(str.strip)] = ""
    start_sec: Annotated[float, Field(description="With asset_id: from here", ge=0)] = 0.0
    end_sec: Annotated[float, Field(description="To here; 0 is the end", ge=0)] = 0.0
    old_text: Annotated[
        str,
        Field(description="The wrong words, exactly as written, once there", max_length=_LONGEST_TEXT),
        AfterValidator(single_spaces),
    ] = ""
    new_text: Annotated[
        str,
        Field(description='What is said; "": nothing is', max_length=_LONGEST_TEXT),
        AfterValidator(single_spaces),
    ] = ""
    undo: Annotated[bool, Field(description="Take back the last correction there")] = False

    @model_validator(mode="after")
    def _has_new_text(self) -> Self:
        """What was forgotten takes no words out: that is asked for by an empty text."""
        if self.old_text and not self.undo and "new_text" not in self.model_fields_set:
            raise PydanticCustomError(
                "new_text_missing", 'new_text is missing: give what is said there, or "" for none'
            )
        return self

    @classmethod
    def _says(cls, name: str, value: object) -> bool:
        return value is not None if name == "new_text" else super()._says(name, value)


class CorrectionResult(Result):
    """What a correction changed."""

    asset_id: str
    title: str
    start_sec: float
    end_sec: float
    time_range: str
    old_text: str
    text: str = Field(default="", description="What is written there now")
    clips_changed: int = 0
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def to_text(self) -> str:
        """Return what changed in words."""
        clips = count_of(self.clips_changed, "clip")
        lines = [f"{quoted(self.title)} {self.time_range} ({span(self)}), asset_id {self.asset_id}: {clips} changed."]
        lines.append(f"Was: {quoted(self.old_text)}")
        lines.append(f"Now: {quoted(self.text)}")
        return "\n".join(closing(lines, self.notes, self.next_step))


class TeachRequest(Request):
    """What teach_words is asked: names to add, to remove, or whose replacements to take back."""

    words: Annotated[
        tuple[str, ...],
        Field(description='As spelled: "Giltspur"; or "Cheryl: Charles, Sheryl", as it was heard', max_length=100),
        AfterValidator(distinct),
    ] = ()
    remove: Annotated[
        tuple[str, ...],
        Field(description="Names to forget; what they replaced stays", max_length=100),
        AfterValidator(distinct),
    ] = ()
    undo: Annotated[bool, Field(description="Take back what these words, or all, replaced")] = False
    dry_run: Annotated[bool, Field(description="Only show what would be replaced")] = False


class TaughtWords(Result):
    """Words that gave way to others, or would: the earlier ones, and how near in sound, 0 to 1."""

    before: str
    after: str
    clip_id: str
    title: str
    start_sec: float
    time_range: str
    nearness: float


class TeachResult(Result):
    """What the glossary holds, and what it replaced."""

    names: int = Field(default=0, description="In the glossary")
    glossary: Annotated[list[str], UNTOLD] = Field(default_factory=list)
    replacements: Annotated[list[TaughtWords], UNTOLD] = Field(
        default_factory=list, description="before, after, clip_id, title, start_sec, nearness in sound (0 to 1)"
    )
    replaced: int = 0
    clips_changed: int = 0
    is_dry_run: bool = False
    notes: list[str] = Field(default_factory=list)
    next_step: str = ""

    def counts_in_words(self) -> str:
        """Return one sentence: how many names, replacements, and clips changed, or what would be."""
        where = "would be in the glossary" if self.is_dry_run else "in the glossary"
        changed = "nothing is changed yet" if self.is_dry_run else f"{count_of(self.clips_changed, 'clip')} changed"
        return f"{count_of(self.names, 'name')} {where}; {count_of(self.replaced, 'replacement')}, {changed}."

    def to_text(self) -> str:
        """Return the replacements in words, a line each."""
        lines = [self.counts_in_words()]
        if self.glossary:
            lines.append(f"Glossary: {'; '.join(map(quoted, self.glossary))}")
        lines += [
            f"{quoted(one.title)} {one.time_range} (from {number(one.start_sec)} s, {one.clip_id}): "
            f"{quoted(one.before)} becomes {quoted(one.after)}, nearness {number(one.nearness)}"
            for one in self.replacements
        ]
        return "\n".join(closing(lines, self.notes, self.next_step))


class NameRequest(Request):
    """What name_speaker is asked."""

    asset_id: Annotated[
        str, Field(description="The recording", min_length=1, max_length=100), AfterValidator(str.strip)
    ]
    speaker: Annotated[
        str,
        Field(description="As results show it: Speaker 2, or the name to change", min_length=1, max_length=200),
        AfterValidator(str.strip),
    ]
    name: Annotated[str, Field(description="Who it is; empty takes a name away", max_length=200)] = ""


class SpeakersRequest(Request):
    """What list_speakers is asked."""

    name: Annotated[
        str,
        Field(description="Only who is called so", max_length=200),
        AfterValidator(str.strip),
    ] = ""
    like: Annotated[
        str,
        Field(description="Whose voices are like this one's: a name, or Speaker 2 with its asset_ids", max_length=200),
        AfterValidator(str.strip),
        Flag("--like", help="By likeness to the voice of this one: a name, or a number and its --asset", metavar="WHO"),
    ] = ""
    asset_ids: AssetIds = ()
    page: Annotated[int, Field(description="Which page", ge=1), Flag("--page")] = 1
    page_limit: Annotated[int, Field(description="Speakers a page, at most 50", ge=1, le=50), Flag("--limit")] = 20


class VoiceRequest(Request):
    """What forget_voice is asked."""

    name: Annotated[
        str,
        Field(description="Whose, as list_speakers has it", min_length=1, max_length=200),
        AfterValidator(str.strip),
    ]


class EraseRequest(Request):
    """What erase_span is asked."""

    asset_id: Annotated[
        str, Field(description="The recording", min_length=1, max_length=100), AfterValidator(str.strip)
    ]
    start_sec: Annotated[float, Field(description="From here, in seconds of the recording", ge=0)]
    end_sec: Annotated[float, Field(description="To here", ge=0)]


class ErasureResult(Result):
    """What was erased of a recording."""

    asset_id: str
    title: str
    time_range: str
    words_erased: int = 0
    clips_changed: int = 0
    notes: list[str] = Field(default_factory=list)

    def to_text(self) -> str:
        """Return what was erased in words."""
        words, clips = count_of(self.words_erased, "word"), count_of(self.clips_changed, "clip")
        lines = [
            f"Erased {self.time_range} of {quoted(self.title)} (asset_id {self.asset_id}): {words}; {clips} changed."
        ]
        return "\n".join(closing(lines, self.notes, ""))
