"""The arithmetic of the evaluation, and the scenes it measures on."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCH = Path(__file__).parents[2] / "bench"
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put bench/ on the path, as running one of its scripts does."""
    monkeypatch.syspath_prepend(str(BENCH))


@pytest.mark.usefixtures("bench")
def test_spans_share_time_over_the_time_they_cover() -> None:
    from acoustics.overlap import best_iou, iou

    assert iou((0.0, 4.0), (2.0, 6.0)) == pytest.approx(2 / 6)
    assert iou((0.0, 1.0), (2.0, 3.0)) == 0.0
    assert best_iou([(0.0, 4.0), (2.0, 5.0)], (2.0, 6.0)) == pytest.approx(0.75)
    assert best_iou([], (0.0, 1.0)) == 0.0


@pytest.mark.usefixtures("bench")
def test_average_precision_is_the_mean_of_precision_at_each_right_answer() -> None:
    from acoustics.sound_vectors import average_precision

    scores = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    assert average_precision(scores, np.array([True, False, True, False])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(scores, np.array([False, False, False, True])) == pytest.approx(1 / 4)


@pytest.mark.usefixtures("bench")
def test_sounds_are_compared_with_other_folds_only() -> None:
    from acoustics.sound_vectors import likeness
    from retrieval.evaluation_set import Recording

    def recording(label: str, fold: str) -> Recording:
        return Recording("x", "sound", label, fold, "", 1.0, "me")

    recordings = [recording("dog", "1"), recording("dog", "1"), recording("dog", "2"), recording("cat", "2")]
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [0.8, 0.6]], np.float32)
    found = likeness(recordings, vectors)
    assert found is not None
    # Both dogs of the first fold find the cat before the dog; that dog finds two dogs; the cat has nobody like it.
    assert (found.n, found.map, found.p1) == (3, pytest.approx((0.5 + 0.5 + 1) / 3), pytest.approx(1 / 3))


@pytest.mark.usefixtures("bench")
def test_the_threshold_keeps_at_least_95_of_100_answerable_questions() -> None:
    from retrieval.rejection import rejection

    found = rejection([score / 100 for score in range(100)], [0.01, 0.04, 0.05, 0.9])
    assert (found.threshold, found.kept, found.rejected) == (0.05, 0.95, 0.5)


@pytest.mark.usefixtures("bench")
def test_a_scene_holds_each_recording_where_it_says_and_the_same_for_the_same_seed() -> None:
    from acoustics.scenes import LEVEL_DB, RATE_HZ, scenes
    from retrieval.evaluation_set import EvalSet, Recording

    names = ("memos.mp3", "standup.flac", "field-log.flac")
    recordings = tuple(Recording(name, "sound", "office", "", "", 80.0, "me") for name in names)
    eval_set = EvalSet(SAMPLES, recordings, ())
    silent, noisy = scenes(eval_set, 3, [10.0])
    assert len(silent.events) == 3
    for before, after in zip(silent.events, silent.events[1:], strict=False):
        gap = slice(round(before.end_sec * RATE_HZ), round(after.start_sec * RATE_HZ))
        assert 0.5 <= after.start_sec - before.end_sec <= 1.5
        assert not silent.sound[gap].any()
        bed_db = 10 * np.log10(np.mean(noisy.sound[gap] ** 2))
        assert bed_db == pytest.approx(LEVEL_DB - 10.0, abs=3.0)
    assert [event.recording for event in noisy.events] == [event.recording for event in silent.events]
    again, _ = scenes(eval_set, 3, [10.0])
    assert np.array_equal(again.sound, silent.sound)


def test_segments_are_measured_on_scenes_and_printed(tmp_path: Path) -> None:
    # One recording without folds and queries: the part runs whole on it, the likeness has nothing to compare.
    manifest = "path,kind,label,fold,transcript,seconds,licence,source\nmemos.mp3,sound,office,,,74,CC0,me\n"
    (tmp_path / "manifest.csv").write_text(manifest)
    (tmp_path / "queries.csv").write_text("path,kind,query\nmemos.mp3,verbatim,milk\n")
    (tmp_path / "memos.mp3").write_bytes((SAMPLES / "memos.mp3").read_bytes())
    command = [sys.executable, str(BENCH / "quality.py"), str(tmp_path), "--only", "segments"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0].split()[1] for line in done.stdout.splitlines()] == ["silent", "20", "10", "0"]
    assert "IoU sound" in done.stdout


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("the fifteenth century, about fourteen fifty-five", "the 15th century about 1455", 0),
        ("forty two lines, one hundred and six pages, and one more", "42 lines 106 pages and 1 more", 0),
        ("the twenty first of two hundredth", "the 21st of 200th", 0),
        ("Mister Dashwood sold fifty percent", "Mr. Dashwood sold 50%", 0),
        ("the data set of woodcutters", "the dataset of wood cutters", 0),
        ("two million four hundred thousand", "2,400,000", 0),
        ("the fifteenth", "the fifteen", 1),
        ("forty two lines", "43 lines", 1),
        ("a book of the ages", "a look of ages", 2),
        ("data set", "data sets", 1),
    ],
)
def test_what_is_written_in_two_ways_is_no_error_and_what_is_said_otherwise_is(
    said: str, heard: str, errors: int
) -> None:
    from retrieval.words import folded_words, word_errors

    assert word_errors(folded_words(said), folded_words(heard)) == errors


@pytest.mark.usefixtures("bench")
async def test_recognised_words_are_read_without_who_says_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from retrieval import word_errors

    pages = {
        0.0: {"lines": [{"text": "Good morning.", "speaker": "Speaker 1"}], "end_sec": 2.0, "next_step": "1 more"},
        2.0: {"lines": [{"text": "Hello.", "speaker": "Speaker 2"}], "end_sec": 3.0, "next_step": ""},
    }

    async def call(client: object, tool: str, *, asset_id: str, start_sec: float) -> dict[str, object]:
        return pages[start_sec]

    monkeypatch.setattr(word_errors, "call", call)
    assert await word_errors.recognised(None, "a" * 24) == "Good morning. Hello."  # type: ignore[arg-type]
