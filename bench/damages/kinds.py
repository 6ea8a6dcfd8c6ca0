"""The kinds of damage: each a function that takes a library and damages it on the disk."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from damages.library import SPACE, TABLE, Library, with_open_ledger

from soundbite_store import Clip, ClipStore, Space

OTHER_SPACE = Space("other-space-1", 512)


@dataclass(frozen=True)
class Damage:
    """One kind of damage."""

    name: str
    do: Callable[[Library], object]
    says: str
    """What `soundbite doctor --deep` has to say of it; empty where all may be well."""
    loses_words: bool = False
    """Whether the only copy of a transcript is gone: repair makes what clips hold of it, says so, ends with 1."""


def _clips(library: Library) -> list[Clip]:
    async def read() -> list[Clip]:
        async with await ClipStore.open(library.home / "store") as store:
            return await store.embeddings(SPACE)

    return asyncio.run(read())


def _flip(library: Library, content: bytes) -> None:
    """Flip one bit of bytes that lie in a data file."""
    for path in library.data():
        if (at := path.read_bytes().find(content)) >= 0:
            damaged = bytearray(path.read_bytes())
            damaged[at + 2] ^= 1
            path.write_bytes(damaged)
            return
    raise AssertionError("that lies in no data file")


def _flip_vector(library: Library) -> None:
    _flip(library, _clips(library)[0].vector.tobytes())


def _flip_text(library: Library) -> None:
    _flip(library, next(clip.transcript for clip in _clips(library) if clip.transcript).encode())


def _flip_row_id(library: Library) -> None:
    _flip(library, _clips(library)[0].row_id(SPACE).encode())


def _set_checksum(library: Library) -> None:
    async def write() -> None:
        async with await ClipStore.open(library.home / "store") as store:
            table = await store.connection.table_for_writing(SPACE)
            await table.lance.update({"checksum": 7}, where="embedding_scope = 'clip'")

    asyncio.run(write())


def _lose_deletions(library: Library) -> None:
    async def write() -> None:
        async with await ClipStore.open(library.home / "store") as store:
            table = await store.connection.table_for_writing(SPACE)
            rows = await table.lance.query().limit(1).to_arrow()
            await table.lance.add(rows)
            await table.lance.delete(f"row_id = '{rows.column('row_id')[0]}'")
            await table.lance.add(rows)

    asyncio.run(write())
    for path in (library.table / "_deletions").iterdir():
        path.unlink()


def _other_space(library: Library) -> None:
    clips = _clips(library)

    async def write() -> None:
        async with await ClipStore.open(library.home / "store") as store:
            await store.upsert(OTHER_SPACE, clips)

    asyncio.run(write())
    shutil.rmtree(library.table)
    (library.home / "store" / f"{OTHER_SPACE.table_name}.lance").rename(library.table)


def _sql(library: Library, *statements: str) -> None:
    with closing(sqlite3.connect(library.ledger)) as database, database:
        for statement in statements:
            database.execute(statement)


def _cut(path: Path, share: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _older_store(library: Library) -> None:
    shutil.rmtree(library.home / "store")
    shutil.copytree(library.older / "store", library.home / "store")


def _newer_store_of_others(library: Library) -> None:
    """A recording is removed, then a copy of the store from before comes back."""
    before = library.home.with_name("before")
    shutil.copytree(library.home / "store", before)
    assert library.run("rm", "talk", "--yes").exit_code == 0
    shutil.rmtree(library.home / "store")
    before.rename(library.home / "store")


def _lose_wal(library: Library) -> None:
    with_open_ledger(library)
    Path(f"{library.ledger}-wal").unlink()


def _delete_all(library: Library, pattern: str) -> None:
    paths = [path for path in library.home.glob(pattern) if path.is_file()]
    assert paths, pattern
    for path in paths:
        path.unlink()


def _each(paths: Iterable[Path], do: Callable[[Path], object]) -> None:
    for path in paths:
        do(path)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _zero(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = bytes(4096 * 2)
    path.write_bytes(content)


DAMAGES = (
    Damage("newest manifests emptied", lambda of: _each(of.manifests()[:3], _empty), "lost:"),
    Damage("newest manifests truncated", lambda of: _each(of.manifests()[:3], _cut), "lost:"),
    Damage("newest manifests deleted", lambda of: _each(of.manifests()[:3], Path.unlink), "lost:"),
    Damage("all manifests deleted", lambda of: _delete_all(of, f"store/{TABLE}/_versions/*"), "can't be used"),
    Damage("all manifests emptied", lambda of: _each(of.manifests(), _empty), "can't"),
    Damage("store deleted", lambda of: shutil.rmtree(of.home / "store"), "lost:"),
    Damage("a data file deleted", lambda of: of.data()[0].unlink(), "bad"),
    Damage("a data file cut", lambda of: _cut(of.data()[0]), "bad"),
    Damage("the newest data file cut", lambda of: _cut(of.data()[-1]), "lost:"),
    Damage("one bit of a vector", _flip_vector, "were changed on the disk"),
    Damage("one bit of a text", _flip_text, "were changed on the disk"),
    Damage("one bit of a row id", _flip_row_id, "ids that were changed"),
    Damage("checksum column damaged", _set_checksum, "were changed on the disk"),
    Damage("deletion files lost", _lose_deletions, "bad"),
    Damage("index files deleted", lambda of: _delete_all(of, f"store/{TABLE}/_indices/*/*"), "search indexes"),
    Damage("table of another space", _other_space, "table of something else"),
    Damage("older copy of the store", _older_store, "lost:"),
    Damage("removed recording came back", _newer_store_of_others, "not in the ledger", True),
    Damage("older copy of the ledger", lambda of: shutil.copyfile(of.older / "ledger.sqlite", of.ledger), "not"),
    Damage("ledger deleted", lambda of: of.ledger.unlink(), "not in the ledger", True),
    Damage("ledger cut", lambda of: _cut(of.ledger), "is damaged", True),
    Damage("ledger zeroed inside", lambda of: _zero(of.ledger), "is damaged"),
    Damage(
        "ledger: a recording's row deleted", lambda of: _sql(of, "DELETE FROM assets WHERE title = 'talk'"), "not in"
    ),
    Damage(
        "ledger: a task's row deleted", lambda of: _sql(of, "DELETE FROM tasks WHERE rowid = 1"), "not in the ledger"
    ),
    Damage("ledger: a transcript's row deleted", lambda of: _sql(of, "DELETE FROM transcripts"), "transcript"),
    Damage("write-ahead log deleted", _lose_wal, "not in the ledger"),
    Damage("engine's database deleted", lambda of: _delete_all(of, "engine/engine.db*"), "does not know"),
    Damage("engine's media deleted", lambda of: _delete_all(of, "engine/**/*.wav"), "lacks the sound of"),
)
