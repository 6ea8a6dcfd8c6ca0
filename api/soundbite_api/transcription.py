"""Transcripts on the wire (contract 2.6)."""

from __future__ import annotations

from pydantic import Field, FiniteFloat

from soundbite_api.wire import Response


class TimedText(Response):
    """A word, sentence or utterance with its time range in seconds."""

    start: FiniteFloat
    end: FiniteFloat
    value: str
    speaker: str | None = None


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
