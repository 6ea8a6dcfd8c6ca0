"""The face of the tools: what the layers above may use, loaded when it is asked for."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import soundbite_tools

ROOT = Path(__file__).parents[2]


def test_the_names_for_type_checkers_are_those_that_are_there() -> None:
    tree = ast.parse(Path(soundbite_tools.__file__).read_text(encoding="utf-8"))
    typed = {
        alias.name: (node.module or "").removeprefix("soundbite_tools.")
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == soundbite_tools._MODULE_OF
    assert set(soundbite_tools.__all__) == set(typed)
    assert all(getattr(soundbite_tools, name) is not None for name in typed)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = soundbite_tools.nothing  # type: ignore[attr-defined]


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, soundbite_tools\nprint([name for name in sys.modules if name.startswith('soundbite_')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['soundbite_tools']"


def test_the_server_uses_the_face_and_no_module_behind_it() -> None:
    behind = [
        f"{path.relative_to(ROOT)}: {node.module}"
        for path in (ROOT / "server/soundbite_server").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("soundbite_tools.")
    ]
    assert not behind
