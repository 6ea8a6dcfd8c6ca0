"""How good the answers are, measured on recordings with known answers.

Run `python bench/quality.py FOLDER [--json OUT]`; the folder is in the evaluation format (manifest.csv, queries.csv and
the recordings). Every recording is embedded into one library in a temporary home, and every question goes through the
tools of the server, as an agent's would. Exit codes: 0 measured, 1 a recording could not be embedded, 2 bad folder.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evalset import EvalSet, EvalSetError, Query, read_eval_set
from library import Library, call, embed_all
from mcp import Client
from ranking import RankSummary, summarise
from words import spoken_words, word_errors

from soundbite_server import Settings, build_server

QUERY_KINDS = ("verbatim", "keywords", "paraphrase")
TOP_K = 20


@dataclass(frozen=True)
class Report:
    """Everything measured; `kinds` maps a kind of query to its ranks."""

    recordings: int
    audio_seconds: float
    kinds: dict[str, RankSummary]
    wer: float | None
    rtf: float
    cores: int
    failures: dict[str, str]


def main() -> int:
    """Measure a folder, print a table, write the JSON when asked."""
    parser = argparse.ArgumentParser(description="Measure retrieval and recognition on recordings with known answers.")
    parser.add_argument("folder", type=Path, help="folder with manifest.csv, queries.csv and the recordings")
    parser.add_argument("--json", type=Path, metavar="OUT", help="also write the figures as JSON")
    options = parser.parse_args()
    try:
        eval_set = read_eval_set(options.folder.resolve())
    except EvalSetError as exc:
        print(f"quality: {exc}", file=sys.stderr)
        return 2
    report = asyncio.run(measure(eval_set))
    print_table(report)
    if options.json:
        options.json.write_text(json.dumps(as_json(report), indent=1) + "\n", encoding="utf-8")
    return int(bool(report.failures))


async def measure(eval_set: EvalSet) -> Report:
    """Embed the folder as one library, ask every query, and compare the transcripts."""
    with tempfile.TemporaryDirectory(prefix="soundbite-quality-") as home:
        settings = Settings(home=Path(home), roots=(eval_set.folder,), log_level="WARNING")
        async with Client(build_server(settings)) as client:
            with progress_line(len(eval_set.recordings)) as on_done:
                paths = [recording.path for recording in eval_set.recordings]
                library = await embed_all(client, eval_set.folder, paths, on_done)
            ranks = {query: await rank_of(client, library, query) for query in eval_set.queries}
            wer = await word_error_rate(client, eval_set, library)
    asked = [kind for kind in QUERY_KINDS if any(query.kind == kind for query in ranks)]
    return Report(
        recordings=len(library.asset_ids),
        audio_seconds=eval_set.audio_seconds,
        kinds={kind: summarise([rank for query, rank in ranks.items() if query.kind == kind]) for kind in asked},
        wer=wer,
        rtf=library.wall_seconds / eval_set.audio_seconds,
        cores=os.cpu_count() or 1,
        failures=library.failures,
    )


async def rank_of(client: Client, library: Library, query: Query) -> int | None:
    """Rank, from 1, of the first clip of the recording that answers the query."""
    answer = await call(client, "search_clips", query=query.text, top_k=TOP_K)
    wanted = library.asset_ids.get(query.path)
    ranks = (rank for rank, clip in enumerate(answer["clips"], start=1) if clip["asset_id"] == wanted)
    return next(ranks, None)


async def word_error_rate(client: Client, eval_set: EvalSet, library: Library) -> float | None:
    """Errors over words said, summed over all recordings with a transcript; None when there are none."""
    errors = said = 0
    for recording in eval_set.recordings:
        if not recording.transcript or recording.path not in library.asset_ids:
            continue
        spoken = spoken_words(recording.transcript)
        heard = await recognised(client, library.asset_ids[recording.path], recording.seconds)
        errors, said = errors + word_errors(spoken, spoken_words(heard)), said + len(spoken)
    return errors / said if said else None


async def recognised(client: Client, asset_id: str, seconds: float) -> str:
    """What the server understood of a whole recording."""
    clip = await call(client, "get_clip", asset_id=asset_id, start_sec=0, end_sec=seconds)
    return str(clip.get("text", ""))


def as_json(report: Report) -> dict[str, Any]:
    """The report with the kinds of query at the top level."""
    figures = asdict(report)
    return {**figures.pop("kinds"), **figures}


def print_table(report: Report) -> None:
    """Print the figures for a person."""
    print(f"{report.recordings} embedded, {report.audio_seconds:.0f} s of audio, one library")
    print(f"{'query':12} {'n':>4} {'R@1':>6} {'R@5':>6} {'MRR':>6}")
    for kind, ranks in report.kinds.items():
        print(f"{kind:12} {ranks.n:4} {ranks.r1:6.2f} {ranks.r5:6.2f} {ranks.mrr:6.2f}")
    if report.wer is not None:
        print(f"{'WER':12} {report.wer:.1%}")
    print(f"{'RTF':12} {report.rtf:.3f} (embedding everything, {report.cores} cores)")
    for path, reason in report.failures.items():
        print(f"not embedded: {path}: {reason}")


@contextmanager
def progress_line(total: int) -> Iterator[Any]:
    """A line on stderr that counts recordings, where stderr is a terminal."""

    def on_done(count: int) -> None:
        if sys.stderr.isatty():
            print(f"\rembedded {count} of {total}", end="", file=sys.stderr, flush=True)

    yield on_done
    if sys.stderr.isatty():
        print(file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
