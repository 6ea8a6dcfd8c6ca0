"""The pages of the documentation that are made from the code."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from soundbite_server.cli import COMMANDS
from soundbite_server.cli.failures import EXIT_CODES
from soundbite_server.mcp.tools import TOOLS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_pages", ROOT / "packaging" / "docs_pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells(page: str) -> set[int]:
    """How many cells the rows of the tables have."""
    return {len(re.split(r"(?<!\\)\|", row)) - 2 for row in page.splitlines() if row.startswith("|")}


def test_the_page_of_commands_has_all_of_them_and_the_exit_codes(pages: ModuleType) -> None:
    page = pages.command_page()
    assert re.findall(r"^## soundbite (\S+)$", page, re.MULTILINE) == list(COMMANDS)
    assert all(f"| {code} | {meaning} |" in page for code, meaning in EXIT_CODES.items())
    assert "### soundbite plot map" in page
    assert cells(page) == {2}


async def test_the_page_of_tools_has_all_of_them_with_their_inputs(pages: ModuleType) -> None:
    page = await pages.tool_page()
    assert re.findall(r"^## (\S+)$", page, re.MULTILINE) == [declaration.name for declaration in TOOLS]
    assert cells(page) == {4}
    assert "| `task_id` | string | needed |" in page
