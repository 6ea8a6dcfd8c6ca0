"""Clients by others, each in an environment of its own, hold one conversation with the server over stdio and over HTTP.

    python bench/clients/matrix.py FOLDER                    # prints the table; FOLDER keeps the environments
    python bench/clients/matrix.py FOLDER --write            # and writes it to docs/clients.md
    python bench/clients/matrix.py FOLDER --only fastmcp     # the clients of these names

What is installed is pinned here, and comes from PyPI and npm by name. Every step has to answer within --seconds. An
install that fails is a row that says so. Rows are kept in FOLDER too, so that the table can be made in several runs.
Ends with 1 when a step of this run went wrong that is not named as the client's own.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from conversation import STEPS, Place

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "clients.md"
BEGIN, END = "<!-- table: bench/clients/matrix.py --write -->", "<!-- end of the table -->"
TRANSPORTS = ("stdio", "HTTP")
NPM = (
    "node@24",
    "@modelcontextprotocol/sdk@1.32.2",
    "@modelcontextprotocol/client@2.4.0",
    "@modelcontextprotocol/inspector@2.12.0",
)
_HEADINGS = ("list tools", "embed", "poll", "search", "get clip", "sound inline")
_INSTALL_SEC = 900


@dataclass(frozen=True)
class Client:
    """A client by others: its name in the table, what connects it, and what is installed for it."""

    name: str
    connect: str
    packages: tuple[str, ...]
    own: dict[str, str] = field(default_factory=dict)
    """Steps that the client itself can't do, and what its error holds then."""


CLIENTS = (
    Client("MCP Python SDK 1.9", "mcp", ("mcp==1.9.4", "pydantic==2.11.7")),
    Client("MCP Python SDK 1.30", "mcp", ("mcp==1.30.0",)),
    Client("FastMCP", "fastmcp", ("fastmcp==4.2.3",)),
    Client(
        "LangChain MCP adapters", "langchain", ("langchain-mcp-adapters==0.3.2",), {"sound": "AudioContent conversion"}
    ),
    Client("LlamaIndex MCP tools", "llama_index", ("llama-index-tools-mcp==0.6.0",)),
    Client("OpenAI Agents SDK", "openai_agents", ("openai-agents==0.24.0",)),
    Client("Pydantic AI", "pydantic_ai", ("pydantic-ai-slim[mcp]==2.68.0",)),
    Client("MCP TypeScript SDK 1", "typescript", (NPM[1],)),
    Client("MCP TypeScript SDK 2", "typescript2", (NPM[2],)),
    Client("MCP inspector, command line", "inspector", (NPM[3],)),
)


@dataclass(frozen=True)
class Row:
    """What came of one client over one transport: the seconds of the steps it did, and what went wrong then."""

    client: str
    version: str
    transport: str
    seconds: dict[str, float]
    failed_step: str = ""
    error: str = ""
    is_own: bool = False
    """Whether what went wrong is known to be the client's own."""

    def cells(self) -> list[str]:
        """Return the cells of the table."""
        steps = [f"{self.seconds[step]:.1f} s" if step in self.seconds else "-" for step in STEPS]
        if self.failed_step in STEPS:
            steps[STEPS.index(self.failed_step)] = "no (its own)" if self.is_own else "**no**"
        return [self.client, self.version, self.transport, *steps]


def page_table(rows: Sequence[Row]) -> str:
    """Return the table, and below it what went wrong."""
    head = ["client", "version", "over", *_HEADINGS]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    wrong = [f"- {row.client}, {row.transport}, {row.failed_step}: {row.error}" for row in rows if row.failed_step]
    return "\n\n".join([text, *(["\n".join(dict.fromkeys(wrong))] if wrong else [])])


def with_table(page: str, table: str) -> str:
    """Return the page with this table between its markers."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def environment(folder: Path, packages: Sequence[str]) -> Path:
    """Install packages for one client, once; returns its Python.

    Raises:
        subprocess.SubprocessError: they can't be installed, or not in time.
    """
    home = folder / packages[0].replace("==", "-").replace("[", "-").replace("]", "")
    python, stamp = home / "bin" / "python", home / "installed"
    if not stamp.exists():
        _installed([sys.executable, "-m", "venv", "--clear", str(home)])
        _installed([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
        stamp.touch()
    return python


def node_packages(folder: Path) -> Path:
    """Install the clients in JavaScript and a Node for them, once; returns their folder.

    Raises:
        OSError: there is no npm.
        subprocess.SubprocessError: they can't be installed, or not in time.
    """
    home = folder / "node"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "installed").exists():
        options = ("--silent", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", str(home))
        _installed(["npm", "install", *options, *NPM])
        (home / "installed").touch()
    return home


def _installed(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SEC)


def run(client: Client, folder: Path, seconds: float) -> Iterator[Row]:
    """Yield a row for every transport of a client."""
    try:
        is_python = "==" in client.packages[0]
        python = environment(folder, client.packages) if is_python else Path(sys.executable)
        node = "" if is_python else str(node_packages(folder))
    except (OSError, subprocess.SubprocessError) as exc:
        yield Row(client.name, client.packages[0], "-", {}, "install", _cause(exc))
        return
    version = _versions(python, client) if is_python else client.packages[0].rpartition("@")[2]
    for transport in TRANSPORTS:
        with tempfile.TemporaryDirectory(prefix="soundbite-clients-") as home:
            done, failed_step, error = _talk(client, transport, Path(home), python, node, seconds)
        is_own = client.own.get(failed_step, error + "?") in error
        yield Row(client.name, version, transport, done, failed_step, error, is_own)


def _versions(python: Path, client: Client) -> str:
    own = client.packages[0].partition("==")[2]
    asked = [str(python), "-c", "from importlib.metadata import version; print(version('mcp'))"]
    sdk = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    return own if sdk == own else f"{own} (mcp {sdk})"


def _talk(
    client: Client, transport: str, home: Path, python: Path, node: str, seconds: float
) -> tuple[dict[str, float], str, str]:
    server = [sys.executable, "-P", "-m", "soundbite_server", "serve"]
    env = {
        "SOUNDBITE_HOME": str(home / "library"),
        "SOUNDBITE_ROOTS": str(ROOT / "samples"),
        "SOUNDBITE_ENGINE": "embedded",
        "SOUNDBITE_WORKERS": "1",
        "SOUNDBITE_LOG_LEVEL": "ERROR",
    }
    recording = str(ROOT / "samples" / "standup.flac")
    if transport == "stdio":
        return _converse(client, Place(server, env, "", recording, 36.0, 46.0, node), home, python, seconds)
    with serving(server, env, seconds) as url:
        return _converse(client, Place(server, env, url, recording, 36.0, 46.0, node), home, python, seconds)


def _converse(
    client: Client, place: Place, home: Path, python: Path, seconds: float
) -> tuple[dict[str, float], str, str]:
    asked, output = home / "place.json", home / "steps.jsonl"
    asked.write_text(json.dumps(asdict(place)), encoding="utf-8")
    script = Path(__file__).with_name("conversation.py")
    with output.open("wb") as steps, (home / "client.log").open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-P", str(script), client.connect, str(asked)], stdout=steps, stderr=log,
            env={**os.environ, "PYTHONPATH": str(script.parent), "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(seconds * len(STEPS))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    answers = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    done = {answer["step"]: answer["seconds"] for answer in answers if "seconds" in answer}
    wrong = [answer for answer in answers if "error" in answer]
    if wrong:
        return done, wrong[0]["step"], _one_line(wrong[0]["error"])
    if missing := [step for step in STEPS if step not in done]:
        last = (home / "client.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        return done, missing[0], _one_line("no answer in time" if process.returncode < 0 else " ".join(last))
    return done, "", ""


@contextmanager
def serving(command: Sequence[str], env: dict[str, str], seconds: float) -> Iterator[str]:
    """Start the server on a free port of loopback; yields its endpoint once it is ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen([*command, "--http", address], env={**os.environ, **env})
    try:
        _wait_for(f"http://{address}/readyz", seconds)
        yield f"http://{address}/mcp"
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=seconds):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def with_earlier(kept: Path, rows: Sequence[Row]) -> list[Row]:
    """Return these rows and those that earlier runs left in the file for other clients, in order; all are kept."""
    earlier = [Row(**values) for values in json.loads(kept.read_text(encoding="utf-8"))] if kept.exists() else []
    tried = {row.client for row in rows}
    order = [client.name for client in CLIENTS]
    all_rows = [*rows, *(row for row in earlier if row.client in order and row.client not in tried)]
    all_rows.sort(key=lambda row: order.index(row.client))
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([asdict(row) for row in all_rows]), encoding="utf-8")
    return all_rows


def _cause(exc: Exception) -> str:
    output = getattr(exc, "stderr", None) or b""
    return _one_line(" ".join(output.decode(errors="replace").strip().splitlines()[-1:]) or str(exc))


def _one_line(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= 200 else f"{line[:199]}…"


def main() -> int:
    """Print the table, and write it where asked; 1 when a step went wrong that is not the client's own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", type=Path, help="keeps the environments of the clients, so that they are installed once"
    )
    parser.add_argument("--only", nargs="*", default=[], help="clients whose names hold one of these")
    parser.add_argument("--seconds", type=float, default=90, help="the longest that a step may take")
    parser.add_argument("--write", action="store_true", help="write the table to docs/clients.md")
    arguments = parser.parse_args()
    names = [name.lower() for name in arguments.only]
    chosen = [client for client in CLIENTS if not names or any(name in client.name.lower() for name in names)]
    folder = arguments.folder.resolve()
    table, is_wrong = "", False
    for client in chosen:
        rows = []
        for row in run(client, folder, arguments.seconds):
            print(" | ".join(row.cells()), f"{row.failed_step}: {row.error}" if row.failed_step else "", flush=True)
            rows.append(row)
            is_wrong |= bool(row.failed_step) and not row.is_own
        table = page_table(with_earlier(folder / "rows.json", rows))
    if arguments.write:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table), encoding="utf-8")
    return int(is_wrong)


if __name__ == "__main__":
    raise SystemExit(main())
