"""Questions about long recordings: what counts as right, refused and a fold, on human text and on recognised text."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

BENCH = Path(__file__).parents[2] / "bench"
SAMPLES = Path(__file__).parents[2] / "samples"
long_answers, passages, evaluation_set = (
    load(f"retrieval.{name}") for name in ("long_answers", "passages", "evaluation_set")
)
human_words, meetings, lines = load("retrieval.human_words"), load("retrieval.meetings"), load("acoustics.lines")


def question(path: str = "one.flac", kind: str = "question", start_sec: float = 10.0, end_sec: float = 14.0) -> Any:
    return passages.Question(path, start_sec, end_sec, kind, "What?")


def clip(asset_id: str, start_sec: float, end_sec: float) -> dict[str, Any]:
    return {"asset_id": asset_id, "start_sec": start_sec, "end_sec": end_sec}


def test_an_answer_is_right_where_it_overlaps_the_passage_in_the_same_recording() -> None:
    place = long_answers.place_of
    assert place(question(), "a", [clip("a", 12.0, 16.0)]) == (1, pytest.approx(2 / 6))
    assert place(question(), "a", [clip("a", 14.0, 18.0), clip("b", 10.0, 14.0), clip("a", 13.9, 15.0)]) == (3, None)
    assert place(question(), "a", [clip("a", 0.0, 10.0)]) == (None, None)
    assert place(question("", "nothing", 0.0, 0.0), "", [clip("", 0.0, 5.0)]) == (None, None)


def test_figures_are_given_by_kind_and_by_recording_and_for_all() -> None:
    def reply(path: str, kind: str, rank: int | None, score: float, is_refused: bool = False) -> Any:
        return long_answers.Reply(question(path, kind), rank, 0.5 if rank == 1 else None, score, is_refused)

    report = long_answers.report_of(
        [
            reply("one", "question", 1, 0.9),
            reply("one", "question", 2, 0.8),
            reply("two", "keywords", None, 0.3, is_refused=True),
            reply("two", "question", 1, 0.7),
            reply("", "nothing", None, 0.2, is_refused=True),
            reply("", "nothing", None, 0.6),
        ]
    )
    assert list(report.kinds) == ["question", "keywords", "all"]
    asked = report.kinds["question"]
    assert (asked.ranks.n, asked.ranks.r1, asked.fit) == (3, pytest.approx(2 / 3), 0.5)
    assert (asked.spread.folds, asked.spread.least, asked.spread.most) == (2, 0.5, 1.0)
    assert (report.kinds["keywords"].fit, report.kinds["keywords"].spread) == (None, None)
    assert report.folds == {"one": (2, 0.5), "two": (2, 0.5)}
    assert report.kinds["all"].spread.deviation == 0.0
    refused = report.refusals
    assert (refused.asked, refused.threshold, refused.by_score) == (2, 0.3, 0.5)
    assert (refused.by_verdict, refused.lost_by_verdict) == (0.5, 0.25)


def test_words_of_overlapping_turns_follow_each_other_and_a_turn_ends_with_a_stop() -> None:
    turns = (
        passages.Turn("x", 1.0, 5.0, "A", "the train leaves at two"),
        passages.Turn("x", 4.0, 4.5, "B", "Two, right?"),
    )
    words = human_words.timed_words(turns)
    assert [word.value for word in words] == ["the", "train", "leaves", "at", "two.", "Two,", "right?"]
    assert words[4].end_sec == pytest.approx(4.0)
    assert all(first.end_sec <= second.start_sec + 1e-9 for first, second in pairwise(words))
    assert human_words.timed_words(()) == ()


def test_turns_are_cut_into_clips_at_ends_of_sentences() -> None:
    assert meetings.pieces("OK . So what 's next ? Fine .") == ["OK. So what's next? Fine."]
    long = " ".join(["word"] * 30)
    assert [len(text.split()) for text in meetings.pieces(f"{long} . And more .")] == [24, 8]


def test_a_file_that_holds_no_meetings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meetings.jsonl").write_text('{"turns": []}\n')
    with pytest.raises(evaluation_set.EvalSetError, match="not a file of meetings"):
        meetings.read_meetings(tmp_path / "meetings.jsonl")


def test_a_telephone_keeps_its_band_and_noise_its_distance() -> None:
    seconds = np.arange(16_000, dtype=np.float32) / 16_000
    low, middle, high = (0.25 * np.sin(2 * np.pi * hz * seconds).astype(np.float32) for hz in (100.0, 1_000.0, 6_000.0))
    carried = lines.through_phone(middle)
    assert carried.size == 8_000
    assert np.sqrt(np.mean(carried**2)) == pytest.approx(0.25 / np.sqrt(2), rel=0.02)
    assert np.abs(lines.through_phone(low + high)).max() < 0.01
    noise = lines.under_noise(middle, 10.0, 1) - middle
    assert 10 * np.log10(np.mean(middle**2) / np.mean(noise**2)) == pytest.approx(10.0, abs=0.2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one recording without questions of its own, and a long one: silence, then a spoken sample.

    The human text of the long one is said in the silence, so that it shows which text was searched.
    """
    (tmp_path / "one.flac").write_bytes((SAMPLES / "field-log.flac").read_bytes())
    (tmp_path / "manifest.csv").write_text(
        "path,kind,label,fold,transcript,seconds,licence,source\none.flac,speech,speech,,the rain,70,CC0,me\n"
    )
    (tmp_path / "queries.csv").write_text("path,kind,query\none.flac,verbatim,the rain\n")
    long = tmp_path / "long"
    long.mkdir()
    sound = load("acoustics.scenes").read_sound(SAMPLES / "memos.mp3")[: 8 * 16_000]
    with wave.open(str(long / "call.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 6 * 16_000) + (sound * 32767).astype("<i2").tobytes())
    (long / "manifest.csv").write_text("path,kind,seconds\ncall.wav,call,14\n")
    (long / "turns.csv").write_text(
        "path,start_sec,end_sec,speaker,text\ncall.wav,1,4,A,our elephants march towards zanzibar at dawn\n"
    )
    (long / "questions.csv").write_text(
        "path,start_sec,end_sec,kind,query,speaker\n"
        "call.wav,1,4,verbatim,elephants march towards zanzibar,A\n"
        ",,,nothing,submarine volcano eruption,\n"
    )
    return tmp_path


def test_long_recordings_are_asked_about_in_recognised_and_in_human_text(folder: Path) -> None:
    out = folder / "out.json"
    done = run(folder, "--only", "long", "--text", "true", "--json", str(out))
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())["long"]
    assert figures["human"]["kinds"]["all"]["ranks"] == {"n": 1, "r1": 1.0, "r5": 1.0, "mrr": 1.0}
    assert figures["recognised"]["kinds"]["all"]["ranks"]["r1"] == 0.0
    # Asked of who says it, once more.
    assert figures["human"]["kinds"]["by speaker"]["ranks"]["n"] == 1
    assert figures["human"]["refusals"]["asked"] == 1
    assert "recognised as a share of human text: R@1 0.00" in done.stdout


def test_text_alone_is_ranked_by_the_tools(folder: Path) -> None:
    turns = ["Hello all .", "The budget is forty thousand dollars .", "Our elephants march at dawn .", "Goodbye ."]
    meeting = {
        "meeting_transcripts": [{"speaker": "A", "content": text} for text in turns],
        "specific_query_list": [
            {"query": "When do the elephants march?", "answer": "", "relevant_text_span": [["2", "2"]]}
        ],
    }
    (folder / "meetings.jsonl").write_text(json.dumps(meeting) + "\n")
    done = run(folder, "--text-only", str(folder / "meetings.jsonl"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "meetings     n 1, P@1 1.000, hit@5 1.000, MRR 1.000 (true text)\n"


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCH / "quality.py"), str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
