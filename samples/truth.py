"""What happens when in the sample recordings, and what the demonstration asks about them."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class SamplesError(Exception):
    """The folder holds no usable samples; the message is one line."""


class Event(BaseModel):
    """One thing heard in a recording, in seconds from its start; `id` is set where a question refers to it."""

    model_config = ConfigDict(frozen=True)

    id: str = ""
    start_sec: float
    end_sec: float
    kind: str
    label: str
    voice: str = ""
    text: str = ""

    def is_answered_by(self, start_sec: float, end_sec: float) -> bool:
        """Whether a time range is about this event: centred in it, or sharing half of the shorter of the two."""
        shared = min(end_sec, self.end_sec) - max(start_sec, self.start_sec)
        shorter = min(end_sec - start_sec, self.end_sec - self.start_sec)
        return shared >= shorter / 2 or self.start_sec <= (start_sec + end_sec) / 2 <= self.end_sec


class Recording(BaseModel):
    """A sample recording and everything that happens in it."""

    model_config = ConfigDict(frozen=True)

    file: str
    title: str
    tags: list[str]
    seconds: float
    events: list[Event]


class Question(BaseModel):
    """What to ask: words, or an event to find more of. `expect` and `like` are `file#event`; no `expect`: no answer.

    `words` have to be in the text of the answer, whatever their case and marks; `a|b` is either.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    kind: str
    query: str = ""
    like: str = ""
    tags: list[str] = Field(default_factory=list)
    expect: list[str]
    words: list[str] = Field(default_factory=list)

    def is_said_in(self, text: str) -> bool:
        """Whether a text has the words of the answer."""
        spoken = f" {_plain(text)} "
        return all(any(f" {_plain(words)} " in spoken for words in either.split("|")) for either in self.words)


class Samples(BaseModel):
    """The whole folder."""

    model_config = ConfigDict(frozen=True)

    folder: Path
    recordings: list[Recording]
    questions: list[Question]

    def event(self, reference: str) -> tuple[Recording, Event]:
        """Return the event that `file#id` names, with its recording.

        Raises:
            SamplesError: there is none.
        """
        file, _, event_id = reference.partition("#")
        for recording in self.recordings:
            for event in recording.events:
                if recording.file == file and event.id == event_id:
                    return recording, event
        raise SamplesError(f"truth.json has no event {reference}.")


class _Truth(BaseModel):
    recordings: list[Recording]


class _Questions(BaseModel):
    questions: list[Question]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", re.sub(r"(?<=\d),(?=\d)", "", text).lower()))


def read_samples(folder: Path) -> Samples:
    """Read truth.json and questions.json.

    Raises:
        SamplesError: one of them is missing or not what it should be, or names what isn't there.
    """
    try:
        truth = _Truth.model_validate_json((folder / "truth.json").read_bytes())
        asked = _Questions.model_validate_json((folder / "questions.json").read_bytes())
    except OSError as exc:
        raise SamplesError(f"{folder} holds no samples: {exc.filename} can't be read ({exc.strerror}).") from exc
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SamplesError(f"The samples in {folder} can't be used: {where}: {first['msg']}.") from exc
    for recording in truth.recordings:
        if not (folder / recording.file).is_file():
            raise SamplesError(f"{folder} holds no {recording.file}, which truth.json describes.")
    samples = Samples(folder=folder.resolve(), recordings=truth.recordings, questions=asked.questions)
    for question in samples.questions:
        for reference in [*question.expect, *filter(None, [question.like])]:
            samples.event(reference)
    return samples
