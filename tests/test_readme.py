"""What README and docs say is done: their commands run, their tables are those of the code, their links lead somewhere.

A block marked `sh` runs, line by line, in a world of its own: a home, a folder ~/meetings, the repository's samples.
`sh no-run` marks what needs more than this machine has; such blocks are only parsed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from soundbite_engine.audio.encode import cut
from soundbite_server import Settings, build_server
from soundbite_server.cli import COMMANDS
from soundbite_server.cli.failures import EXIT_CODES
from soundbite_server.http.settings import HttpSettings
from soundbite_server.settings import EngineSettings

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# A command in the second column of a table of steps.
STEP = re.compile(r"^\|[^|]*\| `([^`]+)` \|", re.MULTILINE)
STEPS = ROOT / "docs" / "first-ten-minutes.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Commands that make an environment, reach another machine, or go on until they are stopped; other tests do those.
ELSEWHERE = ("git ", "make ", "pip ", "uv ", "uvx ", "pipx ", "claude ", "docker ", "npx ", "cp ")
SERVES = ("soundbite serve", "soundbite engine")
# What a line needs that the small world has not.
NEEDS_MORE = ("--live", "--watch", "models pull", "soundbite bulk", "soundbite listen", "TWELVELABS_API_KEY=")
TAKES_AWAY = ("soundbite rm", "soundbite erase")
LONGEST_S = 300
SOURCES = [path for layer in ("api", "engine", "store", "tools", "server") for path in (ROOT / layer).rglob("*.py")]
VARIABLE = re.compile(r'["\'](SOUNDBITE_[A-Z_]+|TWELVE_?LABS_[A-Z_]+)["\']')


def blocks(kind: str) -> Iterator[tuple[str, str, str]]:
    for page in PAGES:
        for language, marks, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if language == kind:
                yield page.name, marks.strip(), text


def commands() -> list[str]:
    """Every command line of the pages, once, continuations joined and comments cut."""
    lines: dict[str, None] = {}
    for _, marks, text in blocks("sh"):
        for line in text.replace("\\\n", " ").splitlines() if marks != "no-run" else ():
            words = line.split(" #")[0].strip()
            if words and not words.startswith("#"):
                lines[words] = None
    return [*lines, *(step for step in STEP.findall(STEPS.read_text(encoding="utf-8")) if step not in lines)]


def plain(line: str) -> str:
    """The line without the variables set in front of it."""
    return re.sub(r'^(?:[A-Z_]+=(?:"[^"]*"|\S+) )+', "", line)


def runnable() -> list[str]:
    return [
        line
        for line in commands()
        if not plain(line).startswith((*ELSEWHERE, *SERVES, "export ")) and not any(mark in line for mark in NEEDS_MORE)
    ]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a person who has a folder ~/meetings with one recording in it, already added."""
    home = tmp_path_factory.mktemp("person")
    (home / "meetings").mkdir()
    (home / "meetings" / "standup.wav").write_bytes(
        cut(lambda _: None, str(ROOT / "samples/standup.flac"), 42.0, 57.0, "wav")
    )
    for name in ("samples", "examples", "bench"):
        (home / name).symlink_to(ROOT / name)
    binaries = home / "bin"
    binaries.mkdir()
    for name, arguments in (("python", ""), ("soundbite", "-m soundbite_server ")):
        (binaries / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (binaries / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOUNDBITE", "TWELVE"))}
    environment = kept | {
        "HOME": str(home),
        "PATH": f"{binaries}:{kept['PATH']}",
        "SOUNDBITE_HOME": str(home / "library"),
        "SOUNDBITE_WORKERS": "1",
        "SOUNDBITE_ROOTS": f"{home}:{ROOT}",
    }
    done = run_line("soundbite add ~/meetings --tag work", environment)
    assert done.returncode == 0, done.stderr
    return environment


def run_line(line: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", line], cwd=environment["HOME"], env=environment, capture_output=True, text=True,
        timeout=LONGEST_S, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("line", runnable())
def test_a_command_of_the_pages_runs(line: str, world: dict[str, str], tmp_path: Path) -> None:
    words = line
    if line.startswith(TAKES_AWAY):  # from a library of its own: the other lines and scripts need what is there
        shutil.copytree(world["SOUNDBITE_HOME"], tmp_path / "library")
        world = world | {"SOUNDBITE_HOME": str(tmp_path / "library")}
        words = f"{line} --yes"
    done = run_line(words, world)
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("block", [text for _, marks, text in blocks("python") if not marks])
def test_a_script_of_the_pages_runs(block: str, world: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", block], cwd=world["HOME"], env=world, capture_output=True, text=True,
        timeout=LONGEST_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_commands_that_are_not_run_are_at_least_shell() -> None:
    for page, _, text in blocks("sh"):
        done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, (page, done.stderr)


def test_every_soundbite_command_of_the_pages_exists() -> None:
    named = {shlex.split(plain(line))[1] for line in commands() if plain(line).startswith("soundbite ")}
    assert named <= {*COMMANDS, "--help"}


def test_the_first_page_is_short() -> None:
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 150


def test_every_command_is_named_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [name for name in COMMANDS if f"soundbite {name}" not in text] == []


def test_configurations_to_paste_are_valid() -> None:
    assert [json.loads(text) for _, _, text in blocks("json")]
    assert all(tomllib.loads(text) for _, _, text in blocks("toml"))


async def test_the_table_of_tools_is_that_of_the_server(tmp_path: Path) -> None:
    tools = await build_server(Settings(home=tmp_path, roots=())).list_tools()
    text = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Tools")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", text, re.MULTILINE) == [tool.name for tool in tools]


def test_the_settings_of_the_pages_are_those_of_the_code() -> None:
    read = {name for path in SOURCES for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
    for model in (Settings, HttpSettings, EngineSettings):
        read |= {name for name in model.variables() if name.startswith(("SOUNDBITE", "TWELVE"))}
    # What contributors set for the tests is no setting.
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.stem != "contributing")
    said = set(re.findall(r"`((?:SOUNDBITE|TWELVE_?LABS)_[A-Z_]+)", text))
    assert read - said == set()
    assert {name for name in said - read if not any(each.startswith(name) for each in read)} == set()


def test_the_exit_codes_of_the_readme_are_those_of_the_code() -> None:
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    said = text.partition("Exit codes:")[2].partition(".")[0]
    assert {int(code) for code in re.findall(r"(?:^|, )\s*(\d+) ", said)} == set(EXIT_CODES)


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http://", "https://")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
