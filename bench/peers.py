"""Soundbite beside chroma-mcp and mcp-server-qdrant: the same clips, the same vectors, the same questions, over stdio.

    python bench/peers.py --clips 10000 100000 --json peers.json

The environments of the peers are made in --venvs once and need the package index; text_servers/server.py tells how they
are fed. All servers are spoken to by the same lines of code, in turns, one question at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from machine.peaks import process_family, processor_seconds, proportional_mb
from serving.stdio_server import HELLO, Server
from text_servers.corpus import Corpus, fill_soundbite, make_corpus
from text_servers.install import PEERS, environment, weigh

BENCH = Path(__file__).parent
FEEDER = BENCH / "text_servers" / "server.py"
FOUND = 5
_CHARS_A_TOKEN = 3.5
_LONGEST_END_S = 5.0


@dataclass(frozen=True)
class Subject:
    """A server, how it is started over a folder, and how it is asked."""

    name: str
    command: Callable[[Path], list[str]]
    ask: Callable[[str], dict[str, Any]]


@dataclass
class Figures:
    """What was measured of one server."""

    name: str
    clips: int
    start_ms: float = 0.0
    first_call_ms: float = 0.0
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    cpu_ms: float = 0.0
    """Processor time a call, of the server and its children: other work on the machine does not add to it."""
    memory_mb: float = 0.0
    tokens: float = 0.0
    """Of the structured form where there is one, else of the text."""
    text_tokens: float = 0.0
    """Of the text: hosts show their model the one or the other."""
    found: float = 0.0
    """Share of the questions whose clip was among the answers."""


def subjects(venvs: Path) -> list[Subject]:
    """Return the servers, Soundbite first."""

    def peer(name: str) -> Callable[[Path], list[str]]:
        # Its environment is made when it is started, not when it is only listed.
        def command(folder: Path) -> list[str]:
            return [str(environment(venvs, name)), str(FEEDER), "serve", name, str(folder)]

        return command

    return [
        Subject(
            "soundbite",
            lambda folder: [sys.executable, "-m", "soundbite_server", "serve"],
            lambda text: {"name": "search_clips", "arguments": {"query": text, "top_k": FOUND}},
        ),
        Subject(
            "chroma-mcp",
            peer("chroma-mcp"),
            lambda text: {
                "name": "chroma_query_documents",
                "arguments": {"collection_name": "clips", "query_texts": [text], "n_results": FOUND},
            },
        ),
        Subject(
            "mcp-server-qdrant",
            peer("mcp-server-qdrant"),
            lambda text: {"name": "qdrant-find", "arguments": {"query": text}},
        ),
    ]


def fill(subject: Subject, venvs: Path, folder: Path, corpus: Corpus) -> None:
    """Put the clips into the folder of a server."""
    if subject.name == "soundbite":
        asyncio.run(fill_soundbite(folder, corpus.texts))
        return
    command = [str(environment(venvs, subject.name)), str(FEEDER), "fill", subject.name, str(folder)]
    subprocess.run(command, input="\n".join(corpus.texts), text=True, env=_peer_environment(), check=True)


class Asked:
    """One server while it is asked."""

    def __init__(self, subject: Subject, server: Server, figures: Figures) -> None:
        self._subject = subject
        self._server = server
        self._figures = figures
        self._taken: list[float] = []
        self._tokens: list[float] = []
        self._texts: list[float] = []
        self._found = 0
        self._used_before_s = 0.0

    def ask(self, question: str, answer: str) -> None:
        """Ask a question; the first one counts apart."""
        begun = time.perf_counter()
        result = self._server.request("tools/call", self._subject.ask(question))
        took_ms = (time.perf_counter() - begun) * 1000
        assert not result.get("isError"), result
        if not self._figures.first_call_ms:
            self._figures.first_call_ms = took_ms
            self._used_before_s = processor_seconds(self._server.process.pid)
            return
        said = _shown(result)
        self._taken.append(took_ms)
        self._tokens.append(len(said) / _CHARS_A_TOKEN)
        self._texts.append(len(_text(result)) / _CHARS_A_TOKEN)
        self._found += answer in said

    def close(self) -> None:
        """Write down what all of it comes to."""
        figures = self._figures
        figures.cpu_ms = (processor_seconds(self._server.process.pid) - self._used_before_s) * 1000 / len(self._taken)
        figures.memory_mb = _memory_mb(self._server)
        figures.p50_ms, figures.p95_ms = _percentiles(self._taken)
        figures.tokens, figures.text_tokens = statistics.mean(self._tokens), statistics.mean(self._texts)
        figures.found = self._found / len(self._taken)


def measure(folders: Mapping[Subject, Path], corpus: Corpus, starts: int) -> list[Figures]:
    """Start the servers some times and ask them every question once, in turns: other work on the machine slows all."""
    os.environ.update(_peer_environment())
    begun: dict[Subject, list[float]] = {subject: [] for subject in folders}
    for _ in range(starts):
        for subject, folder in folders.items():
            begun[subject].append(_start_ms(subject, folder))
    measured = []
    with ExitStack() as stack:
        asked = []
        for subject, folder in folders.items():
            server = stack.enter_context(_running(subject, folder))
            server.greet()
            measured.append(Figures(subject.name, len(corpus.texts), start_ms=statistics.median(begun[subject])))
            asked.append(Asked(subject, server, measured[-1]))
        for question, answer in zip(corpus.questions, corpus.answers, strict=True):
            for one in asked:
                one.ask(question, answer)
        for one in asked:
            one.close()
    return measured


@contextmanager
def _running(subject: Subject, folder: Path) -> Iterator[Server]:
    server = Server(subject.command(folder), folder)
    try:
        yield server
    finally:
        assert server.process.stdin
        server.process.stdin.close()
        try:
            server.process.wait(timeout=_LONGEST_END_S)
        except subprocess.TimeoutExpired:
            server.process.kill()  # chroma-mcp does not end when its client does
            server.process.wait()


def _start_ms(subject: Subject, folder: Path) -> float:
    begun = time.perf_counter()
    with _running(subject, folder) as server:
        server.request("initialize", HELLO)
        return (time.perf_counter() - begun) * 1000


def _shown(result: Mapping[str, Any]) -> str:
    """What a client shows its model: the structured form where there is one, else the texts."""
    if result.get("structuredContent"):
        return json.dumps(result["structuredContent"], ensure_ascii=False)
    return _text(result)


def _text(result: Mapping[str, Any]) -> str:
    return "\n".join(part.get("text", "") for part in result["content"])


def _memory_mb(server: Server) -> float:
    """Memory of the server and its children, shared pages counted by their share."""
    return sum(proportional_mb(pid) or 0.0 for pid in process_family(server.process.pid))


def _percentiles(taken: list[float]) -> tuple[float, float]:
    cuts = statistics.quantiles(taken, n=20)
    return statistics.median(taken), cuts[-1]


def _peer_environment() -> dict[str, str]:
    quiet = {"ANONYMIZED_TELEMETRY": "False", "FASTMCP_LOG_LEVEL": "ERROR", "FASTMCP_SHOW_CLI_BANNER": "false"}
    return {**os.environ, "PYTHONPATH": str(BENCH.parent / "engine"), **quiet}


def _print_heading() -> None:
    columns = ("start ms", "1st call ms", "p50 ms", "p95 ms", "CPU ms", "memory MB", "tokens", "as text", "found")
    print(f"{'clips':>10} {'':18}" + "".join(f"{column:>13}" for column in columns))


def _print_row(row: Figures) -> None:
    times = (row.start_ms, row.first_call_ms, row.p50_ms, row.p95_ms, row.cpu_ms)
    values = (*times, row.memory_mb, row.tokens, row.text_tokens)
    print(f"{row.clips:>10,} {row.name:18}" + "".join(f"{v:13.1f}" for v in values) + f"{row.found:13.2f}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Soundbite beside chroma-mcp and mcp-server-qdrant.")
    parser.add_argument("--clips", type=int, nargs="+", default=[10_000])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--venvs", type=Path, default=Path(".work/peers"))
    parser.add_argument("--only", nargs="*", help="these servers only")
    parser.add_argument("--sizes", action="store_true", help="weigh the installs instead; installs all of them")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    return parser.parse_args()


def _all_figures(options: argparse.Namespace, venvs: Path) -> Iterator[Figures]:
    for clips in options.clips:
        corpus = make_corpus(clips, options.calls + 1)
        with tempfile.TemporaryDirectory(prefix="soundbite-peers-") as name:
            folders = {}
            for subject in subjects(venvs):
                if options.only and subject.name not in options.only:
                    continue
                folders[subject] = Path(name) / subject.name
                folders[subject].mkdir()
                begun = time.perf_counter()
                fill(subject, venvs, folders[subject], corpus)
                print(f"{subject.name}: {clips} clips in {time.perf_counter() - begun:.0f} s", file=sys.stderr)
            yield from measure(folders, corpus, options.starts)


def main() -> None:
    """Measure and print the tables, a line as soon as it is known."""
    options = _options()
    venvs = options.venvs.absolute()
    if options.sizes:
        for install in (weigh(venvs, name) for name in ("soundbite", *PEERS)):
            audio = "embeds audio" if install.embeds_audio else ""
            print(f"{install.name:18} {install.megabytes:6.0f} MB {install.distributions:4} distributions  {audio}")
        return
    _print_heading()
    measured = []
    for figures in _all_figures(options, venvs):
        _print_row(figures)
        measured.append(asdict(figures))
        if options.json:
            options.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
