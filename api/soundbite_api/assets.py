"""Assets and their transcripts on the wire (contract sections 2 and 2.6)."""

from __future__ import annotations

from typing import Any

from pydantic import Field, FiniteFloat

from soundbite_api.wire import PageInfo, Response


class AssetProblem(Response):
    """Why an asset failed; the text is for people and not part of the contract."""

    message: str = ""


class Asset(Response):
    """An uploaded or referenced file.

    `status` is processing, ready or failed; `duration` (seconds) and `size` (bytes) are there once it is ready.
    """

    id: str = Field(alias="_id")
    status: str = "ready"
    method: str | None = None
    filename: str | None = None
    file_type: str | None = None
    created_at: str | None = None
    duration: float | None = None
    size: int | None = None
    user_metadata: dict[str, Any] | None = None
    technical_metadata: dict[str, Any] | None = None
    error: AssetProblem | None = None


class AssetPage(Response):
    """One page of assets, newest first."""

    data: list[Asset] = Field(default_factory=list)
    page_info: PageInfo = Field(default_factory=PageInfo)


class TimedText(Response):
    """A word, sentence or utterance with its time range in seconds."""

    start: FiniteFloat
    end: FiniteFloat
    value: str
    speaker: str | None = None
    probability: FiniteFloat | None = None
    """How likely the recogniser holds it, 0 to 1; an embedded engine says so."""
    language: str | None = None
    """Code of ISO 639-1, where an embedded engine knows it."""


class TranscriptionProblem(Response):
    """Why there is no transcript."""

    message: str = ""


class Transcription(Response):
    """What is said in an asset; `status` is pending, processing, ready or failed."""

    status: str
    words: list[TimedText] = Field(default_factory=list)
    sentences: list[TimedText] = Field(default_factory=list)
    utterances: list[TimedText] = Field(default_factory=list)
    error: TranscriptionProblem | None = None
