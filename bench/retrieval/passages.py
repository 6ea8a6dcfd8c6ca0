"""Long recordings with turns and questions: the folder `long` of an evaluation folder, where there is one.

`manifest.csv` names the recordings, `turns.csv` who says what from when to when, `questions.csv` what is asked and the
passage that answers it; a question of the kind `nothing` has none. Times are seconds in the recording.
"""

from dataclasses import dataclass
from pathlib import Path

from retrieval.evaluation_set import EvalSetError, rows_of

NOTHING = "nothing"


@dataclass(frozen=True)
class LongRecording:
    """A row of manifest.csv: a call, a reading, a meeting or speech in another language than English."""

    path: str
    kind: str
    seconds: float


@dataclass(frozen=True)
class Turn:
    """What one speaker says without a pause; `text` is empty where nobody wrote it down."""

    path: str
    start_sec: float
    end_sec: float
    speaker: str
    text: str


@dataclass(frozen=True)
class Question:
    """Words to search for, and the passage that answers them; `path` is empty where nothing does."""

    path: str
    start_sec: float
    end_sec: float
    kind: str
    text: str
    speaker: str = ""
    """Who says the answer, as turns.csv calls them; empty where the question does not turn on it."""

    @property
    def is_answerable(self) -> bool:
        return self.kind != NOTHING


@dataclass(frozen=True)
class LongSet:
    """A whole folder; paths of recordings are relative to it."""

    folder: Path
    recordings: tuple[LongRecording, ...]
    turns: tuple[Turn, ...]
    questions: tuple[Question, ...]

    def turns_of(self, path: str) -> tuple[Turn, ...]:
        """The written turns of a recording, in order of their start."""
        written = (turn for turn in self.turns if turn.path == path and turn.text)
        return tuple(sorted(written, key=lambda turn: turn.start_sec))


def read_long_set(folder: Path) -> LongSet:
    """Read the folder and check that it is whole.

    Raises:
        EvalSetError: a file, a column, a number or a recording is missing.
    """
    recordings = tuple(
        LongRecording(row["path"], row["kind"], _number(row["seconds"]))
        for row in rows_of(folder / "manifest.csv", ("path", "kind", "seconds"))
    )
    turns = tuple(
        Turn(row["path"], _number(row["start_sec"]), _number(row["end_sec"]), row["speaker"], row["text"])
        for row in rows_of(folder / "turns.csv", ("path", "start_sec", "end_sec", "speaker", "text"))
    )
    questions = tuple(
        _question(row) for row in rows_of(folder / "questions.csv", ("path", "start_sec", "end_sec", "kind", "query"))
    )
    listed = {recording.path for recording in recordings}
    if absent := [path for path in sorted(listed) if not (folder / path).is_file()]:
        raise EvalSetError(f"{len(absent)} recordings of {folder.name}/manifest.csv are missing, {absent[0]} for one.")
    if unknown := sorted({row.path for row in (*turns, *questions) if row.path} - listed):
        raise EvalSetError(f"{folder.name} speaks of {unknown[0]}, which its manifest.csv doesn't list.")
    return LongSet(folder, recordings, turns, questions)


def _question(row: dict[str, str]) -> Question:
    if row["kind"] == NOTHING:
        return Question("", 0.0, 0.0, NOTHING, row["query"])
    start_sec, end_sec = _number(row["start_sec"]), _number(row["end_sec"])
    return Question(row["path"], start_sec, end_sec, row["kind"], row["query"], row.get("speaker", ""))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as exc:
        raise EvalSetError(f"{text!r} stands where a number of seconds is wanted.") from exc
