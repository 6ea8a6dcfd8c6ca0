"""`soundbite engine`: the embedded platform alone, on a port."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

TEXT = {"input_type": "text", "model_name": "marengo3.0", "text": {"input_text": "rain"}}


def _start(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Start an engine that must not come up."""
    return subprocess.run(
        [sys.executable, "-m", "soundbite_server", "engine", *arguments],
        env={**os.environ, "SOUNDBITE_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_at_the_address_it_prints_and_ends_in_order(stop: int, start_engine: Any, tmp_path: Path) -> None:
    with start_engine(tmp_path) as engine:
        # Both with the version prefix and without it.
        for base_url in (engine.base_url, engine.base_url.removesuffix("/v1.3")):
            assert len(httpx.post(f"{base_url}/embed-v2", json=TEXT).json()["data"][0]["embedding"]) == 512
        engine.process.send_signal(stop)
        assert engine.process.wait(30) == 0
    assert not list((tmp_path / "served-engine" / "owners").iterdir())


def test_a_site_that_points_its_name_at_this_machine_finds_nobody(engine: Any) -> None:
    answer = httpx.post(f"{engine.base_url}/embed-v2", json=TEXT, headers={"Host": "evil.example"})
    assert (answer.status_code, answer.text) == (400, "Invalid host header")


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (("--host", "0.0.0.0"), {}, "SOUNDBITE_ENGINE_KEY"),
        ((), {"SOUNDBITE_ENGINE_REQUESTS_PER_MINUTE": "many"}, "SOUNDBITE_ENGINE_REQUESTS_PER_MINUTE"),
        ((), {"SOUNDBITE_ALLOW_URLS": "http://host/"}, "SOUNDBITE_ALLOW_URLS"),
    ],
    ids=["others can reach it", "no number", "no host"],
)
def test_what_can_not_be_used_stops_the_start_with_one_sentence(
    arguments: tuple[str, ...], environment: dict[str, str], named: str, tmp_path: Path
) -> None:
    done = _start(tmp_path, *arguments, **environment)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.startswith("soundbite: ")
    assert named in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_named(engine: Any, tmp_path: Path) -> None:
    port = httpx.URL(engine.base_url).port
    done = _start(tmp_path, "--port", str(port))
    assert done.returncode == 78
    assert f"127.0.0.1:{port}" in done.stderr
