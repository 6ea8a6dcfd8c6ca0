"""A glossary: names as they are spelled, one a line of a file, and what else they are heard as."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from soundbite_tools.errors import QuestionProblem
from soundbite_tools.text import count_of, file_label, plain_text, single_spaces
from soundbite_tools.words.pronunciation import readings, sound_weight, tokens
from soundbite_tools.words.timed_words import letters

MOST_NAMES = 1000
LONGEST_NAME = 80
_MOST_BYTES = 1024 * 1024
_HEARD_AS, _BETWEEN, _REMARK = ":", ",", "#"


@dataclass(frozen=True)
class Name:
    """A name as it is spelled, and other words that a recogniser writes for it."""

    text: str
    heard_as: tuple[str, ...] = ()

    @classmethod
    def parse(cls, line: str) -> Name:
        """Read `name` or `name: heard as, or as`.

        Raises:
            QuestionProblem: there is no name, or it is too long.
        """
        text, _, others = line.partition(_HEARD_AS)
        name = plain_text(text, len(text))
        heard_as = tuple(dict.fromkeys(filter(letters, map(single_spaces, others.split(_BETWEEN)))))
        if line.startswith(_REMARK) or not letters(name) or any(len(part) > LONGEST_NAME for part in (name, *heard_as)):
            raise QuestionProblem(
                f"{file_label(line)} is no name.",
                f"Write a name of at most {LONGEST_NAME} characters, or `name: heard as, or as`.",
                code="no_name",
            )
        return cls(name, heard_as)

    @property
    def line(self) -> str:
        """The name as a line of the file."""
        return f"{self.text}{_HEARD_AS} {f'{_BETWEEN} '.join(self.heard_as)}" if self.heard_as else self.text

    @cached_property
    def readings(self) -> tuple[str, ...]:
        """The ways in which it sounds, and in which what it is heard as does."""
        return tuple(dict.fromkeys(way for text in (self.text, *self.heard_as) for way in readings(text)))

    @cached_property
    def parts(self) -> frozenset[str]:
        """Its words, as they are compared."""
        return frozenset(filter(None, map(letters, [*self.text.split(), *tokens(self.text)])))

    @cached_property
    def most_words(self) -> int:
        """How many words it may come out as."""
        return max(len(tokens(text)) for text in (self.text, *self.heard_as)) + 2

    @cached_property
    def weight(self) -> float:
        """How much sound it has: of its shortest reading."""
        return min(map(sound_weight, self.readings), default=0.0)


@dataclass(frozen=True)
class Glossary:
    """Names that were taught, in the order in which they were."""

    names: tuple[Name, ...] = ()
    notes: tuple[str, ...] = ()
    """About lines of its file that are no names and were skipped."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names alone."""
        return tuple(name.text for name in self.names)

    @classmethod
    def read(cls, path: Path) -> Glossary:
        """Return the names of a file; lines that begin with # are remarks. Where there is no file there are none.

        A line that is no name is skipped.

        Raises:
            QuestionProblem: it can't be read as such a file.
        """
        try:
            with path.open("rb") as file:
                body = file.read(_MOST_BYTES + 1)
            lines = body.decode("utf-8-sig").splitlines() if len(body) <= _MOST_BYTES else None
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError) as exc:
            reason = getattr(exc, "strerror", None) or "it is no text in UTF-8"
            raise _unreadable(path, reason) from exc
        if lines is None:
            raise _unreadable(path, "it is larger than 1 MB")
        names, notes = list[Name](), list[str]()
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith(_REMARK):
                continue
            if name := _name_of(line):
                names.append(name)
            else:
                where = f"Line {number} of {file_label(path.name)}"
                notes.append(f"{where} is no name and was skipped: {file_label(line)}.")
        return replace(cls().with_names(names), notes=tuple(notes))

    def write(self, path: Path) -> None:
        """Write the file anew: all of it or nothing. Remarks and lines that are no names stay, at its head.

        Raises:
            QuestionProblem: it can't be written.
        """
        try:
            path = path.resolve()  # of a link the file that it leads to
            remarks = []
            if path.exists():
                lines = path.read_text("utf-8-sig").splitlines()
                remarks = [line for line in lines if line.strip() and not _name_of(line)]
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{os.getpid()}")
            text = "".join(f"{line}\n" for line in [*remarks, *(name.line for name in self.names)])
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as exc:
            raise QuestionProblem(
                f"The glossary {file_label(path.name)} can't be written: {exc.strerror}.",
                "Point SOUNDBITE_GLOSSARY at a file that can be written.",
                code="glossary_unwritable",
            ) from exc

    def with_names(self, names: Iterable[Name]) -> Glossary:
        """Return the glossary with these names too; of one that it has, what it is heard as is added.

        Raises:
            QuestionProblem: those are too many.
        """
        known = {letters(name.text): name for name in self.names}
        for name in names:
            key = letters(name.text)
            earlier = known[key].heard_as if key in known else ()
            known[key] = replace(name, heard_as=tuple(dict.fromkeys((*earlier, *name.heard_as))))
        if len(known) > MOST_NAMES:
            raise QuestionProblem(
                f"That would be {count_of(len(known), 'name')}; a glossary has at most {MOST_NAMES}.",
                "Remove names that are not needed.",
                code="too_many_names",
            )
        return replace(self, names=tuple(known.values()))

    def without(self, names: Iterable[str]) -> Glossary:
        """Return the glossary without these names."""
        gone = set(map(letters, names))
        return replace(self, names=tuple(name for name in self.names if letters(name.text) not in gone))


def _name_of(line: str) -> Name | None:
    try:
        return Name.parse(line)
    except QuestionProblem:
        return None


def _unreadable(path: Path, reason: str) -> QuestionProblem:
    return QuestionProblem(
        f"The glossary {file_label(path.name)} can't be read: {reason}.",
        "It is a text file with a name on each line.",
        code="glossary_unreadable",
    )
