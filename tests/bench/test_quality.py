"""The measuring script: the folder it reads, and the figures it makes of ranks and words."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

BENCH = Path(__file__).parents[2] / "bench"
MANIFEST = "path,kind,label,fold,transcript,seconds,licence,source\n"


def bench(name: str) -> ModuleType:
    """Load a module of bench/, which is a folder of scripts and not a package."""
    spec = spec_from_file_location(f"bench_{name}", BENCH / f"{name}.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


evalset, ranking, words = bench("evalset"), bench("ranking"), bench("words")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "one.flac").write_bytes(b"")
    (tmp_path / "manifest.csv").write_text(MANIFEST + 'one.flac,speech,speech,,"hello, world",1.5,CC0,me\n')
    (tmp_path / "queries.csv").write_text("path,kind,query\none.flac,verbatim,hello\n")
    return tmp_path


def test_recordings_and_queries_are_read(folder: Path) -> None:
    eval_set = evalset.read_eval_set(folder)
    assert eval_set.recordings == (evalset.Recording("one.flac", "speech", "speech", "", "hello, world", 1.5),)
    assert eval_set.queries == (evalset.Query("one.flac", "verbatim", "hello"),)
    assert eval_set.audio_seconds == 1.5


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("manifest.csv", MANIFEST, "has no rows"),
        ("manifest.csv", "path,kind\none.flac,speech\n", "has no fold, label, seconds, transcript"),
        ("manifest.csv", f"{MANIFEST}one.flac,speech,speech,,,long,CC0,me\n", "one.flac has seconds 'long'"),
        ("manifest.csv", f"{MANIFEST}two.flac,speech,speech,,,1,CC0,me\n", "two.flac for one"),
        ("queries.csv", "path,kind,query\ntwo.flac,verbatim,hello\n", "names two.flac"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused_by_name(folder: Path, file: str, text: str, message: str) -> None:
    (folder / file).write_text(text)
    with pytest.raises(evalset.EvalSetError, match=message):
        evalset.read_eval_set(folder)


def test_the_script_ends_with_2_and_one_line_when_the_folder_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH / "quality.py"), str(tmp_path / "absent")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "manifest.csv can't be read" in line


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
