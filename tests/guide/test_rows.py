"""What the platform's audio guide promises, row by row, and that a test shows each row.

The rows are those of the contract's list of guide features. A test shows a row by the marker `guide("S17")`;
`pytest -m guide -v` lists the rows here, each with what shows it, and runs all of it.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROWS = {
    "S01": "the SDK with an API key; a wrong or an empty key is refused",
    "S02": "an asset is uploaded once and used by several operations",
    "S03": "an asset is created from a URL",
    "S04": "an asset is created from a local file, whose name it keeps",
    "S05": "an asset has an id",
    "S06": "an asset may be used right after it was created",
    "S07": "a URL that is no raw media is refused with a clear reason",
    "S08": "a task is created asynchronously and has an id",
    "S09": "input_type is audio",
    "S10": "model_name is marengo3.0, and no other",
    "S11": "the media source is an asset",
    "S12": "the media source is a URL",
    "S13": "the media source is base64 data",
    "S14": "a media source names exactly one source",
    "S15": "start_sec may be left out: the beginning",
    "S16": "end_sec may be left out: the end",
    "S17": "start_sec and end_sec together: only that window",
    "S18": "embedding_option audio",
    "S19": "embedding_option transcription",
    "S20": "embedding_option audio and transcription",
    "S21": "embedding_option left out: both",
    "S22": "embedding_scope clip: one embedding a segment",
    "S23": "embedding_scope asset: one embedding for the whole file",
    "S24": "embedding_scope clip and asset",
    "S25": "embedding_scope left out: both",
    "S26": "segments of a fixed length, the last one shorter",
    "S27": "segmentation written as in the guide, without its strategy",
    "S28": "segmentation left out: six seconds",
    "S29": "embedding_type separate_embedding",
    "S30": "embedding_type fused_embedding",
    "S31": "embedding_type separate and fused",
    "S32": "fused embeddings come only when they are asked for",
    "S33": "embedding_type goes with two options or more",
    "S34": "a task is retrieved by its id",
    "S35": "a task's status is processing while it is made",
    "S36": "a task's status is ready, with its data",
    "S37": "a task's status is failed, with the reason and no data",
    "S38": "a task is polled until it is ready or failed",
    "S39": "an embedding is a list of 512 floats",
    "S40": "an embedding says its option",
    "S41": "an embedding says its scope",
    "S42": "an embedding says its time range",
    "S43": "files of up to four hours, asynchronously",
    "S44": "under ten minutes, at once and without polling",
    "S45": "the synchronous call takes every field of the asynchronous one",
    "S46": "a summary: how many, time ranges, dimensions, first ten values",
    "S47": "one space for all kinds, any-to-any search",
    "S48": "use: similarity search",
    "S49": "use: classification",
    "S50": "use: clustering",
    "S51": "use: recommendations",
    "S52": "use: retrieval-augmented generation",
    "S53": "formats and specifications are checked",
    "S54": "upload limits are kept",
    "S55": "usage is measured",
    "S56": "both complete programs run as they are",
}


def _rows_of(test: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The rows in a test's decorators, those of single cases included."""
    calls = [node for each in test.decorator_list for node in ast.walk(each) if isinstance(node, ast.Call)]
    marked = [call for call in calls if ast.unparse(call.func) == "pytest.mark.guide"]
    return {str(ast.literal_eval(argument)) for call in marked for argument in call.args}


def _shown() -> dict[str, list[str]]:
    """The tests of each row, in the whole of tests/, whichever of them run now."""
    found = defaultdict(list)
    for path in sorted(TESTS.rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                for row in _rows_of(node):
                    found[row].append(f"{path.relative_to(TESTS).as_posix()}::{node.name}")
    return found


SHOWN = _shown()


def test_the_table_is_whole() -> None:
    assert list(ROWS) == [f"S{number:02}" for number in range(1, 57)]


def test_no_test_shows_a_row_that_is_not_in_the_table() -> None:
    assert set(SHOWN) <= set(ROWS)


@pytest.mark.guide
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row} by {', '.join(SHOWN[row]) or 'nothing'}")
def test_a_row_is_shown(row: str) -> None:
    assert SHOWN[row], f"{row} ({ROWS[row]}): mark what shows it with @pytest.mark.guide({row!r})"
