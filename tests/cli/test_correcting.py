"""Words put right from the command line, with the real engine behind it."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from soundbite_store import Clip, ClipFilter, ClipStore


def clips(home: Path, asset_id: str) -> dict[tuple[str, ...], Clip]:
    async def read() -> dict[tuple[str, ...], Clip]:
        async with await ClipStore.open(home / "store") as store:
            (info,) = await store.spaces()
            rows = await store.embeddings(info.space, ClipFilter(asset_ids=(asset_id,)))
        return {(row.clip_id, row.embedding_option, row.embedding_scope): row for row in rows}

    return asyncio.run(read())


def test_words_are_put_right_and_back_with_the_vectors_that_an_embedding_gives(shelf: Any, run: Any) -> None:
    (recording,) = [one for one in json.loads(run("list", "--json").out)["assets"] if one["title"] == "spoken words"]
    before = clips(shelf.home, recording["asset_id"])
    first = next(row for row in before.values() if row.transcript)
    word = max(first.transcript.split(), key=len).strip(".,")
    run("correct", "spoken words", word, "zeppelin", "--to", "8")
    changed = clips(shelf.home, recording["asset_id"])
    assert [row for row in changed.values() if "zeppelin" in row.transcript]
    assert json.loads(run("search", "zeppelin", "--match", "words", "--json").out)["clips"]
    exported = run("export", str(shelf.home / "words.vtt"), "--asset", "spoken words")
    assert exported.code == 0, exported.err
    assert "zeppelin" in (shelf.home / "words.vtt").read_text()
    assert "zeppelin" in run("correct", "spoken words", "--history").out
    undone = run("correct", "spoken words", "--undo")
    assert undone.code == 0, undone.err
    again = clips(shelf.home, recording["asset_id"])
    assert again.keys() == before.keys()
    assert [row.transcript for row in again.values()] == [row.transcript for row in before.values()]
    # Eight bits of a network that gets texts in other company: nearly, not exactly.
    assert min(float(before[key].vector @ again[key].vector) for key in before) > 0.995
    assert min(float(before[key].vector @ changed[key].vector) for key in before) < 0.98
    refused = run("correct", "spoken words", "no such words", "others")
    assert (refused.code, "is not written there" in refused.err) == (2, True)
    assert "Give OLD as `soundbite show RECORDING` has it" in refused.err
    forgotten = run("correct", "spoken words", word)
    assert (forgotten.code, "NEW is missing" in forgotten.err) == (2, True)
    taken_out = json.loads(run("correct", "spoken words", word, "", "--to", "8", "--json").out)
    assert "text" not in taken_out
    assert taken_out["next_step"].startswith("`soundbite correct ")


def test_a_name_is_taught_shown_first_and_taken_back(shelf: Any, run: Any) -> None:
    (recording,) = [one for one in json.loads(run("list", "--json").out)["assets"] if one["title"] == "spoken words"]
    first = next(row for row in clips(shelf.home, recording["asset_id"]).values() if row.transcript)
    word = max(first.transcript.split(), key=len).strip(".,")
    shown = run("teach", f"Zeppelin: {word}", "--dry-run")
    assert "1 name would be in the glossary; 1 replacement, nothing is changed yet." in shown.out, shown.err
    assert not (shelf.home / "glossary.txt").exists()
    done = json.loads(run("teach", f"Zeppelin: {word}", "--json").out)
    assert word in done["replacements"][0]["before"]
    assert json.loads(run("search", "Zeppelin", "--match", "words", "--json").out)["clips"]
    assert run("teach", "--list").out == f"Zeppelin: {word}\n"
    assert "glossary" in run("correct", "spoken words", "--history").out
    undone = run("teach", "--undo").out
    assert "1 name in the glossary" in undone
    assert "stays in the glossary: `soundbite teach --remove NAME` takes a name out." in undone
    again = clips(shelf.home, recording["asset_id"])
    assert not [row for row in again.values() if "Zeppelin" in row.transcript]
    run("teach", "--remove", "zeppelin")
    assert run("teach", "--list", "--json").out == "[]\n"


@pytest.mark.parametrize("rounds", [3])
def test_a_correction_that_is_killed_is_old_or_new(rounds: int, tmp_path: Path) -> None:
    bench = Path(__file__).parents[2] / "bench" / "kills.py"
    command = [sys.executable, str(bench), "--kinds", "correct", "--rounds", str(rounds), "--torn", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SOUNDBITE", "TWELVE"))}
    done = subprocess.run(
        command, env=environment | {"TMPDIR": str(tmp_path)}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lost 0  doubled 0  failed opens 0" in done.stdout


def test_a_part_is_erased_once_somebody_agrees(shelf: Any, run: Any) -> None:
    (recording,) = [one for one in json.loads(run("list", "--json").out)["assets"] if one["title"] == "spoken words"]
    asked = run("erase", "spoken words", "0:02", "0:05")
    assert asked.code == 2
    assert "say --yes" in asked.err
    wrong = run("erase", "spoken words", "0:05", "0:02", "--yes")
    assert wrong.code == 2
    assert "START before END" in wrong.err
    before = clips(shelf.home, recording["asset_id"])
    done = json.loads(run("erase", "spoken words", "0:02", "0:05", "--yes", "--json").out)
    assert done["words_erased"] > 2
    assert done["clips_changed"] <= recording["clip_count"]
    assert f" {recording['clip_count']} clip" in run("tasks").out
    assert any("not touched" in note for note in done["notes"])
    after = clips(shelf.home, recording["asset_id"])
    held = [key for key, row in after.items() if row.start_sec < 5.0 and row.end_sec > 2.0 and key[2] == "clip"]
    assert {key[1] for key in held} <= {"transcription"}
    assert not [key for key in held if (after[key].vector == before[key].vector).all()]
    looked_at = run("show", "spoken words")
    assert "since it was erased: 00:02-00:05" in looked_at.out
    assert "┈" in looked_at.out
    assert "erased 00:02-00:05" in " ".join(run("list").out.split())
    shown = run("export", str(shelf.home / "words.json"), "--asset", "spoken words")
    assert shown.code == 0
    words = json.loads((shelf.home / "words.json").read_text())["words"]
    assert words
    assert not [word for word in words if word["start_sec"] < 5.0 and word["end_sec"] > 2.0]
    assert run("doctor", "--deep").code == 0


def test_a_command_finishes_what_a_killed_process_left_to_be_scrubbed(shelf: Any, run: Any) -> None:
    def left(change: str = "") -> int:
        database = sqlite3.connect(shelf.home / "ledger.sqlite")
        with database:
            database.execute(change or "SELECT 1")
            (count,) = database.execute("SELECT count(*) FROM unscrubbed").fetchone()
        database.close()
        return int(count)

    for command in ("list", "doctor"):
        assert left("INSERT INTO unscrubbed VALUES ('a_gone', 'hash', 'gone.wav')") == 1
        done = run(command)
        assert done.code == 0, done.err
        assert left() == 0
