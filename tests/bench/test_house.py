"""The figures of the house: what is counted of files, and of calls between them."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

house, call_trace = load("house"), load("machine.call_trace")

TRACED = {call: {"files": 2, "crossings": 3, "names": []} for call in ("embed", "question")}
ONE = """
import asyncio

async def whole(other):
    return [await part(other) for _ in range(2)]

async def part(other):
    await asyncio.sleep(0)
    return other(lambda: 1)

def quiet():
    return 0
"""
OTHER = """
def answer(ask):
    return ask() + again()

def again():
    return 1
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "api").mkdir()
    (tmp_path / "engine" / "sound").mkdir(parents=True)
    (tmp_path / "api" / "one.py").write_text(ONE)
    (tmp_path / "engine" / "sound" / "other.py").write_text(OTHER)
    (tmp_path / "engine" / "sound" / "__init__.py").write_text("")
    (tmp_path / "engine" / "long.py").write_text("\n" * 100)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_one.py").write_text("\n" * 100)
    return tmp_path


def test_modules_and_lines_below_the_five_folders_are_counted(tree: Path) -> None:
    figures = house.house(tree, TRACED)
    assert (figures.modules, figures.short_share) == (4, 0.75)
    assert figures.lines == sum(text.count("\n") for text in (ONE, OTHER)) + 100
    assert (figures.largest_folder, figures.longest_module) == (1, 100)
    assert (figures.embed_files, figures.question_crossings) == (2, 3)


def test_a_tree_without_product_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no product code"):
        house.house(tmp_path, TRACED)


def test_calls_from_file_to_file_are_counted_once_however_often_a_coroutine_goes_on(tree: Path) -> None:
    one, other = module(tree / "api" / "one.py"), module(tree / "engine" / "sound" / "other.py")
    trace = call_trace.CallTrace(tree)
    with trace.on():
        answers = asyncio.run(one.whole(other.answer))
    one.quiet()
    assert answers == [2, 2]
    assert {Path(file).name for file in trace.files} == {"one.py", "other.py"}
    # Twice from one to other, and twice back for the lambda; the coroutines go on in their own file.
    assert trace.crossings == 4


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded
