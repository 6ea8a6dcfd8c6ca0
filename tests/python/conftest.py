"""A library of a script's own, with the engine of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOUNDBITE_WORKERS", "1")
    for name in ("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY", "SOUNDBITE_ROOTS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "library"
