"""A machine on which Soundbite can't work is told so in one sentence, at once and before anything is opened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from soundbite_server.surroundings import FEWEST_FILES, LEAST_ROOM_BYTES, trouble

resource = pytest.importorskip("resource")
SETTINGS_EXIT_CODE = 78


def run_limited(home: Path, limit: Callable[[], None]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "soundbite_server", "list"],
        env={**os.environ, "SOUNDBITE_HOME": str(home)},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("kind", "most", "words"),
    [("RLIMIT_NOFILE", 30, "may open 30 files"), ("RLIMIT_FSIZE", 100 << 10, "files of 100 kB")],
)
def test_a_limit_that_is_too_low_is_named_in_one_line(tmp_path: Path, kind: str, most: int, words: str) -> None:
    ran = run_limited(tmp_path / "home", lambda: resource.setrlimit(getattr(resource, kind), (most, most)))
    assert ran.returncode == SETTINGS_EXIT_CODE, ran.stderr
    assert words in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_a_low_limit_of_open_files_that_may_be_raised_is_raised(tmp_path: Path) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < FEWEST_FILES:
        pytest.skip("the limit of this machine itself is lower")
    ran = run_limited(tmp_path / "home", lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (30, hard)))
    assert ran.returncode == 0, ran.stderr


def test_a_full_folder_for_temporary_files_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=LEAST_ROOM_BYTES - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    assert "is full: 1023 kB are free" in trouble()
    assert "TMPDIR" in trouble()


def test_a_clock_before_1970_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: -86_400.0 * 3)
    assert "clock of this machine is not set: it is 3 days before the first of January 1970" in trouble()


def test_a_line_break_in_the_path_of_the_home_is_named_in_one_line(tmp_path: Path) -> None:
    ran = run_limited(tmp_path / "new\nline", lambda: None)
    assert ran.returncode == SETTINGS_EXIT_CODE
    [line] = ran.stderr.splitlines()
    assert "SOUNDBITE_HOME can't be used" in line
    assert "line break" in line
