"""The counts in docs/security.md are those of the tests, and the tests that the page names are there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "security.md"
BEGIN, END = "<!-- counts -->\n", "<!-- end of counts -->"
_ROW = re.compile(r"`test_(\w+)\.py` \| (\d+) \| (\d+) \|")
CLASSES = {
    "swapped_files": "files swapped for others",
    "paths": "paths that lead out",
    "urls": "addresses inside the network",
    "hostile_files": "files that are no sound, or lie",
    "sample_rates": "sounds of few samples",
    "hostile_values": "values of every argument",
    "injected_words": "words that give orders",
    "confirmation": "removal without the user",
    "callers": "other callers' things",
    "connections": "silent and broken connections",
    "http": "tokens, hosts, origins",
    "http_weaknesses": "floods of sessions, calls, uploads",
    "oauth": "forged and stale tokens",
    "secrets": "keys in answers and logs, traces outside",
    "surroundings": "broken surroundings",
    "damage": "damage on the disk",
    "erasing": "what was erased",
}


def collected() -> Counter[str]:
    """How many cases pytest counts in each file of this folder."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-p", "no:cacheprovider", str(HERE)]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return Counter(re.findall(r"^tests/security/test_(\w+)\.py::", done.stdout, re.MULTILINE))


def inputs(grounds: Any) -> dict[str, int]:
    """How many values are tried in the files whose cases try many."""
    modules = {
        name: import_module(f"test_{name}") for name in ("hostile_values", "hostile_files", "paths", "injected_words")
    }
    return {
        "hostile_values": len(modules["hostile_values"].HOSTILE),
        "hostile_files": len(modules["hostile_files"].hostile_files(grounds.outside)),
        "paths": len(set(modules["paths"].bad_paths(grounds))),
        "injected_words": len(modules["injected_words"].INJECTIONS),
    }


def test_the_page_counts_no_more_than_the_tests_try(grounds: Any) -> None:
    cases, many = collected(), inputs(grounds)
    assert cases.keys() >= CLASSES.keys()
    rows = [(title, name, cases[name], max(cases[name], many.get(name, 0))) for name, title in CLASSES.items()]
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    told, after = rest.split(END)
    if os.environ.get("SOUNDBITE_UPDATE_SNAPSHOTS"):
        table = "| class | file | cases | inputs |\n|---|---|---|---|\n"
        table += "".join(f"| {title} | `test_{name}.py` | {count} | {tried} |\n" for title, name, count, tried in rows)
        table += f"| together | | {sum(row[2] for row in rows)} | {sum(row[3] for row in rows)} |\n"
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
        return
    claims = {name: (int(count), int(tried)) for name, count, tried in _ROW.findall(told)}
    assert claims.keys() == CLASSES.keys()
    for _, name, count, tried in rows:
        assert claims[name] <= (count, tried), f"{name}: SOUNDBITE_UPDATE_SNAPSHOTS=1 writes the table"
    [sums] = re.findall(r"\| together \| \| (\d+) \| (\d+) \|", told)
    assert tuple(map(int, sums)) == tuple(map(sum, zip(*claims.values(), strict=True)))


def test_the_tests_that_the_page_names_are_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text(encoding="utf-8")))
    code = "\n".join(path.read_text(encoding="utf-8") for path in HERE.parent.rglob("test_*.py"))
    assert named
    assert {name for name in named if f"def {name}(" not in code} == set()
