"""A library made by the command itself, copied for each test, and a way to call commands as a shell does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from soundbite_engine.audio.encode import cut
from soundbite_server.cli import main

SAMPLES = Path(__file__).parents[2] / "samples"
UNSET = ("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY", "TWELVELABS_BASE_URL", "SOUNDBITE_STORE", "SOUNDBITE_ENGINE")


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@dataclass(frozen=True)
class Shelf:
    """A folder of recordings, and the home of the library that holds them."""

    home: Path
    folder: Path

    @property
    def spoken(self) -> Path:
        return self.folder / "spoken words.wav"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """`spoken words.wav`: 8 s of talk about a storm at night. `rain.wav`: 4 s of rain."""
    base = tmp_path_factory.mktemp("shelf")
    shelf = Shelf(base / "home", base / "recordings")
    shelf.folder.mkdir()
    for name, sample, first, last in (("spoken words", "memos.mp3", 0.0, 8.0), ("rain", "field-log.flac", 8.0, 12.0)):
        (shelf.folder / f"{name}.wav").write_bytes(cut(lambda _: None, str(SAMPLES / sample), first, last, "wav"))
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    environment |= {"SOUNDBITE_HOME": str(shelf.home), "SOUNDBITE_WORKERS": "1", "SOUNDBITE_ROOTS": str(base)}
    command = [sys.executable, "-m", "soundbite_server", "add", str(shelf.folder), "--tag", "shelf"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return shelf


@pytest.fixture
def shelf(made: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    home = tmp_path / "home"
    shutil.copytree(made.home, home)
    for name in UNSET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOUNDBITE_HOME", str(home))
    monkeypatch.setenv("SOUNDBITE_ROOTS", str(tmp_path))
    monkeypatch.setenv("SOUNDBITE_WORKERS", "1")
    monkeypatch.setenv("COLUMNS", "120")
    # Logging of the test run stays as pytest set it.
    monkeypatch.setattr("soundbite_server.logs.log_to_stderr", lambda *_, **__: None)
    return Shelf(home, made.folder)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that calls `soundbite ARGUMENTS` in this process, with its exit code and what it printed."""

    def call(*arguments: str | Path) -> Ran:
        monkeypatch.setattr(sys, "argv", ["soundbite", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return call
