"""How the product's code is cut into files, and how many of them one call runs through.

    python bench/house.py [TREE …] [--json OUT] [-v]

Each TREE is a checkout of Soundbite; without one it is this. Printed, a column a tree: modules and lines of product
code (all Python files below api, engine, store, tools and server), the share of modules under 80 lines and the largest
folder and module, then what one new embed and one new question enter: files, and calls from one file into another,
traced in the server's process on a library that is open and warm (see machine/call_trace.py). A tree is run by the
interpreter of its .venv where it has one, else by this one with the tree's packages first. -v names the files.
"""

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine.call_trace import ROOTS

HERE = Path(__file__).resolve().parent
RECORDING = HERE.parent / "samples" / "memos.mp3"
SHORT_LINES = 80
LONGEST_S = 600.0


@dataclass(frozen=True)
class House:
    """Figures of a tree; `short_share` is the share of modules under 80 lines."""

    modules: int
    lines: int
    short_share: float
    largest_folder: int
    longest_module: int
    embed_files: int
    embed_crossings: int
    question_files: int
    question_crossings: int


ROWS = {
    "modules": "modules",
    "lines": "lines of product code",
    "short_share": "share of modules under 80 lines",
    "largest_folder": "modules in the largest folder",
    "longest_module": "lines of the longest module",
    "embed_files": "files that one new embed enters",
    "embed_crossings": "calls from file to file in it",
    "question_files": "files that one new question enters",
    "question_crossings": "calls from file to file in it",
}


def main() -> int:
    """Measure the trees and print the table."""
    parser = argparse.ArgumentParser(description="Measure how the product's code is cut into files.")
    parser.add_argument("trees", nargs="*", type=Path, default=[HERE.parent], metavar="TREE", help="checkouts")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="name the files that the calls enter")
    options = parser.parse_args()
    trees = [tree.resolve() for tree in options.trees]
    traces = {tree: trace(tree) for tree in trees}
    houses = {str(tree): house(tree, traces[tree]) for tree in trees}
    print(f"{'':36}" + "".join(f"{Path(tree).name:>12}" for tree in houses))
    for name, label in ROWS.items():
        print(f"{label:36}" + "".join(f"{_cell(getattr(figures, name)):>12}" for figures in houses.values()))
    if options.verbose:
        for call, entered in ((call, entered) for found in traces.values() for call, entered in found.items()):
            print(f"{call}:", *entered["names"], sep="\n  ")
    if options.json:
        named = {Path(tree).name: asdict(figures) for tree, figures in houses.items()}
        options.json.write_text(json.dumps(named, indent=1) + "\n", encoding="utf-8")
    return 0


def house(tree: Path, traced: dict[str, Any]) -> House:
    """The figures of a tree, with what was traced in it."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(tree)}
    if not lengths:
        raise SystemExit(f"house: {tree} holds no product code.")
    folders = Counter(path.parent for path in lengths if path.name != "__init__.py")
    return House(
        modules=len(lengths),
        lines=sum(lengths.values()),
        short_share=sum(count < SHORT_LINES for count in lengths.values()) / len(lengths),
        largest_folder=max(folders.values()),
        longest_module=max(lengths.values()),
        embed_files=traced["embed"]["files"],
        embed_crossings=traced["embed"]["crossings"],
        question_files=traced["question"]["files"],
        question_crossings=traced["question"]["crossings"],
    )


def modules(tree: Path) -> list[Path]:
    """The Python files of the product."""
    return sorted(path for root in ROOTS for path in (tree / root).rglob("*.py"))


def trace(tree: Path) -> dict[str, Any]:
    """What one new embed and one new question enter, run by the tree's own interpreter."""
    own = tree / ".venv" / "bin" / "python"
    packages = os.pathsep.join(str(tree / root) for root in ROOTS)
    command = [str(own if own.is_file() else sys.executable), str(HERE / "machine" / "call_trace.py")]
    environment = {**os.environ, "PYTHONPATH": packages}
    done = subprocess.run(
        [*command, str(tree), str(RECORDING)], env=environment, capture_output=True, text=True, timeout=LONGEST_S,
        check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"house: {tree.name} could not be traced:\n{done.stderr.strip()[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _cell(value: float) -> str:
    return f"{value:.0%}" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    raise SystemExit(main())
