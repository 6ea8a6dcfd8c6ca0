"""The measuring script: the folder it reads, and the figures it makes of ranks and words."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

SAMPLES = Path(__file__).parents[2] / "samples"
BENCH = Path(__file__).parents[2] / "bench"
MANIFEST = "path,kind,label,fold,transcript,seconds,licence,source\n"


evaluation_set, ranking, words = (load(f"retrieval.{name}") for name in ("evaluation_set", "ranking", "words"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.flac").write_bytes(b"")
    (tmp_path / "manifest.csv").write_text(MANIFEST + 'one.flac,speech,speech,,"hello, world",1.5,CC0,me\n')
    (tmp_path / "queries.csv").write_text("path,kind,query\none.flac,verbatim,hello\n")
    return tmp_path


def test_recordings_and_queries_are_read(folder: Path) -> None:
    eval_set = evaluation_set.read_eval_set(folder)
    assert eval_set.recordings == (
        evaluation_set.Recording("one.flac", "speech", "speech", "", "hello, world", 1.5, "me"),
    )
    assert eval_set.queries == (evaluation_set.Query("one.flac", "verbatim", "hello"),)
    assert eval_set.audio_seconds == 1.5


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("manifest.csv", MANIFEST, "has no rows"),
        ("manifest.csv", "path,kind\none.flac,speech\n", "has no fold, label, seconds, source, transcript"),
        ("manifest.csv", f"{MANIFEST}one.flac,speech,speech,,,long,CC0,me\n", "one.flac has seconds 'long'"),
        ("manifest.csv", f"{MANIFEST}two.flac,speech,speech,,,1,CC0,me\n", "two.flac for one"),
        ("queries.csv", "path,kind,query\ntwo.flac,verbatim,hello\n", "names two.flac"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_by_name(folder: Path, file: str, text: str, message: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(evaluation_set.EvalSetError, match=message):
        evaluation_set.read_eval_set(folder)


def test_the_script_ends_with_2_and_one_line_when_the_folder_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH / "quality.py"), str(tmp_path / "absent")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "manifest.csv can't be read" in line


def test_an_unknown_part_is_refused_by_name(folder: Path) -> None:
    command = [sys.executable, str(BENCH / "quality.py"), str(folder), "--only", "wer,smell"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "no part 'smell'" in done.stderr


def test_the_figures_come_from_the_answers_of_the_tools(tmp_path: Path) -> None:
    note = "First note of the day. Buy bread, butter, and two bottles of milk on the way home."
    write_first_seconds(SAMPLES / "memos.mp3", 5.5, tmp_path / "note.wav")
    write_first_seconds(SAMPLES / "field-log.flac", 6.0, tmp_path / "other.wav")
    other = "other.wav,speech,speech,,,6,CC0,me\n"
    (tmp_path / "manifest.csv").write_text(f'{MANIFEST}{other}note.wav,speech,speech,,"{note}",5.5,CC0,me\n')
    asked = ["verbatim,two bottles of milk", "paraphrase,purchase groceries", "keywords,river station"]
    (tmp_path / "queries.csv").write_text(
        "".join(f"{row}\n" for row in ["path,kind,query", *(f"note.wav,{q}" for q in asked)])
    )
    out = tmp_path / "out.json"
    parts = "retrieval,wer,rejection,names"
    command = [sys.executable, str(BENCH / "quality.py"), str(tmp_path), "--json", str(out), "--only", parts]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(out.read_text())
    assert figures["verbatim"] == {"n": 1, "r1": 1.0, "r5": 1.0, "mrr": 1.0}
    # The other recording says that.
    assert (figures["keywords"]["n"], figures["keywords"]["r1"]) == (1, 0.0)
    assert 0 <= figures["wer"] < 0.3
    assert figures["rtf"] > 0
    [(errors, spoken)] = figures["words"]["clean"]["by_source"].values()
    assert errors / spoken == figures["wer"]
    found = figures["rejection"]
    assert (found["answerable"], found["unanswerable"], found["kept"]) == (3, 3, 1.0)
    assert 0 < found["threshold"] <= 1
    assert "choose --profile sounds" in figures["skipped"]["names"]
    assert "2 embedded" in done.stdout


def write_first_seconds(source: Path, seconds: float, target: Path) -> None:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=16_000)
    with av.open(str(source)) as container:
        parts = [part.to_ndarray()[0] for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    with wave.open(str(target), "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(np.concatenate(parts)[: round(seconds * 16_000)].tobytes())


def test_ranks_are_summarised_as_recall_and_reciprocal_rank() -> None:
    summary = ranking.summarise([1, 2, 10, None])
    assert (summary.n, summary.r1, summary.r5) == (4, 0.25, 0.5)
    assert summary.mrr == pytest.approx((1 + 1 / 2 + 1 / 10) / 4)


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("Buy bread, butter and milk.", "buy bread butter and milk", 0),
        ("one two three", "one three", 1),
        ("one three", "one two three", 1),
        ("one two three", "one too three", 1),
        ("one two", "", 2),
        ("don\N{RIGHT SINGLE QUOTATION MARK}t go", "don't go", 0),
    ],
)
def test_word_errors_are_counted_after_case_and_punctuation(said: str, heard: str, errors: int) -> None:
    assert words.word_errors(words.spoken_words(said), words.spoken_words(heard)) == errors
