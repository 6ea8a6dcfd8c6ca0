"""The demonstration, run as `make demo` runs it: a real server in a process of its own."""

import io
import json
from pathlib import Path

import av
import pytest
from demo import run_demo
from rich.console import Console

SAMPLES = Path(__file__).parents[2] / "samples"
SHOPPING_SEC = 5.5  # the first note of memos.mp3 lies before this


def paper() -> Console:
    return Console(file=io.StringIO(), width=200)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.fixture
def one_note(tmp_path: Path) -> Path:
    """A folder with one short recording and three questions: one right, one of other words, one without an answer."""
    with av.open(str(SAMPLES / "memos.mp3")) as source, av.open(str(tmp_path / "note.flac"), "w") as target:
        stream = target.add_stream("flac", rate=16_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
        for frame in source.decode(audio=0):
            if frame.time is not None and frame.time < SHOPPING_SEC:
                for part in resampler.resample(frame):
                    target.mux(stream.encode(part))
        target.mux(stream.encode(None))
    event = {"id": "note", "start_sec": 0, "end_sec": SHOPPING_SEC, "kind": "speech", "label": "speech"}
    event["text"] = "Buy bread, butter, and two bottles of milk."
    recording = {"file": "note.flac", "title": "A note", "tags": [], "seconds": SHOPPING_SEC, "events": [event]}
    questions = [
        {
            "id": "right",
            "kind": "verbatim",
            "query": "bottles of milk",
            "expect": ["note.flac#note"],
            "words": ["milk"],
        },
        {
            "id": "place",
            "kind": "keywords",
            "query": "bottles milk",
            "expect": ["note.flac#note"],
            "words": ["elephants"],
        },
        {"id": "wrong", "kind": "absent", "query": "bread and butter", "expect": []},
    ]
    (tmp_path / "truth.json").write_text(json.dumps({"recordings": [recording]}), encoding="utf-8")
    (tmp_path / "questions.json").write_text(json.dumps({"questions": questions}), encoding="utf-8")
    return tmp_path


async def test_a_wrong_answer_is_marked_and_ends_the_demonstration_with_1(one_note: Path) -> None:
    console = paper()
    assert await run_demo(one_note, console) == 1
    text = printed(console)
    assert "✓ Words that were said: “bottles of milk”" in text
    assert "A note  00:00-00:0" in text
    assert "✗ Something nobody says" in text
    assert "expected: nothing" in text
    assert "really said: “Buy bread, butter, and two bottles of milk.”" in text
    assert "✗ A few words of what was said" in text
    assert "expected: note.flac#note, with the words elephants" in text
    assert "1 of 3 answers are right" in text
    assert "was a temporary one" in text
    assert f"soundbite add {one_note}" in text


async def test_a_recording_that_cannot_be_embedded_stops_the_demonstration_with_1(one_note: Path) -> None:
    (one_note / "note.flac").write_bytes(b"not a sound")
    console = paper()
    assert await run_demo(one_note, console) == 1
    assert "The demonstration stopped: embed_audio:" in printed(console)


async def test_a_folder_without_samples_ends_the_demonstration_with_2(tmp_path: Path) -> None:
    console = paper()
    assert await run_demo(tmp_path, console) == 2
    assert "holds no samples" in printed(console)
