"""Reads a folder in the evaluation format: recordings in manifest.csv, questions with known answers in queries.csv."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class EvalSetError(Exception):
    """The folder can't be used; the message says in one line what is missing."""


@dataclass(frozen=True)
class Recording:
    """A row of manifest.csv; `transcript` is empty where nothing is said or nobody wrote it down."""

    path: str
    kind: str
    label: str
    fold: str
    transcript: str
    seconds: float
    source: str

    @property
    def is_speech(self) -> bool:
        """Whether it is speech that somebody wrote down."""
        return bool(self.transcript)

    @property
    def is_sound(self) -> bool:
        """Whether it is a sound with a name, and not speech."""
        return not self.transcript and self.label != "speech"


@dataclass(frozen=True)
class Query:
    """A row of queries.csv: words to search for, and the recording whose speech answers them."""

    path: str
    kind: str
    text: str


@dataclass(frozen=True)
class EvalSet:
    """A whole folder; paths of recordings are relative to it."""

    folder: Path
    recordings: tuple[Recording, ...]
    queries: tuple[Query, ...]

    @property
    def audio_seconds(self) -> float:
        """Length of all recordings together."""
        return sum(recording.seconds for recording in self.recordings)

    @property
    def speech(self) -> tuple[Recording, ...]:
        """The recordings whose words somebody wrote down."""
        return tuple(recording for recording in self.recordings if recording.is_speech)

    @property
    def sounds(self) -> tuple[Recording, ...]:
        """The recordings of sounds without speech."""
        return tuple(recording for recording in self.recordings if recording.is_sound)


def read_eval_set(folder: Path) -> EvalSet:
    """Read the folder and check that it is whole.

    Raises:
        EvalSetError: a file, a column or a recording is missing, or a query names a recording that isn't listed.
    """
    columns = ("path", "kind", "label", "fold", "transcript", "seconds", "source")
    recordings = tuple(
        Recording(row["path"], row["kind"], row["label"], row["fold"], row["transcript"], _seconds(row), row["source"])
        for row in rows_of(folder / "manifest.csv", columns)
    )
    queries = tuple(
        Query(row["path"], row["kind"], row["query"])
        for row in rows_of(folder / "queries.csv", ("path", "kind", "query"))
    )
    eval_set = EvalSet(folder, recordings, queries)
    _check(eval_set)
    return eval_set


def rows_of(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a table that has at least these columns.

    Raises:
        EvalSetError: it can't be read, is empty, or lacks one.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as exc:
        raise EvalSetError(f"{path} can't be read: {exc.strerror}.") from exc
    if not rows or (absent := sorted(set(columns) - rows[0].keys())):
        raise EvalSetError(f"{path} has no {', '.join(absent) if rows else 'rows'}.")
    return rows


def _seconds(row: dict[str, str]) -> float:
    try:
        return float(row["seconds"])
    except ValueError as exc:
        raise EvalSetError(f"manifest.csv: {row['path']} has seconds {row['seconds']!r}, not a number.") from exc


def _check(eval_set: EvalSet) -> None:
    listed = {recording.path for recording in eval_set.recordings}
    if absent := [path for path in sorted(listed) if not (eval_set.folder / path).is_file()]:
        raise EvalSetError(f"{len(absent)} recordings of manifest.csv are missing, {absent[0]} for one.")
    if unknown := sorted({query.path for query in eval_set.queries} - listed):
        raise EvalSetError(f"queries.csv names {unknown[0]}, which manifest.csv doesn't list.")
