"""The library that is damaged: two short recordings, an older state of it, and one as a kill leaves it."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from soundbite_engine.audio.encode import cut
from soundbite_store import ClipStore, Ledger, Space

SAMPLES = Path(__file__).parents[2] / "samples"
_UNSET = ("TWELVELABS_API_KEY", "TWELVE_LABS_API_KEY", "TWELVELABS_BASE_URL", "SOUNDBITE_STORE", "SOUNDBITE_ENGINE")
_LONGEST_S = 600
SPACE = Space("soundbite-base-3", 512)
TABLE = "clips__soundbite-base-3__512.lance"


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said, in one line."""

    exit_code: int
    text: str


@dataclass(frozen=True)
class Library:
    """A home with two recordings, the second of which came later, and what it was before that."""

    home: Path
    older: Path
    """A copy of the home from before the second recording."""
    recordings: Path
    port: int
    """Where the recordings are served over HTTP on this machine."""

    @property
    def table(self) -> Path:
        return self.home / "store" / TABLE

    @property
    def ledger(self) -> Path:
        return self.home / "ledger.sqlite"

    def manifests(self) -> list[Path]:
        """The manifests of the table, the newest first."""
        return sorted((self.table / "_versions").glob("*.manifest"))

    def data(self) -> list[Path]:
        """The data files of the table, the oldest first."""
        return sorted((self.table / "data").glob("*.lance"), key=lambda path: path.stat().st_mtime_ns)

    def copy(self, folder: Path) -> Library:
        """The same library in another folder, to be damaged; the recordings stay where they are."""
        shutil.copytree(self.home, folder / "home", symlinks=True)
        return Library(folder / "home", self.older, self.recordings, self.port)

    def run(self, *arguments: str) -> Ran:
        """Call `soundbite ARGUMENTS` on it."""
        environment = {name: value for name, value in os.environ.items() if name not in _UNSET}
        environment |= {
            "SOUNDBITE_HOME": str(self.home),
            "SOUNDBITE_ROOTS": str(self.recordings),
            "SOUNDBITE_WORKERS": "1",
            "SOUNDBITE_ALLOW_URLS": f"127.0.0.1:{self.port}",
            "COLUMNS": "300",
        }
        done = subprocess.run(
            [sys.executable, "-m", "soundbite_server", *arguments],
            env=environment,
            cwd=self.recordings,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
        return Ran(done.returncode, " ".join((done.stdout + done.stderr).split()))


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve the files of a folder on this machine; gives the port."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the library gives it
        return None


def make_library(folder: Path, port: int, *, has_address: bool = True) -> Library:
    """Embed 8 seconds of talk, keep a copy, then embed 4 seconds of rain from a file and 4 others from an address."""
    library = Library(folder / "home", folder / "older", folder / "recordings", port)
    library.recordings.mkdir(parents=True, exist_ok=True)
    for name, sample, first, last in (("talk", "memos.mp3", 0.0, 8.0), ("rain", "field-log.flac", 8.0, 12.0)):
        path = library.recordings / f"{name}.wav"
        path.write_bytes(cut(lambda _: None, str(SAMPLES / sample), first, last, "wav"))
        ran = library.run("add", str(path))
        assert ran.exit_code == 0, ran.text
        if name == "talk":
            shutil.copytree(library.home, library.older)
    if has_address:
        (library.recordings / "storm.wav").write_bytes(
            cut(lambda _: None, str(SAMPLES / "field-log.flac"), 12.0, 16.0, "wav")
        )
        ran = library.run("add", f"http://127.0.0.1:{port}/storm.wav")
        assert ran.exit_code == 0, ran.text
    return library


def contents_of(library: Library) -> set[tuple[str, ...]]:
    """The ids of all rows with their words, and the recordings and transcripts that the ledger has."""

    async def read() -> set[tuple[str, ...]]:
        async with await ClipStore.open(library.home / "store") as store:
            clips = await store.embeddings(SPACE)
        async with await Ledger.open(library.ledger) as ledger:
            assets = await ledger.list_assets()
            transcripts = [one for asset in assets for one in await ledger.transcripts_of(asset.asset_id)]
        rows = {(clip.row_id(SPACE), clip.transcript) for clip in clips}
        records = {(asset.asset_id, asset.title, asset.source_uri, asset.source_kind) for asset in assets}
        return {*rows, *records, *((one.asset_id,) for one in transcripts if one.sentences)}

    return asyncio.run(read())


def with_open_ledger(library: Library) -> None:
    """Leave the last records in the write-ahead log only, as a process does that is killed."""
    kept = library.ledger.with_name("kept")
    with closing(sqlite3.connect(library.ledger, isolation_level=None)) as database:
        database.execute("PRAGMA wal_autocheckpoint = 0")
        [old] = database.execute("SELECT asset_id FROM assets WHERE title = 'rain'").fetchone()
        for table in ("tasks", "transcripts", "assets"):
            rows = database.execute(f"SELECT * FROM {table} WHERE asset_id = ?", (old,)).fetchall()
            database.execute(f"DELETE FROM {table} WHERE asset_id = ?", (old,))
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            for row in rows:
                marks = ", ".join("?" * len(row))
                database.execute(f"INSERT INTO {table} VALUES ({marks})", row)
        for beside in ("", "-wal"):
            shutil.copyfile(f"{library.ledger}{beside}", f"{kept}{beside}")
    for beside in ("", "-wal"):
        Path(f"{kept}{beside}").replace(f"{library.ledger}{beside}")
