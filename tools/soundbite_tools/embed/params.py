"""How a recording is to be embedded: the guide's parameters, checked, and compared for reuse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from soundbite_api import HOSTED_MODEL, MARENGO_35, AudioInput, FixedSegmentation, MediaSource, Segmentation, refusal
from soundbite_tools.errors import ToolProblem, sentence
from soundbite_tools.requests import (
    ALL_TRACKS,
    BOTH_OPTIONS,
    BOTH_SCOPES,
    DEFAULT_SEGMENT_SEC,
    SEPARATE,
    EmbedRequest,
    Option,
    Scope,
    Structure,
)
from soundbite_tools.text import number

if TYPE_CHECKING:
    from soundbite_store import Asset, StoredClip

Value = TypeVar("Value", bound=str)
SHORTEST_TASK_SEC = 4.0
_TRACK = "track"
_UNCERTAINTY = "uncertainty"
_ORDER = (*get_args(Option), *get_args(Scope), *get_args(Structure))


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
    track: str = ""
    """The number of an audio track, from 1, or `all`; empty is the one that a player would take."""
    transcript: str = ""
    """The digest of a transcript that was brought; empty where the speech is recognised."""
    transcript_name: str = ""
    """Of the file that it came in."""
    segmentation: Literal["natural", "fixed"] = "fixed"
    segment_sec: int = DEFAULT_SEGMENT_SEC
    embedding_option: tuple[Option, ...] = BOTH_OPTIONS
    embedding_scope: tuple[Scope, ...] = BOTH_SCOPES
    embedding_type: tuple[Structure, ...] = SEPARATE
    model: str = ""
    """Of the hosted platform, where it is another than Marengo 3.0."""

    @classmethod
    def of(cls, request: EmbedRequest, *, knows_natural: bool, model_name: str = HOSTED_MODEL) -> Self:
        """Return the parameters that a request means on a platform, which may know natural segments or not.

        `segmentation` auto is natural where that is known; a segment length other than the default asks for fixed.
        Marengo 3.5 embeds clips of its one option where nothing else is asked for, since it then says how sure it is.

        Raises:
            ParameterProblem: the platform does not take them together (contract 3.2 and 3.9).
        """
        strategy = _strategy(request, knows_natural, model_name)
        options, scopes, given = request.embedding_option, request.embedding_scope, request.model_fields_set
        if model_name == MARENGO_35:
            options = options if "embedding_option" in given else ("audio",)
            scopes = scopes if "embedding_scope" in given else ("clip",)
        if reason := refusal(model_name, options, request.embedding_type):
            raise ParameterProblem(
                f"{reason}.", f"Leave that out, or use {HOSTED_MODEL} (SOUNDBITE_MODEL); nothing was embedded."
            )
        try:
            params = cls(
                start_sec=request.start_sec,
                end_sec=request.end_sec,
                track=request.track,
                segmentation=strategy,
                segment_sec=request.segment_sec if strategy == "fixed" else DEFAULT_SEGMENT_SEC,
                embedding_option=_in_order(options),
                embedding_scope=_in_order(scopes),
                embedding_type=_in_order(request.embedding_type),
                model=model_label(model_name),
            )
            params.audio_input(MediaSource(asset_id="any"))
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            field = str(first["loc"][0]) if first["loc"] else ""
            reason = first["msg"].removeprefix("Value error, ")
            raise ParameterProblem(
                sentence(f"{field}: {reason}" if field else reason),
                "Change that parameter and call embed_audio again; nothing was embedded.",
            ) from exc
        return params

    @property
    def words_option(self) -> str:
        """The option of the embeddings that carry what is said; empty where no words are asked for."""
        if "separate_embedding" not in self.embedding_type:
            return "fused"
        if self.model == MARENGO_35:
            return "audio"  # which holds speech too
        return "transcription" if "transcription" in self.embedding_option else ""

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
            track="all" if self.track == ALL_TRACKS else int(self.track) if self.track else None,
            segmentation=Segmentation(strategy=self.segmentation, fixed=fixed),
            embedding_option=list(self.embedding_option),
            embedding_scope=list(self.embedding_scope),
            embedding_type=list(self.embedding_type),
        )

    def window(self, duration_sec: float) -> tuple[float, float]:
        """Return start and end of what is embedded of a recording of this length, in seconds."""
        end_sec = min(self.end_sec or duration_sec, duration_sec) if duration_sec else self.end_sec
        return min(self.start_sec, end_sec or self.start_sec), max(end_sec, self.start_sec)

    def of_recording(self, asset: Asset) -> Self:
        """Return the same with the track that a recording is embedded of, where no other is asked for."""
        track = self.track or track_of(asset)
        return self if track == self.track else self.model_copy(update={"track": track})

    def with_transcript(self, digest: str, name: str) -> Self:
        """Return the same with the words of a transcript in place of those that are recognised, where there is one."""
        return self.model_copy(update={"transcript": digest, "transcript_name": name}) if digest else self

    def covers(self, other: EmbedParams) -> bool:
        """Return whether vectors made with these parameters hold all that the others would make."""
        return (
            (self.start_sec, self.end_sec, self.track, self.segmentation_label)
            == (other.start_sec, other.end_sec, other.track, other.segmentation_label)
            and self.model == other.model
            and other.transcript in ("", self.transcript)
            and set(self.embedding_option) >= set(other.embedding_option)
            and set(self.embedding_scope) >= set(other.embedding_scope)
            and set(self.embedding_type) >= set(other.embedding_type)
        )


def model_label(model_name: str) -> str:
    """Return how parameters name a model of the hosted platform."""
    return "" if model_name == HOSTED_MODEL else model_name


def track_of(asset: Asset) -> str:
    """Return which audio track a recording is embedded of, as `EmbedParams` has it."""
    return str(json.loads(asset.metadata_json or "{}").get(_TRACK, ""))


def with_track(asset: Asset, track: str) -> Asset:
    """Return a recording as it is embedded of this audio track."""
    if track == track_of(asset):
        return asset
    return replace(asset, metadata_json=json.dumps({**json.loads(asset.metadata_json or "{}"), _TRACK: track}))


def with_uncertainty(asset: Asset, uncertainty: Sequence[float] | None) -> str:
    """Return the metadata of a clip: that of its recording, and how unsure the platform is of its vector, the mean."""
    if not uncertainty:
        return asset.metadata_json
    return json.dumps({**json.loads(asset.metadata_json or "{}"), _UNCERTAINTY: round(fmean(uncertainty), 6)})


def uncertainty_of(clip: StoredClip) -> float | None:
    """Return how unsure the platform is of a clip's vector; only Marengo 3.5 says so."""
    value = json.loads(clip.metadata_json or "{}").get(_UNCERTAINTY)
    return float(value) if isinstance(value, int | float) else None


def is_same_sound(asset: Asset, other: Asset) -> bool:
    """Return whether two records are of the same track of the same content."""
    return (asset.content_hash, track_of(asset)) == (other.content_hash, track_of(other))


def check_length(params: EmbedParams, duration_sec: float, longest_sec: float) -> None:
    """Refuse a window longer or shorter than the platform takes.

    Raises:
        ParameterProblem: it is.
    """
    start_sec, end_sec = params.window(duration_sec)
    if params.model == MARENGO_35 and 0.0 < end_sec - start_sec < SHORTEST_TASK_SEC:
        raise ParameterProblem(
            f"{params.model} embeds recordings of {number(SHORTEST_TASK_SEC)} seconds and more; "
            f"that is {number(round(end_sec - start_sec, 3))}.",
            f"Choose a longer window, or use {HOSTED_MODEL} (SOUNDBITE_MODEL).",
            code="audio_too_short",
        )
    if end_sec - start_sec > longest_sec:
        raise ParameterProblem(
            f"That is {number(round(end_sec - start_sec, 3))} seconds of audio; "
            f"at most {number(longest_sec)} ({longest_sec / 3600:g} hours) are embedded at once.",
            "Embed it in parts with start_sec and end_sec.",
            code="audio_too_long",
        )


def _strategy(request: EmbedRequest, knows_natural: bool, model_name: str) -> Literal["natural", "fixed"]:
    if request.segmentation == "auto":
        return "natural" if knows_natural and request.segment_sec == DEFAULT_SEGMENT_SEC else "fixed"
    if request.segmentation == "natural" and not knows_natural and model_name != MARENGO_35:
        raise ParameterProblem(
            f"{HOSTED_MODEL} of the hosted platform cuts recordings into segments of one length only.",
            'Use segmentation "auto" or "fixed".',
        )
    return request.segmentation


def _in_order(values: Sequence[Value]) -> tuple[Value, ...]:
    # The same set in another order, or with repeats, asks for the same.
    return tuple(sorted(dict.fromkeys(values), key=lambda value: _ORDER.index(value) if value in _ORDER else -1))
