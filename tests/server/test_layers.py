"""Imports point one way: server -> tools -> {store, api}, and server -> engine -> api."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ALLOWED = {
    "api": set[str](),
    "store": set[str](),
    "engine": {"api"},
    "tools": {"store", "api"},
    "server": {"tools", "engine", "store", "api"},
}


def modules(layer: str) -> list[Path]:
    return sorted((ROOT / layer / f"soundbite_{layer}").rglob("*.py"))


def imported_layers(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        for name in names:
            if name.startswith("soundbite_"):
                yield name.split(".")[0].removeprefix("soundbite_")


@pytest.mark.parametrize("layer", ALLOWED)
def test_a_layer_imports_only_the_layers_below_it(layer: str) -> None:
    assert modules(layer)
    upward = {
        f"{path.relative_to(ROOT)} imports soundbite_{other}"
        for path in modules(layer)
        for other in imported_layers(path)
        if other not in ALLOWED[layer] | {layer}
    }
    assert not upward


def test_only_the_command_line_imports_the_command_line() -> None:
    command_line = ROOT / "server/soundbite_server/cli"
    upward = [
        path
        for path in modules("server")
        if command_line not in path.parents
        and path.name != "__main__.py"
        and "soundbite_server.cli" in path.read_text()
    ]
    assert not upward


@pytest.mark.parametrize("layer", ["api", "store", "engine", "tools"])
def test_only_the_server_speaks_mcp(layer: str) -> None:
    for path in modules(layer):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.module if isinstance(node, ast.ImportFrom) else None
            assert not (name and name.split(".")[0] in ("mcp", "mcp_types")), path


def test_no_module_passes_400_lines() -> None:
    long = [path for layer in ALLOWED for path in modules(layer) if path.read_text().count("\n") > 400]
    assert not long
