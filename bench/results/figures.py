"""The tables of docs/figures.md that are made of JSON: what the scripts of bench/ wrote, between the page's marks.

    python bench/store.py --rows 100000 --json bench/results/store.json
    python bench/results/figures.py [FOLDER]

A script's file has the script's name. A row whose file is not in the folder is left out. What was measured before its
script wrote JSON stands in a table of the page that is written by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent
PAGE = RESULTS.parents[1] / "docs" / "figures.md"
BEGIN, END = "<!-- made by bench/results/figures.py -->\n", "<!-- until here -->\n"
_SERVER_COLUMNS = (
    "| clips | server | start ms | first call ms | p50 ms | p95 ms | processor ms | memory MB | tokens, as text "
    "| right clip among five |"
)
_TIMES = ("start_ms", "first_call_ms", "p50_ms", "p95_ms", "cpu_ms")


@dataclass(frozen=True)
class Row:
    """A row: the file it is made of, what was measured, how its figures read, and the command."""

    source: str
    what: str
    figure: Callable[[Any], str]
    command: str


def _each(template: str, name: str = "rows") -> Callable[[Any], str]:
    """Return how a file reads that has an entry for each size."""
    return lambda entries: "; ".join(f"{entry[name]:,}: {template.format(**entry)}" for entry in entries)


def _questions(entries: list[dict[str, Any]]) -> str:
    template = "{clips:,} clips: p50 {p50_ms:.1f}, p95 {p95_ms:.1f} ms, of a processor {cpu_ms:.1f} ms"
    return "; ".join(template.format(**entry) for entry in entries if entry["name"] == "soundbite")


def _listing(file: dict[str, Any]) -> str:
    p50, used = (" / ".join(f"{way[name]:.0f}" for way in file["listing_ms"].values()) for name in ("p50", "processor"))
    return f"{file['recordings']:,} recordings: p50 {p50} ms, of a processor {used} ms"


def _commands(file: dict[str, Any]) -> str:
    show, listing = (file["commands"][name] for name in ("show", "list"))
    times = f"{show['seconds']:.1f} s beside {listing['seconds']:.1f}"
    return (
        f"{file['hours']:g} hours: {times}; of a processor {show['processor']:.1f} s beside {listing['processor']:.1f}"
    )


ROWS = (
    Row(
        "peers",
        "a question over MCP, embedding included",
        _questions,
        "python bench/peers.py --clips 10000",
    ),
    Row(
        "store",
        "vector search beside exact numpy, rows of 512 numbers",
        _each("{its p50, x numpy exact:.2f} of its time, recall {recall of a vector search:.3f}"),
        "python bench/store.py --rows 100000 1000000",
    ),
    Row(
        "store",
        "a question over MCP in made-up rows, embedding included",
        _each("p50 {p50 of a question over MCP, ms:.0f} ms"),
        "same",
    ),
    Row(
        "store",
        "writing clips, lasting on the disk and each once, beside LanceDB's plain add",
        _each("{ingest, x a raw LanceDB add:.2f} of its rate"),
        "same",
    ),
    Row(
        "store",
        "read to tidy 4,000 rows of 40 commits, beside all that the store holds",
        _each("{read by tidying, share of the store:.0%}"),
        "same",
    ),
    Row(
        "large_library",
        "list_audio over MCP, first page / last page / by title",
        _listing,
        "python bench/libraries/large_library.py",
    ),
    Row(
        "large_library",
        "`soundbite show` of a long recording, the start of Python included, beside `soundbite list` of it alone",
        _commands,
        "same",
    ),
)


def lines(folder: Path) -> Iterator[str]:
    """Yield the lines of both tables, of the files that are in the folder."""
    yield from ("| what | figure | command |", "|---|---|---|")
    for row in ROWS:
        if (content := _content(folder, row.source)) is not None:
            command = row.command if row.command == "same" else f"`{row.command}`"
            yield f"| {row.what} | {row.figure(content)} | {command} |"
    if entries := _content(folder, "peers"):
        yield from ("", "Beside servers of text, each with the same clips, vectors and questions, over stdio:", "")
        yield from (_SERVER_COLUMNS, "|---|---|---|---|---|---|---|---|---|---|")
        for entry in entries:
            times = " | ".join(f"{entry[name]:.1f}" for name in _TIMES)
            tokens = f"{entry['tokens']:.0f}, {entry['text_tokens']:.0f}"
            sizes = f"{entry['memory_mb']:.0f} | {tokens} | {entry['found']:.2f}"
            yield f"| {entry['clips']:,} | {entry['name']} | {times} | {sizes} |"


def _content(folder: Path, source: str) -> Any:
    path = folder / f"{source}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def page_with(page: str, folder: Path) -> str:
    """Return the page with the tables of the folder between its marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + "\n".join(lines(folder)) + "\n\n" + END + after


def main() -> None:
    """Write the page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS
    PAGE.write_text(page_with(PAGE.read_text(encoding="utf-8"), folder), encoding="utf-8")


if __name__ == "__main__":
    main()
