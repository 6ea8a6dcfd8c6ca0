"""Recordings of one title: what tells them apart is shown wherever their title is, and only there."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from soundbite_store import Asset, Ledger
from soundbite_tools import UnknownId, origins, recording_named


def recording(name: str, title: str, uri: str, kind: Any = "file") -> Asset:
    return Asset(
        asset_id=name,
        content_hash=name,
        title=title,
        source_uri=uri,
        source_kind=kind,
        size_bytes=1,
        mtime_ns=1,
        duration_sec=1.0,
        tags=(),
        metadata_json="{}",
        created_at=datetime(2026, 11, 30, 13, int(name[-1]), tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("places", "labels"),
    [
        (("/m/talk.wav", "/m/talk.mp3"), (".wav", ".mp3")),
        (("/m/june/memo.wav", "/m/july/memo.wav"), ("june", "july")),
        (("/m/june/raw/memo.wav", "/m/july/raw/memo.wav"), ("june", "july")),
        (("/m/interview 1.wav", "/m/interview 2.wav"), ("interview 1.wav", "interview 2.wav")),
        (
            ("/m/june/memo.wav", "/m/july/memo.wav", "/m/july/memo.m4a"),
            ("june", "july/memo.wav", ".m4a"),
        ),
        (("https://a.example/x/memo.mp3?key=1", "https://b.example/x/memo.mp3"), ("a.example", "b.example")),
        (("memo", "memo"), ("added 2026-11-30 13:00", "added 2026-11-30 13:01")),
        (("/m/one.wav",), ()),
    ],
)
async def test_the_shortest_difference_of_their_sources_is_named(
    places: tuple[str, ...], labels: tuple[str, ...], tmp_path: Path
) -> None:
    kinds = ["url" if place.startswith("https") else "file" if "/" in place else "base64" for place in places]
    async with await Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        assets = [
            recording(f"a_{at}", "Memo", place, kind)
            for at, (place, kind) in enumerate(zip(places, kinds, strict=True))
        ]
        for asset in (*assets, dataclasses.replace(assets[0], asset_id="a_9", title="Another")):
            await ledger.put_asset(asset)
        # One alone is told from those that are not shown.
        alone = await origins(ledger, assets[:1])
        assert tuple((await origins(ledger, assets)).values()) == labels
        assert alone == ({"a_0": labels[0], **alone} if labels else {})
        assert "a_9" not in alone


def test_lists_and_answers_tell_recordings_of_one_title_apart(shelf: Any, run: Any) -> None:
    ids = [entry["asset_id"] for entry in json.loads(run("list", "--json").out)["assets"]]
    assert "origin" not in run("list", "--json").out
    for asset_id in ids:
        assert run("rename", asset_id, "memo").code == 0
    listed = json.loads(run("list", "--json").out)["assets"]
    assert {entry["origin"] for entry in listed} == {"spoken words.wav", "rain.wav"}
    assert "memo (rain.wav)" in run("list").out
    assert "1. memo (spoken words.wav)" in run("search", "storm", "--top-k", "1").out
    assert json.loads(run("search", "storm", "--json").out)["clips"][0]["origin"] == "spoken words.wav"
    assert "memo (rain.wav, a_" in run("show", "memo").err


def test_what_takes_away_needs_a_whole_title_or_the_file(shelf: Any, run: Any) -> None:
    assert run("rename", "spoken words", "Tür Code").code == 0
    for command in (("rm", "-y", "spoken"), ("rm", "-y", "tur"), ("erase", "-y", "words.wav", "0", "0.5")):
        refused = run(*command)
        assert (refused.code, "No recording has the whole title" in refused.err) == (2, True), refused.err
        assert "Tür Code (a_" in refused.err
    assert json.loads(run("list", "--json").out)["total_assets"] == 2

    # To read, a part is enough, and a part that the title does not have is told.
    assert run("show", "tur").err == ""
    assert run("show", "spoken").err == "soundbite: 'spoken' is taken as \"Tür Code\" (from the path of its file).\n"

    clips = json.loads(run("search", "storm", "--not-asset", "tür code", "--json").out)["clips"]
    assert "Tür Code" not in {clip["title"] for clip in clips}

    by_file = run("erase", shelf.spoken, "0", "0.5", "-y")
    assert (by_file.code, 'is the file of "Tür Code"' in by_file.err) == (0, True), by_file.err
    assert run("rm", "-y", "RAIN.wav").code == 0
    assert run("rm", "-y", "tür CODE").code == 0
    assert json.loads(run("list", "--json").out)["total_assets"] == 0


async def test_of_too_many_recordings_it_is_said_what_has_the_words_and_how_many_are_not_shown(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        for at in range(7):
            await ledger.put_asset(recording(f"a_{at}", f"Talk {at}", f"/m/newcomer/talk {at}.wav"))
        with pytest.raises(UnknownId) as many:
            await recording_named(ledger, "me")
        assert many.value.message.startswith("7 recordings have 'me' in the path of their file: Talk ")
        assert many.value.message.endswith("; and 2 more.")
        with pytest.raises(UnknownId, match="No recording is called ''"):
            await recording_named(ledger, "")
