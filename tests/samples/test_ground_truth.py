"""How the demonstration reads the samples and judges an answer."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from truth import Event, Question, SamplesError, read_samples

SAMPLES = Path(__file__).parents[2] / "samples"
ALARM = Event(id="alarm", start_sec=10.0, end_sec=15.0, kind="sound", label="alarm")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in SAMPLES.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


def edit(path: Path, key: str, value: Any) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))
    document["questions"][0][key] = value
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.mark.parametrize(
    ("start_sec", "end_sec", "is_right"),
    [
        (10.0, 15.0, True),
        (0.0, 60.0, True),  # holds the event whole: half of the shorter of the two is shared
        (12.0, 13.0, True),
        (12.4, 17.4, True),
        (12.6, 17.6, False),
        (4.9, 15.2, True),  # centred in it
        (15.0, 20.0, False),
        (40.0, 45.0, False),
    ],
)
def test_a_range_answers_when_it_shares_half_or_is_centred_in_the_event(
    start_sec: float, end_sec: float, is_right: bool
) -> None:
    assert ALARM.is_answered_by(start_sec, end_sec) is is_right


@pytest.mark.parametrize(
    ("text", "is_said"),
    [
        ("It was almost $12,000 when we finished.", True),
        ("It was almost Twelve thousand, when we finished!", True),
        ("It was almost 112000 when we finished.", False),
        ("We finished: 12,000", False),
        ("", False),
    ],
)
def test_an_answer_has_the_words_that_were_said(text: str, is_said: bool) -> None:
    asked = Question(id="q", kind="number", query="How much?", expect=[], words=["twelve thousand|12000", "it was"])
    assert asked.is_said_in(text) is is_said


def test_the_samples_are_read_with_their_questions() -> None:
    samples = read_samples(SAMPLES)
    recording, event = samples.event("field-log.flac#flood-alarm")
    assert recording.title == "Field log of the north river station"
    assert (event.kind, event.label) == ("sound", "alarm")


def test_a_folder_without_samples_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SamplesError, match=r"truth\.json can't be read"):
        read_samples(tmp_path)


def test_a_missing_recording_is_named(folder: Path) -> None:
    (folder / "memos.mp3").unlink()
    with pytest.raises(SamplesError, match=r"no memos\.mp3"):
        read_samples(folder)


def test_a_question_about_an_unknown_event_is_refused(folder: Path) -> None:
    edit(folder / "questions.json", "expect", ["memos.mp3#thunder"])
    with pytest.raises(SamplesError, match=r"no event memos\.mp3#thunder"):
        read_samples(folder)


def test_a_question_of_the_wrong_shape_is_refused_in_one_line(folder: Path) -> None:
    edit(folder / "questions.json", "tags", "meeting")
    with pytest.raises(SamplesError, match=r"questions\.0\.tags") as caught:
        read_samples(folder)
    assert "\n" not in str(caught.value)
