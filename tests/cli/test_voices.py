"""Voices through the whole product, with the engine's own encoder, and the files in which they are and are not."""

from __future__ import annotations

import json
import sqlite3
import struct
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from soundbite_engine.audio.encode import cut

MEMOS = Path(__file__).parents[2] / "samples" / "memos.mp3"


def vectors_in(home: Path) -> list[bytes]:
    with closing(sqlite3.connect(home / "voices.sqlite")) as database:
        return [row[0] for row in database.execute("SELECT vector FROM voices")]


def files_with(home: Path, vectors: list[bytes]) -> set[str]:
    """The files below a folder that hold any three numbers of any of the vectors, none of them a zero."""
    parts = {vector[at : at + 12] for vector in vectors for at in range(0, len(vector) - 8, 4)}
    marks = [part for part in parts if all(struct.unpack("<3f", part))]
    assert len(marks) > 20
    contents = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    return {str(path.relative_to(home)) for path, content in contents.items() if any(mark in content for mark in marks)}


def test_a_person_is_known_by_voice_and_forgotten_to_the_last_byte(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOUNDBITE_VOICES", "on")
    for name, first, last in (("monday", 0.0, 13.2), ("friday", 38.0, 53.0)):
        (tmp_path / f"{name}.wav").write_bytes(cut(lambda _: None, str(MEMOS), first, last, "wav"))
        assert run("add", tmp_path / f"{name}.wav").code == 0
    vectors = vectors_in(shelf.home)
    assert len(vectors) == 2
    assert {len(vector) for vector in vectors} == {1024}
    assert "is now Ann" in run("name-speaker", "monday", "1", "Ann").out
    [ann] = json.loads(run("speakers", "ann", "--json").out)["speakers"]
    assert {one["title"]: "likeness" in one for one in ann["recordings"]} == {"monday": False, "friday": True}
    assert "probably Ann (.9" in run("show", "friday").out
    assert files_with(shelf.home, vectors) == {"voices.sqlite"}
    monkeypatch.setenv("SOUNDBITE_VOICES", "off")
    assert "probably" not in run("show", "friday").out
    assert run("speakers", "--forget").code == 2
    assert run("speakers", "Ann", "--forget").out.startswith('2 voices of "Ann" erased, from 2 recordings.')
    assert files_with(shelf.home, vectors) == set()
    assert run("speakers", "--forget-all").out == "0 voices erased.\n"
