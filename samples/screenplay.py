"""Reads the scripts of the sample recordings: who says what, which sound is heard, where it is silent."""

import re
from dataclasses import dataclass
from pathlib import Path

_SPEECH = re.compile(r"(?P<voice>[a-z]+)(?: @(?P<line>[a-z]+))?(?: #(?P<id>[a-z-]+))?: (?P<text>.+)")
_SOUND = re.compile(r"\* (?P<label>[a-z]+) (?P<sec>[0-9.]+)(?: #(?P<id>[a-z-]+))?")
_SILENCE = re.compile(r"- (?P<sec>[0-9.]+)(?: #(?P<id>[a-z-]+))?")


@dataclass(frozen=True)
class Speech:
    """What a flite voice reads; `line` is `telephone` where it comes through one."""

    event_id: str
    voice: str
    line: str
    text: str


@dataclass(frozen=True)
class Sound:
    """A synthetic sound of the given length."""

    event_id: str
    label: str
    seconds: float


@dataclass(frozen=True)
class Silence:
    """A stretch where nothing but the noise bed is heard."""

    event_id: str
    seconds: float


Cue = Speech | Sound | Silence


@dataclass(frozen=True)
class Screenplay:
    """One recording: its file name (whose ending chooses the format), and its cues in order.

    `bed_db` is the level of the soft noise of a room, `noise_db` that of a loud one over the whole band, in dBFS.
    """

    title: str
    file: str
    tags: tuple[str, ...]
    bed_db: float | None
    noise_db: float | None
    cues: tuple[Cue, ...]


def read_screenplay(path: Path) -> Screenplay:
    """Parse a script: `key: value` lines, an empty line, then one cue a line.

    Raises:
        ValueError: a line is none of `voice @line #id: text`, `* sound seconds #id` and `- seconds #id`.
    """
    head, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    fields: dict[str, str] = dict(line.split(": ", 1) for line in head.splitlines())
    return Screenplay(
        title=fields["title"],
        file=fields["file"],
        tags=tuple(fields["tags"].split(", ")),
        bed_db=_level(fields.get("bed_db")),
        noise_db=_level(fields.get("noise_db")),
        cues=tuple(_cue(line) for line in body.splitlines() if line),
    )


def _level(text: str | None) -> float | None:
    return None if text is None else float(text)


def _cue(line: str) -> Cue:
    if match := _SOUND.fullmatch(line):
        return Sound(match["id"] or "", match["label"], float(match["sec"]))
    if match := _SILENCE.fullmatch(line):
        return Silence(match["id"] or "", float(match["sec"]))
    if match := _SPEECH.fullmatch(line):
        return Speech(match["id"] or "", match["voice"], match["line"] or "", match["text"])
    raise ValueError(f"not a cue: {line!r}")
