"""doctor --deep, reembed, export and import, on a library that holds one embedded recording."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from soundbite_store import ClipStore, Space, StoredClip

SPACE = Space("soundbite-base-3", 512)
LONGEST_S = 120


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    exit_code: int
    output: str


@pytest.fixture
def home(embedded: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "home"
    shutil.copytree(embedded.home, copy)
    monkeypatch.setenv("SOUNDBITE_HOME", str(copy))
    monkeypatch.setenv("SOUNDBITE_ROOTS", str(embedded.root))
    monkeypatch.setenv("SOUNDBITE_WORKERS", "1")
    for name in ("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY", "SOUNDBITE_STORE", "SOUNDBITE_ENGINE"):
        monkeypatch.delenv(name, raising=False)
    return copy


def run(*arguments: str) -> Ran:
    process = subprocess.run(
        [sys.executable, "-m", "soundbite_server", *arguments],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    return Ran(process.returncode, process.stdout + process.stderr)


def store_folder(home: Path) -> Path:
    return next(path.parent for path in home.rglob("clips__*.lance"))


async def kept(folder: Path) -> list[StoredClip]:
    async with await ClipStore.open(folder) as store:
        return await store.clips(SPACE, limit=1_000)


def damage_one_vector(folder: Path) -> None:
    async def vector() -> bytes:
        async with await ClipStore.open(folder) as store:
            return (await store.embeddings(SPACE, limit=1))[0].vector.tobytes()

    wanted = asyncio.run(vector())
    for path in folder.rglob("*.lance"):
        if path.is_file() and (at := path.read_bytes().find(wanted)) >= 0:
            content = bytearray(path.read_bytes())
            content[at + 2] ^= 1
            path.write_bytes(content)
            return
    raise AssertionError("the vector lies in no data file")


def test_a_deep_check_finds_a_changed_vector_and_repair_embeds_it_again(home: Path) -> None:
    assert run("doctor", "--deep").exit_code == 0
    damage_one_vector(store_folder(home))
    found = run("doctor", "--deep")
    assert found.exit_code == 1
    assert "1 vectors of 1 recordings" in " ".join(found.output.split())
    mended = run("doctor", "--deep", "--repair")
    assert mended.exit_code == 0, mended.output
    assert "all as they were written" in " ".join(mended.output.split())


def test_repair_takes_out_doubled_rows_and_embeds_again_what_can_not_be_read(home: Path) -> None:
    folder = store_folder(home)
    before = asyncio.run(kept(folder))

    async def double_some() -> None:
        async with await ClipStore.open(folder) as store:
            table = await store.connection.table_for_writing(SPACE)
            await table.lance.add(await table.lance.query().limit(2).to_arrow())

    files = set(folder.rglob("data/*.lance"))
    asyncio.run(double_some())
    found = " ".join(run("doctor", "--deep").output.split())
    assert "2 rows" in found
    assert "are there twice (`soundbite doctor --deep --repair` mends that)" in found
    assert run("doctor", "--deep", "--repair").exit_code == 0
    assert asyncio.run(kept(folder)) == before
    for file in files:
        file.unlink()
    found = run("doctor", "--deep")
    assert found.exit_code == 1
    assert "can be read up to row" in " ".join(found.output.split())
    mended = run("doctor", "--deep", "--repair")
    assert mended.exit_code == 0, mended.output
    assert "embedded again" in mended.output
    keys = [(clip.clip_id, clip.embedding_option) for clip in before]
    assert [(clip.clip_id, clip.embedding_option) for clip in asyncio.run(kept(folder))] == keys


def test_reembed_makes_the_clips_of_a_new_space_and_has_nothing_to_do_the_second_time(home: Path) -> None:
    folder = store_folder(home)
    before = asyncio.run(kept(folder))
    shutil.rmtree(folder / f"{SPACE.table_name}.lance")
    first = run("reembed")
    assert first.exit_code == 0, first.output
    assert "embedded again" in first.output
    after = asyncio.run(kept(folder))
    assert [(clip.clip_id, clip.embedding_option) for clip in after] == [
        (clip.clip_id, clip.embedding_option) for clip in before
    ]
    assert "embedded again" not in run("reembed").output


def test_an_exported_library_is_searched_after_its_import_somewhere_else(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "library.parquet"
    before = asyncio.run(kept(store_folder(home)))
    assert run("export", str(file)).exit_code == 0
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path / "other"))
    imported = run("import", str(file))
    assert imported.exit_code == 0, imported.output
    assert asyncio.run(kept(store_folder(tmp_path / "other"))) == before
    assert "1 recording," in run("list").output
