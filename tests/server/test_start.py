"""Starting: what is loaded when, and who may write to stdout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from mcp import Client

from soundbite_server import Settings, build_server

HEAVY = (
    *("lancedb", "pyarrow", "av", "onnxruntime", "model2vec", "numpy", "tokenizers", "ctranslate2", "faster_whisper"),
    *("soundbite_store", "soundbite_api", "soundbite_server.libraries"),
)
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "0"},
    },
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
LIST_TOOLS = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


def run(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )


@pytest.mark.parametrize("module", ["soundbite_server.app", "soundbite_server.cli", "soundbite_server.settings"])
def test_importing_the_server_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    code = f"import sys, {module}; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run("-c", code, cwd=tmp_path).stdout.strip() == "[]"


def test_matrices_are_multiplied_by_one_thread_unless_told_otherwise(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom soundbite_server.cli import main\nsys.argv = ['soundbite', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print('numpy' in sys.modules, os.environ['OPENBLAS_NUM_THREADS'])"
    )
    assert run("-c", code, cwd=tmp_path, OPENBLAS_NUM_THREADS="4").stdout.split("\n")[-2] == "False 4"
    unset = f"import os\nos.environ.pop('OPENBLAS_NUM_THREADS', None)\n{code}"
    assert run("-c", unset, cwd=tmp_path).stdout.split("\n")[-2] == "False 1"


def test_the_help_loads_neither_the_protocol_nor_pydantic(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom soundbite_server.cli import cli\n"
        "try: cli(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('mcp', 'pydantic', 'httpx', 'rich') if name in sys.modules])"
    )
    assert run("-c", code, cwd=tmp_path).stdout.strip().endswith("[]")


def test_listing_the_recordings_loads_neither_the_clips_nor_the_engine(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom soundbite_server.cli import cli\n"
        "try: cli(['list'])\nexcept SystemExit: pass\n"
        "print([name for name in ('lancedb', 'pyarrow', 'numpy', 'av', 'starlette') if name in sys.modules])"
    )
    assert run("-c", code, cwd=tmp_path, SOUNDBITE_HOME=str(tmp_path / "home")).stdout.splitlines() == [
        "The library is empty. `soundbite add FILE` adds a recording.",
        "[]",
    ]


def test_decoy_packages_in_the_workspace_are_not_imported(tmp_path: Path) -> None:
    for name in ("server", "tools", "store", "api", "engine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the decoy was imported')")
    done = run("-m", "soundbite_server", "--help", cwd=tmp_path, PYTHONPATH=".")
    assert done.returncode == 0, done.stderr
    assert "Agents and servers:" in done.stdout


def test_stdout_carries_only_protocol_lines(tmp_path: Path) -> None:
    # stdin stays open until both answers are there: closing it ends the server.
    process = subprocess.Popen(
        [sys.executable, "-m", "soundbite_server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "SOUNDBITE_HOME": str(tmp_path / "home"), "SOUNDBITE_LOG_LEVEL": "DEBUG"},
    )
    assert process.stdin
    assert process.stdout
    answers = []
    for message in (INITIALIZE, INITIALIZED, LIST_TOOLS):
        process.stdin.write(json.dumps(message) + "\n")
        process.stdin.flush()
        if "id" in message:
            answers.append(json.loads(process.stdout.readline()))
    rest, _ = process.communicate(timeout=60)
    assert [answer["id"] for answer in answers] == [1, 2]
    assert all(json.loads(line) for line in rest.splitlines())
    assert process.returncode == 0


def test_a_bad_setting_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    done = run("-m", "soundbite_server", "serve", cwd=tmp_path, SOUNDBITE_ROOTS="/no/such/folder")
    assert done.returncode == 78
    assert done.stderr.strip() == "soundbite: SOUNDBITE_ROOTS names '/no/such/folder', which is not a folder."
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["list", "add none.wav", "serve"])
def test_a_working_folder_that_was_deleted_stops_no_command(command: str, tmp_path: Path) -> None:
    code = (
        "import os, runpy, sys\n"
        "os.rmdir(os.getcwd())\n"
        f"sys.argv = ['soundbite', *{command.split()!r}]\n"
        "runpy.run_module('soundbite_server', run_name='__main__')"
    )
    (tmp_path / "gone").mkdir()
    done = run("-c", code, cwd=tmp_path / "gone", SOUNDBITE_HOME=str(tmp_path / "home"), SOUNDBITE_WORKERS="1")
    assert "Traceback" not in done.stderr
    assert done.returncode == (2 if command.startswith("add") else 0), done.stderr


@pytest.mark.parametrize("command", ["serve", "serve --http 127.0.0.1:0", "engine --port 0", "list", "tasks", "usage"])
def test_a_home_that_can_not_be_made_stops_the_start(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    home = tmp_path / "file" / "home"
    done = run("-m", "soundbite_server", *command.split(), cwd=tmp_path, SOUNDBITE_HOME=str(home))
    assert done.returncode == 78
    assert done.stderr == (
        f"soundbite: SOUNDBITE_HOME can't be used: {home} (Not a directory). Set it to a folder of yours.\n"
    )


async def test_a_damaged_database_of_the_engine_is_told_to_the_agent_with_what_to_do(tmp_path: Path) -> None:
    database = tmp_path / "home" / "engine" / "engine.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"no database" * 1000)
    async with Client(build_server(Settings(home=tmp_path / "home", roots=(), workers=1))) as client:
        refused = await client.call_tool("list_audio", {})
    assert refused.is_error
    said = str(refused.content)
    assert "move it away" in said
    assert str(tmp_path) not in said
