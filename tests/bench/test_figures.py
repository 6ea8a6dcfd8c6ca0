"""The page of figures says what the scripts measured."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

figures = load("figures", "results")
RESULTS = figures.RESULTS


def test_the_tables_of_the_page_are_those_of_the_results_that_are_kept() -> None:
    page = figures.PAGE.read_text(encoding="utf-8")
    assert page.count(figures.BEGIN) == page.count(figures.END) == 1
    assert figures.page_with(page, RESULTS) == page, "run `python bench/results/figures.py` and commit docs/figures.md"
    names = {path.stem for path in RESULTS.glob("*.json")}
    assert names
    assert names <= {row.source for row in figures.ROWS}, "a file that no row is made of"


def test_another_result_is_another_row_and_the_rest_of_the_page_stays(tmp_path: Path) -> None:
    page = figures.PAGE.read_text(encoding="utf-8")
    shutil.copytree(RESULTS, tmp_path / "results")
    path = tmp_path / "results" / "large_library.json"
    content = json.loads(path.read_text()) | {"hours": 7}
    content["commands"]["show"]["seconds"] = 123.456
    path.write_text(json.dumps(content))
    changed = figures.page_with(page, tmp_path / "results")
    assert "7 hours: 123.5 s" in changed
    assert changed.partition(figures.BEGIN)[0] == page.partition(figures.BEGIN)[0]
    assert changed.partition(figures.END)[2] == page.partition(figures.END)[2]
