"""Texts of answers: words of others made safe to show, times and counts as people read them, and how much fits."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Protocol, TypeVar

LONGEST_TITLE = 120
LONGEST_TAG = 40
LONGEST_SPEAKER = 60
_LONGEST_LABEL = 100  # "probably", a name, and how sure it is
_NUMBER = re.compile(r"(?:speaker)?[\s_-]*\d*", re.IGNORECASE)
_NUMBERED = re.compile(r"Speaker \d+(?:, Speaker \d+)*")
LONGEST_MARK = 40
"""A name before the words of a caption: a line of its two is left to the words."""
MOST_TAGS = 20
SAME_SEC = 0.006
"""Times that differ by no more are the same: results round them to hundredths."""
BETWEEN_SOUNDS = "; "
"""Between the names of sounds in the `sound_words` of a clip."""
_LEFT_OUT_SEC = 0.8
ERASED = "[…]"
"""Stands among words where something was erased."""
ERASED_LINE = "[erased]"
"""Stands among sentences for what was erased."""
_RANGE_ID = re.compile(r"([A-Za-z0-9_-]{1,80})\.(\d{1,9})-(\d{1,9})")
SILENCE = "silence"
"""The `sound_words` of a clip in which there is nothing to be heard."""
MOST_TOKENS = 8_000
_CHARS_PER_TOKEN = 3.5
_ROUND_SEC = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
# Room for what the protocol and the client wrap around an answer.
_SHARE = 0.95


def plain_text(text: str, longest: int) -> str:
    """Return the text on one line, without invisible characters, at most `longest` characters long."""
    visible = "".join(_visible(char) for char in text)
    return shorten(single_spaces(visible), longest)


def shorten(text: str, longest: int) -> str:
    """Return the text cut at a word where possible, with an ellipsis where something is missing."""
    if len(text) <= longest:
        return text
    cut = text[: longest - 1]
    space = cut.rfind(" ")
    # A word boundary is worth a fifth of the space, not more: some languages have none.
    return (cut[:space] if space > longest * 0.8 else cut) + "…"


def single_spaces(text: str) -> str:
    """Return a text on one line: white space at its ends goes, other runs of it are one space."""
    return " ".join(text.split())


def quoted(text: str) -> str:
    """Return words of others as they stand in an answer: in quotes that they can't end, on one line."""
    return '"' + single_spaces(text).replace('"', "'") + '"'


def titled(title: str, origin: str) -> str:
    """Return a title as it stands in an answer, with what tells its recording from others of that title."""
    return f"{quoted(title)} ({quoted(origin)})" if origin else quoted(title)


def listed(texts: Iterable[str]) -> str:
    """Return several words of others in quotes, with commas between them."""
    return ", ".join(map(quoted, texts))


def file_label(name: str) -> str:
    """Return a file name or path as it stands in an answer: in quotes, on one line, a long one cut."""
    return quoted(printable(name))


def folded(text: str) -> str:
    """Return a text as names are compared: without case, accents and the difference between ways to write a letter."""
    if text.isascii():
        return text.casefold()
    letters = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in letters if not unicodedata.combining(char))


def printable(name: str) -> str:
    """Return a file name or path as one line of a terminal: what can't be printed becomes "?", a long one is cut."""
    visible = "".join(char if char.isprintable() else "?" for char in name)
    return visible if len(visible) <= 200 else f"…{visible[-199:]}"


def plain_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags in lower case, cleaned, without repeats, in the order given."""
    return distinct(plain_text(tag, LONGEST_TAG).lower() for tag in tags)


def changed_tags(known: Iterable[str], changes: Iterable[str]) -> tuple[str, ...]:
    """Return the tags of a recording with others added; one that begins with - is taken away, and -* takes all."""
    wanted = plain_tags(changes)
    gone = {tag[1:].strip() for tag in wanted if tag.startswith("-")}
    stay = () if "*" in gone else tuple(tag for tag in known if tag not in gone)
    return plain_tags((*stay, *(tag for tag in wanted if not tag.startswith("-"))))[:MOST_TAGS]


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts without the space around them, without empty ones and repeats, in the order given."""
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def language_label(code: str | None) -> str:
    """Return the code of a language worth telling: English is what is expected, and to say so of each clip is noise."""
    return code if code and code != "en" else ""


def speaker_label(speaker: str | None) -> str:
    """Return how a speaker is called: `Speaker 2` for a number, else the name that the platform gave."""
    return f"Speaker {speaker}" if speaker and speaker.isdigit() else plain_text(speaker or "", _LONGEST_LABEL)


def person_name(given: str, speaker: str) -> str:
    """Return what a speaker is called: the name that was given, else the one that a transcript brought.

    Empty for who has a number only: `2`, `Speaker 2` or `SPEAKER_02`.
    """
    return given or ("" if _NUMBER.fullmatch(speaker) else speaker_label(speaker))


def speaker_in_words(label: str) -> str:
    """Return who speaks as it stands in an answer: names come from outside and stand in quotes, numbers are ours."""
    return label if _NUMBERED.fullmatch(label) else quoted(label)


def who_before(speaker: str, text: str) -> str:
    """Return who is to be named before a text: nobody where it names several itself, as `dialogue` does."""
    first, colon, _ = text.partition(": ")
    return "" if colon and speaker.startswith(f"{first}, ") else speaker


def said_by(label: str, text: str = "") -> str:
    """Return who speaks as it stands before the words; empty where that is not known or the text says it."""
    who = who_before(label, text)
    return f"{speaker_in_words(who)}: " if who else ""


def speakers_of(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the speakers that these labels name, as clips have them: `2` for `Speaker 2`, `speaker 2` and `2`."""
    plain = (plain_text(label, LONGEST_SPEAKER) for label in labels)
    return distinct(re.sub(r"(?i)^speaker (?=[0-9]+$)", "", label) for label in plain)


def range_id(asset_id: str, start_sec: float, end_sec: float) -> str:
    """Return the id of a range of a recording that is no clip of its own; `range_of` reads it."""
    first, last = (round(rounded_sec(at) * 1000) for at in (start_sec, end_sec))
    return f"{asset_id}.{first}-{last}"


def range_of(identifier: str) -> tuple[str, float, float] | None:
    """Return the recording, start and end in seconds that a range's id names; None for any other id.

    A range has a length: an end of 0 stands for that of the recording only in arguments of their own.
    """
    match = _RANGE_ID.fullmatch(identifier)
    if match is None or int(match[3]) <= int(match[2]):
        return None
    return match[1], int(match[2]) / 1000, int(match[3]) / 1000


def _running_text(pieces: Iterable[tuple[float, float, str]]) -> str:
    """Return the words of clips (start, end, words) as one text; a pause between two of them is marked."""
    text, last_sec = "", math.inf
    for start_sec, end_sec, words in pieces:
        if words:
            # What is said between two clips and does not answer is left out: the rest must not look like one sentence.
            text += (" … " if start_sec - last_sec > _LEFT_OUT_SEC else " ") + words
        last_sec = end_sec
    return text.strip(" …").replace(f"{ERASED} … {ERASED}", ERASED).replace(f"{ERASED} {ERASED}", ERASED)


def dialogue(pieces: Iterable[tuple[float, float, str, str]]) -> str:
    """Return the words of clips (start, end, words, who says them) as one text.

    Where several speak, who does stands before the words of each turn.
    """
    spoken = list(pieces)
    if len(distinct(speaker for _, _, words, speaker in spoken if words)) < 2:
        return _running_text(piece[:3] for piece in spoken)
    turns, last = [], ""
    for start_sec, end_sec, words, speaker in spoken:
        is_new = bool(words and speaker) and speaker != last
        turns.append((start_sec, end_sec, f"{speaker}: {words}" if is_new else words))
        last = speaker if is_new else last
    return _running_text(turns)


def distinct_sounds(sound_words: Iterable[str]) -> str:
    """Return the names of sounds in several texts as one text, each name once."""
    clips = list(sound_words)
    names = [name for words in clips for name in words.split(BETWEEN_SOUNDS) if name]
    if any(words != SILENCE for words in clips):  # it is not silent everywhere
        names = [name for name in names if name != SILENCE]
    return BETWEEN_SOUNDS.join(dict.fromkeys(names))


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if category in ("Zs", "Zl", "Zp") or char in "\t\n\r\v\f":
        return " "
    # Cc control, Cf format (zero-width, bidi, tags), Cs lone surrogates, Co private use, Cn unassigned.
    return "" if category.startswith("C") else char


def clock(seconds: float) -> str:
    """Return whole seconds as `mm:ss`, from an hour on as `h:mm:ss`."""
    minutes, second = divmod(math.floor(max(0.0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def time_reached(seconds: float, length_sec: float) -> str:
    """Return how far something is, as `0:25:00 of 1:00:00`; a length of 0 is not known."""
    reached, length = (
        f"{math.floor(at) // 3600}:{math.floor(at) // 60 % 60:02}:{math.floor(at) % 60:02}"
        for at in (max(0.0, seconds), max(0.0, length_sec))
    )
    return f"{reached} of {length}" if length_sec else reached


def clock_length(seconds: float) -> str:
    """Return a length as `mm:ss`, to the nearest second; what is there lasts a second at least."""
    return clock(_whole_length(seconds))


def clock_range(start_sec: float, end_sec: float) -> str:
    """Return a range as `12:30-12:36`; the end is rounded up, so that the range holds what it names."""
    return f"{clock(start_sec)}-{clock(_second_after(max(start_sec, end_sec)))}"


def clock_ranges(spans: Sequence[tuple[float, float]], length_sec: float) -> list[str]:
    """Return the ranges of lines that follow each other in a recording of that length.

    As `clock_range` has them, but where a line ends before the next begins it is not shown to overlap it, and the last
    is not shown to end after the recording.
    """
    shown = []
    for (start, end), following in zip_longest(spans, spans[1:]):
        last = _second_after(end)
        if following is None:
            last = min(last, _whole_length(length_sec))
        elif following[0] >= end - SAME_SEC:
            last = min(last, math.floor(following[0]))
        shown.append(f"{clock(start)}-{clock(last)}" if last > math.floor(start) else clock_range(start, end))
    return shown


def _whole_length(seconds: float) -> int:
    return max(1, math.floor(seconds + 0.5)) if seconds > 0 else 0


def _second_after(seconds: float) -> int:
    return math.ceil(max(0.0, seconds) - 1e-6)


def round_step_sec(least_sec: float) -> int:
    """Return the shortest round step between the labels of a time axis that is at least that long."""
    return next((step for step in _ROUND_SEC if step >= least_sec), _ROUND_SEC[-1])


def rounded_sec(value: float) -> float:
    """Return seconds rounded to hundredths, as results show them."""
    return round(value + 0.0, 2)


def number(value: float) -> str:
    """Return a number as the structured form has it, without an empty fraction: `6`, `12.5`, `14399.87`."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def count_of(number: int, noun: str) -> str:
    """Return `1 clip`, `2 clips`: a number and its noun, for nouns that take an s."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


@dataclass(frozen=True)
class Room:
    """How much an answer may hold: characters of a text and of a title, tags of an entry, and entries."""

    text: int
    title: int
    tags: int
    entries: int = 50


ROOMS = (
    Room(text=800, title=120, tags=5),
    Room(text=400, title=120, tags=5),
    Room(text=200, title=80, tags=3),
    Room(text=100, title=60, tags=2),
    Room(text=50, title=40, tags=1),
    Room(text=30, title=30, tags=0),
    Room(text=30, title=30, tags=0, entries=35),
    Room(text=0, title=30, tags=0, entries=25),
)


class Answer(Protocol):
    """What a tool answers, in both of its forms."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """Return the structured form."""
        ...

    def to_text(self) -> str:
        """Return the form in words."""
        ...


AnswerT = TypeVar("AnswerT", bound=Answer)


def tokens(text: str) -> float:
    """Return how many tokens a text may take: 3.5 ASCII characters each, any other character one of its own."""
    plain = len(text) if text.isascii() else len(text.encode("ascii", "ignore"))
    return plain / _CHARS_PER_TOKEN + (len(text) - plain)


def fits(result: Answer) -> bool:
    """Return whether both forms of an answer stay under the limit."""
    structured = json.dumps(result.model_dump(mode="json"), ensure_ascii=False)
    return max(tokens(structured), tokens(result.to_text())) <= MOST_TOKENS * _SHARE


def first_that_fits(answer_in: Callable[[Room], AnswerT]) -> AnswerT:
    """Return the answer made with the most room at which it fits, else with the least."""
    *wider, least = ROOMS
    for room in wider:
        if fits(result := answer_in(room)):
            return result
    return answer_in(least)
