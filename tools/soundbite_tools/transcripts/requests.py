"""What the tools that put transcripts right are asked, and what they answer."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from soundbite_tools.request_model import Request
from soundbite_tools.results import Result, closing, span
from soundbite_tools.text import count_of, quoted, single_spaces

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
        Field(description="What is said; empty: nothing is", max_length=_LONGEST_TEXT),
        AfterValidator(single_spaces),
    ] = ""
    undo: Annotated[bool, Field(description="Take back the last correction there")] = False


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
