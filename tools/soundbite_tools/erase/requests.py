"""What erase_span is asked, and what it answers."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from soundbite_tools.request_model import Request
from soundbite_tools.results import Result, closing
from soundbite_tools.text import count_of, quoted


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
        lines = [f"Erased {self.time_range} of {quoted(self.title)} (asset_id {self.asset_id}): {words}, {clips}."]
        return "\n".join(closing(lines, self.notes, ""))
