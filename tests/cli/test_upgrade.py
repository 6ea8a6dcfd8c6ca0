"""A library of an earlier edition, made by that edition: opened, asked, embedded again, killed while it is."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soundbite_engine.profiles import load_profile
from soundbite_store import Asset, Clip, ClipStore, Ledger, Space

EARLIER = Space("soundbite-base-2", 512)
TITLES = {"House notes", "Journey", "Spoken note"}
ARCHIVE = Path(__file__).parent / "earlier_editions" / "base_2.zip"
MADE_AT = {"/srv/soundbite": "home", "/srv/recordings": "recordings"}
WHERE_PATHS_ARE = {"home/ledger.sqlite": ("source_uri",), "home/engine/engine.db": ("path", "source_url")}


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a library (`home`) and of two `recordings`; the third, Spoken note, was sent inside a call."""
    with zipfile.ZipFile(ARCHIVE) as archive:
        archive.extractall(tmp_path)
    for name, columns in WHERE_PATHS_ARE.items():
        with sqlite3.connect(tmp_path / name) as database:
            for column in columns:
                for before, after in MADE_AT.items():
                    database.execute(
                        f"UPDATE assets SET {column} = replace({column}, ?, ?)", (before, str(tmp_path / after))
                    )
        database.close()
    for name in (
        "TWELVELABS_API_KEY",
        "TWELVE_LABS_API_KEY",
        "TWELVELABS_BASE_URL",
        "SOUNDBITE_STORE",
        "SOUNDBITE_ENGINE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SOUNDBITE_ROOTS", str(tmp_path / "recordings"))
    monkeypatch.setenv("SOUNDBITE_WORKERS", "1")
    # Logging of the test run stays as pytest set it.
    monkeypatch.setattr("soundbite_server.logs.log_to_stderr", lambda *_, **__: None)
    return tmp_path


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "soundbite_server", *arguments]


@pytest.fixture
def soundbite(run: Any) -> Callable[..., str]:
    """A function that runs the program in this process: what it printed, or what it said where it failed."""

    def call(*arguments: str, code: int = 0) -> str:
        done = run(*arguments)
        assert done.code == code, done.err
        return str(done.out if code == 0 else done.err)

    return call


@pytest.fixture
def document(soundbite: Callable[..., str]) -> Callable[..., Any]:
    return lambda *arguments: json.loads(soundbite(*arguments, "--json"))


def current() -> Space:
    profile = load_profile("base")
    return Space(profile.space, profile.dimension)


async def read_assets(library: Path) -> list[Asset]:
    """The recordings without their language, which the earlier edition did not know."""
    async with await Ledger.open(library / "home" / "ledger.sqlite") as ledger:
        known = [replace(asset, language=None) for asset in await ledger.list_assets()]
    return sorted(known, key=lambda asset: asset.asset_id)


async def read_clips(library: Path, space: Space) -> list[Clip]:
    async with await ClipStore.open(library / "home" / "store") as store:
        return await store.embeddings(space)


def assets(library: Path) -> list[Asset]:
    return asyncio.run(read_assets(library))


def clips(library: Path, space: Space) -> list[Clip]:
    return asyncio.run(read_clips(library, space))


def test_a_library_of_an_earlier_edition_opens_and_says_what_to_run(
    library: Path, soundbite: Callable[..., str], document: Callable[..., Any]
) -> None:
    assert [asset["title"] for asset in document("list")["assets"]] == ["Spoken note", "Journey", "House notes"]
    told = soundbite("search", "when is the boiler repaired", code=2)
    assert "3 recordings embedded by an earlier edition of the engine (soundbite-base-2)" in told
    assert "soundbite reembed" in told


def test_a_search_in_a_library_of_two_editions_says_how_many_it_left_out(
    library: Path, soundbite: Callable[..., str], document: Callable[..., Any]
) -> None:
    soundbite("add", str(library / "recordings" / "train.ogg"))
    answer = document("search", "the train to Lisbon")
    assert answer["clips"][0]["title"] == "Journey"
    assert answer["notes"] == [
        "2 recordings were embedded by an earlier edition of the engine only, whose vectors can't be compared, and not "
        "searched: `soundbite reembed` on the command line embeds them again."
    ]


def test_reembed_brings_all_over_with_their_ids_titles_and_tags(
    library: Path, soundbite: Callable[..., str], document: Callable[..., Any]
) -> None:
    before, earlier = assets(library), clips(library, EARLIER)
    assert document("reembed") == {"space": current().id, "embedded": 3, "failed": 0}
    assert assets(library) == before
    assert len(clips(library, EARLIER)) == len(earlier)
    made = clips(library, current())
    assert {clip.asset_id: (clip.title, clip.tags) for clip in made} == {
        asset.asset_id: (asset.title, asset.tags) for asset in before
    }
    answer = document("search", "when is the boiler repaired", "--tag", "urgent", "--language", "en")
    assert (answer["clips"][0]["title"], answer.get("notes", [])) == ("House notes", [])
    assert "Thursday morning" in answer["clips"][0]["text"]  # the earlier edition heard "ferries the mining"
    assert "Thursday morning" in soundbite("show", "House notes")
    assert document("reembed") == {"space": current().id, "embedded": 0, "failed": 0}


def test_a_file_that_was_copied_back_is_the_same_and_one_that_went_away_is_named(
    library: Path, soundbite: Callable[..., str]
) -> None:
    recordings = library / "recordings"
    copy = recordings / "copy.ogg"
    shutil.copyfile(recordings / "boiler.ogg", copy)
    copy.replace(recordings / "boiler.ogg")  # the same bytes of another day
    (recordings / "train.ogg").unlink()
    told = soundbite("reembed", code=1)
    assert 'Journey: "train.ogg" changed or went away' in " ".join(told.split())
    assert {clip.title for clip in clips(library, current())} == {"House notes", "Spoken note"}
    assert {clip.title for clip in clips(library, EARLIER)} == TITLES


def test_reembed_killed_at_work_loses_nothing_and_doubles_nothing(library: Path, soundbite: Callable[..., str]) -> None:
    before = assets(library)
    with started_reembed(library) as process:
        while not under_way(library):
            assert process.poll() is None, "it was over before it could be killed"
    with started_reembed(library) as process:
        assert process.stdout
        assert "embedded again" in process.stdout.readline()
    assert assets(library) == before
    assert {clip.title for clip in clips(library, EARLIER)} == TITLES
    assert 0 < len({clip.title for clip in clips(library, current())}) < len(TITLES)
    soundbite("reembed")
    assert assets(library) == before
    made = clips(library, current())
    assert {clip.title for clip in made} == TITLES
    assert len({clip.row_id(current()) for clip in made}) == len(made)
    assert not under_way(library)


@contextmanager
def started_reembed(library: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that embeds again, killed with kill -9 on the way out; its workers end by themselves."""
    with subprocess.Popen(
        command("reembed"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def under_way(library: Path) -> list[str]:
    """The tasks at work, by their stage."""
    with closing(sqlite3.connect(library / "home" / "ledger.sqlite", timeout=30)) as database:
        rows = database.execute("SELECT stage FROM tasks WHERE status = 'processing'").fetchall()
    return [stage for (stage,) in rows]
