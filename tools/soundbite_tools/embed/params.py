"""How a recording is to be embedded: the guide's parameters, checked, and compared for reuse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from soundbite_api import AudioInput, FixedSegmentation, MediaSource, Segmentation
from soundbite_tools.errors import ToolProblem, sentence
from soundbite_tools.text import number

Option = Literal["audio", "transcription"]
Scope = Literal["clip", "asset"]
Structure = Literal["separate_embedding", "fused_embedding"]

BOTH_OPTIONS: tuple[Option, ...] = ("audio", "transcription")
BOTH_SCOPES: tuple[Scope, ...] = ("clip", "asset")
SEPARATE: tuple[Structure, ...] = ("separate_embedding",)
DEFAULT_SEGMENT_SEC = 6

_ORDER = (*get_args(Option), *get_args(Scope), *get_args(Structure))
DEFAULT_WAIT_S = 20.0
LONGEST_WAIT_S = 25.0


class ParameterProblem(ToolProblem):
    """A parameter of embed_audio has a value it can't have."""

    code = "parameter_invalid"


class EmbedParams(BaseModel):
    """What is embedded of a recording and how; `end_sec` 0 means its end.

    Equal parameters have equal JSON: that is what reuse compares.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    start_sec: float = 0.0
    end_sec: float = 0.0
    segmentation: Literal["natural", "fixed"] = "fixed"
    segment_sec: int = DEFAULT_SEGMENT_SEC
    embedding_option: tuple[Option, ...] = BOTH_OPTIONS
    embedding_scope: tuple[Scope, ...] = BOTH_SCOPES
    embedding_type: tuple[Structure, ...] = SEPARATE

    @classmethod
    def checked(
        cls,
        *,
        start_sec: float,
        end_sec: float,
        segmentation: Literal["natural", "fixed"],
        segment_sec: int,
        embedding_option: Sequence[str],
        embedding_scope: Sequence[str],
        embedding_type: Sequence[str],
    ) -> Self:
        """Return parameters that the platform takes (contract 3.2 and 3.9).

        Raises:
            ParameterProblem: they can't be combined, or one is out of range.
        """
        try:
            made = cls.model_validate(
                {
                    "start_sec": start_sec,
                    "end_sec": end_sec,
                    "segmentation": segmentation,
                    "segment_sec": segment_sec if segmentation == "fixed" else DEFAULT_SEGMENT_SEC,
                    "embedding_option": _in_order(embedding_option),
                    "embedding_scope": _in_order(embedding_scope),
                    "embedding_type": _in_order(embedding_type),
                }
            )
            made.audio_input(MediaSource(asset_id="any"))
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            reason = first["msg"].removeprefix("Value error, ")
            raise ParameterProblem(
                sentence(f"{field}: {reason}" if field else reason),
                "Change that parameter and call embed_audio again; nothing was embedded.",
            ) from exc
        return made

    @property
    def segmentation_label(self) -> str:
        """`natural`, or `fixed:6`; the store keeps it with each clip."""
        return "natural" if self.segmentation == "natural" else f"fixed:{self.segment_sec}"

    def audio_input(self, media_source: MediaSource) -> AudioInput:
        """Return the request for the platform."""
        fixed = FixedSegmentation(duration_sec=self.segment_sec) if self.segmentation == "fixed" else None
        return AudioInput(
            media_source=media_source,
            start_sec=self.start_sec,
            end_sec=self.end_sec or None,
            segmentation=Segmentation(strategy=self.segmentation, fixed=fixed),
            embedding_option=list(self.embedding_option),
            embedding_scope=list(self.embedding_scope),
            embedding_type=list(self.embedding_type),
        )

    def window(self, duration_sec: float) -> tuple[float, float]:
        """Return start and end of what is embedded of a recording of this length, in seconds."""
        end_sec = min(self.end_sec or duration_sec, duration_sec) if duration_sec else self.end_sec
        return min(self.start_sec, end_sec or self.start_sec), max(end_sec, self.start_sec)

    def covers(self, other: EmbedParams) -> bool:
        """Return whether vectors made with these parameters hold all that the others would make."""
        return (
            (self.start_sec, self.end_sec, self.segmentation_label)
            == (other.start_sec, other.end_sec, other.segmentation_label)
            and set(self.embedding_option) >= set(other.embedding_option)
            and set(self.embedding_scope) >= set(other.embedding_scope)
            and set(self.embedding_type) >= set(other.embedding_type)
        )


def check_length(params: EmbedParams, duration_sec: float, longest_sec: float) -> None:
    """Refuse a window longer than the platform takes.

    Raises:
        ParameterProblem: it is.
    """
    start_sec, end_sec = params.window(duration_sec)
    if end_sec - start_sec > longest_sec:
        raise ParameterProblem(
            f"That is {number(round(end_sec - start_sec, 3))} seconds of audio; "
            f"at most {number(longest_sec)} ({longest_sec / 3600:g} hours) are embedded at once.",
            "Embed it in parts with start_sec and end_sec.",
            code="audio_too_long",
        )


def _in_order(values: Sequence[str]) -> tuple[str, ...]:
    # The same set in another order, or with repeats, asks for the same.
    return tuple(sorted(dict.fromkeys(values), key=lambda value: _ORDER.index(value) if value in _ORDER else -1))


def within_limits(wait_seconds: float) -> float:
    """Return the seconds to wait, between 0 and 25; 0 where it is no number."""
    return max(0.0, min(wait_seconds, LONGEST_WAIT_S))
