"""The sample recordings and what truth.json says of them."""

import itertools
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

SAMPLES = Path(__file__).parents[2] / "samples"
RATE_HZ = 16_000
RECORDINGS: list[dict[str, Any]] = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["recordings"]
QUESTIONS: list[dict[str, Any]] = json.loads((SAMPLES / "questions.json").read_text(encoding="utf-8"))["questions"]
FILES = [recording["file"] for recording in RECORDINGS]

PLAIN_WORDS = set(
    re.findall(r"\w+", "a about an and for from her i in is it of on our she that the their to was we when with")
)

every_recording = pytest.mark.parametrize("recording", RECORDINGS, ids=FILES)


@cache
def decoded(file: str) -> npt.NDArray[np.float32]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE_HZ)
    with av.open(str(SAMPLES / file)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def level_db(sound: npt.NDArray[np.float32]) -> float:
    return 20 * float(np.log10(np.sqrt(np.mean(sound**2)) + 1e-9))


def heard(recording: dict[str, Any], event: dict[str, Any]) -> npt.NDArray[np.float32]:
    start, end = (round(event[key] * RATE_HZ) for key in ("start_sec", "end_sec"))
    return decoded(recording["file"])[start:end]


def event_named(reference: str) -> dict[str, Any]:
    file, _, event_id = reference.partition("#")
    [recording] = [one for one in RECORDINGS if one["file"] == file]
    [event] = [one for one in recording["events"] if one.get("id") == event_id]
    return event


def test_every_recording_in_the_folder_is_described() -> None:
    present = {path.name for path in SAMPLES.iterdir() if path.suffix in {".flac", ".opus", ".mp3"}}
    assert present == set(FILES)


def test_the_recordings_are_small_enough_to_be_committed() -> None:
    assert sum((SAMPLES / file).stat().st_size for file in FILES) < 6_000_000


@every_recording
def test_the_length_is_what_truth_says(recording: dict[str, Any]) -> None:
    assert 60 <= recording["seconds"] <= 180
    assert len(decoded(recording["file"])) / RATE_HZ == pytest.approx(recording["seconds"], abs=0.05)


@every_recording
def test_the_file_carries_its_title(recording: dict[str, Any]) -> None:
    with av.open(str(SAMPLES / recording["file"])) as container:
        tags = {**container.streams[0].metadata, **container.metadata}  # Ogg keeps its tags in the stream
    assert {key.lower(): value for key, value in tags.items()}["title"] == recording["title"]


@every_recording
def test_events_follow_one_another_inside_the_recording(recording: dict[str, Any]) -> None:
    events = recording["events"]
    assert all(event["start_sec"] < event["end_sec"] for event in events)
    assert all(one["end_sec"] <= other["start_sec"] for one, other in itertools.pairwise(events))
    assert events[0]["start_sec"] >= 0
    assert events[-1]["end_sec"] <= recording["seconds"]


@every_recording
def test_silence_is_quiet_and_everything_else_is_heard(recording: dict[str, Any]) -> None:
    for event in recording["events"]:
        level = level_db(heard(recording, event))
        least, most = {"silence": (-200, -50), "noise": (-35, -28)}.get(event["kind"], (-30, -10))
        assert least < level < most, (event, level)


@every_recording
def test_an_event_begins_and_ends_where_truth_says(recording: dict[str, Any]) -> None:
    for event in recording["events"]:
        if event["kind"] in {"silence", "noise"}:
            continue
        edge = round(0.15 * RATE_HZ)
        sound = np.abs(heard(recording, event))
        assert sound[:edge].max() > 0.01, event
        # A repeating pattern is cut to length, so its last beat may lie before the end.
        if event["kind"] == "speech":
            assert sound[-edge:].max() > 0.005, event


@every_recording
def test_speech_carries_its_voice_and_words(recording: dict[str, Any]) -> None:
    spoken = [event for event in recording["events"] if event["kind"] == "speech"]
    assert len(spoken) >= 5
    assert all(event["voice"] in {"rms", "awb", "slt"} and event["text"] for event in spoken)


def test_what_comes_through_a_telephone_has_its_band_alone() -> None:
    call = next(recording for recording in RECORDINGS if recording["file"] == "workshop-call.opus")
    for event in (event for event in call["events"] if event["kind"] == "speech"):
        power = np.abs(np.fft.rfft(heard(call, event))) ** 2
        above = power[len(power) * 4_000 // (RATE_HZ // 2) :].sum() / power.sum()
        assert (above < 1e-5) == (event.get("line") == "telephone"), (event, above)


def test_one_recording_is_noisy_ten_decibels_under_the_voice() -> None:
    hall = next(recording for recording in RECORDINGS if recording["file"] == "machine-hall.mp3")
    levels = {
        kind: np.mean([level_db(heard(hall, event)) for event in hall["events"] if event["kind"] == kind])
        for kind in ("speech", "noise")
    }
    # What is measured as speech holds the noise as well.
    assert levels["speech"] - levels["noise"] == pytest.approx(10.4, abs=0.6)


def test_every_kind_of_question_is_asked() -> None:
    kinds = {question["kind"] for question in QUESTIONS}
    assert kinds >= {"verbatim", "keywords", "paraphrase", "like", "sound", "filter", "absent"}
    assert kinds >= {"number", "written", "telephone", "noise"}


@pytest.mark.parametrize("question", QUESTIONS, ids=[question["id"] for question in QUESTIONS])
def test_a_question_asks_one_thing_and_names_known_events(question: dict[str, Any]) -> None:
    assert ("query" in question) != ("like" in question)
    for reference in [*question["expect"], *([question["like"]] if "like" in question else [])]:
        event_named(reference)
    assert bool(question["expect"]) == (question["kind"] != "absent")


@pytest.mark.parametrize("question", QUESTIONS, ids=[question["id"] for question in QUESTIONS])
def test_what_was_said_has_the_words_of_the_answer(question: dict[str, Any]) -> None:
    spoken = (
        " ".join(event_named(reference).get("text", "") for reference in question["expect"]).lower().replace(",", "")
    )
    for either in question.get("words", []):
        assert any(words in spoken for words in either.split("|")), either
    assert ("words" in question) == bool(spoken.strip())


def content_words(text: str) -> set[str]:
    return {word.strip(".,?").lower() for word in text.split()} - PLAIN_WORDS


def test_a_paraphrase_shares_no_content_word_with_what_was_said() -> None:
    for question in QUESTIONS:
        if question["kind"] == "paraphrase":
            [reference] = question["expect"]
            assert not content_words(question["query"]) & content_words(event_named(reference)["text"])


def test_words_asked_for_verbatim_were_said_in_that_order() -> None:
    for question in QUESTIONS:
        if question["kind"] == "verbatim":
            [reference] = question["expect"]
            assert question["query"] in event_named(reference)["text"].lower()


def test_a_filtered_question_expects_recordings_with_its_tags() -> None:
    tags = {recording["file"]: set(recording["tags"]) for recording in RECORDINGS}
    for question in QUESTIONS:
        for reference in question["expect"]:
            assert set(question.get("tags", [])) <= tags[reference.partition("#")[0]]
