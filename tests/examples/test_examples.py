"""The examples, run as a reader would run them."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from soundbite_engine.audio.encode import cut

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
AS_NOTEBOOK = """
import ast, asyncio, sys
cells = compile(open(sys.argv[1]).read(), "cells", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
asyncio.run(eval(cells))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the part of a sample that the examples ask about; their library is made in it once."""
    folder = tmp_path_factory.mktemp("world")
    (folder / "standup.wav").write_bytes(cut(lambda _: None, str(ROOT / "samples/standup.flac"), 42.0, 57.0, "wav"))
    return folder


def run(world: Path, *arguments: str, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("TWELVE", "SOUNDBITE"))}
    environment |= {
        "SOUNDBITE_HOME": str(world / "home"),
        "SOUNDBITE_ROOTS": str(world),
        "SOUNDBITE_WORKERS": "1",
        **more,
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_rag_loop_prints_a_prompt_with_passages_and_times(world: Path) -> None:
    said = run(world, "examples/rag.py", str(world / "standup.wav"), "wants her money back")
    assert "[standup, 00:0" in said
    assert "money back" in said
    assert said.endswith("Question: wants her money back\n")


@pytest.mark.parametrize(
    ("example", "needs"),
    [("langchain_retriever.py", "langchain_core"), ("llamaindex_retriever.py", "llama_index")],
)
def test_a_retriever_returns_the_clips_that_answer(example: str, needs: str, world: Path) -> None:
    if importlib.util.find_spec(needs) is None:
        pytest.skip(f"{needs} is not installed: pip install {needs.replace('_', '-')}")
    said = run(world, f"examples/{example}", str(world / "standup.wav"), "wants her money back")
    assert said.startswith("standup 00:0")
    assert "money back" in said


@pytest.mark.parametrize("example", ["rag.py", "langchain_retriever.py", "llamaindex_retriever.py"])
def test_an_example_is_short_and_uses_what_there_is(example: str) -> None:
    source = (EXAMPLES / example).read_text(encoding="utf-8")
    assert source.count("\n") < 60
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("soundbite_"):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)


def test_the_notebook_is_as_its_script_writes_it_and_runs(world: Path) -> None:
    text = (EXAMPLES / "pictures.ipynb").read_text(encoding="utf-8")
    written = run(
        world, "-c", "import sys; sys.path.insert(0, 'examples'); from make_notebook import notebook; print(notebook())"
    )
    assert written.rstrip() == text.rstrip()
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] for cell in cells)
    (world / "cells.py").write_text("\n".join("".join(cell["source"]) for cell in cells), encoding="utf-8")
    said = run(world, "-c", AS_NOTEBOOK, str(world / "cells.py"), RECORDING=str(world / "standup.wav"))
    assert said.count("<svg") == 2 or said.count("characters of SVG") == 2
