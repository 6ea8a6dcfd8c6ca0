"""Names of speakers in the ledger."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import numpy as np
import pytest

from soundbite_store import ErasedVoice, Ledger, StoredTranscript, TimedText, Voice, Voices

SPOKEN = StoredTranscript(
    asset_id="a_1",
    source="embedded",
    start_sec=0.0,
    end_sec=30.0,
    words=(),
    sentences=tuple(
        TimedText(value="word", start_sec=at, end_sec=at + 4.0, speaker=str(at % 2 + 1)) for at in range(0, 30, 5)
    ),
)


async def test_a_process_killed_while_it_names_leaves_the_old_name_or_the_new_one_of_all(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with await Ledger.open(path) as ledger:
        await ledger.put_transcript(SPOKEN)
        for _ in range(4):
            namer = await asyncio.create_subprocess_exec(
                sys.executable, str(Path(__file__).with_name("speaker_namer.py")), str(path), stdout=PIPE
            )
            assert namer.stdout
            assert (await asyncio.wait_for(namer.stdout.readline(), 60)).strip() == b"ready"
            namer.kill()
            await namer.wait()
            names = [one.name for one in await ledger.speakers_of("embedded")]
            assert names in (["Ann", "Ann"], ["Bob", "Bob"])


async def test_names_hold_for_what_another_platform_understands_and_go_with_the_recording(tmp_path: Path) -> None:
    async with await Ledger.open(tmp_path / "ledger.db") as ledger:
        await ledger.put_transcript(SPOKEN)
        assert not await ledger.name_speaker("a_1", "embedded", ["3"], "Ann")
        assert await ledger.name_speaker("a_1", "embedded", ["2"], "Ann")
        swapped = tuple(
            TimedText(value="w", start_sec=one.start_sec + 0.3, end_sec=one.end_sec, speaker="ab"[int(one.speaker) % 2])
            for one in SPOKEN.sentences
        )
        hosted = StoredTranscript(
            asset_id="a_1", source="hosted", start_sec=0.0, end_sec=30.0, words=(), sentences=swapped
        )
        await ledger.put_transcript(hosted)
        assert {one.speaker: one.name for one in await ledger.speakers_of("hosted")} == {"a": "Ann", "b": ""}
        await ledger.forget_asset("a_1")
        assert (await ledger.speakers_of("hosted"), await ledger.speaker_names("a_1")) == ([], ())


async def test_an_erasing_that_is_cut_off_is_finished_when_the_voices_are_next_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = [np.random.default_rng(seed).normal(size=256).astype(np.float32) for seed in range(40)]
    path = tmp_path / "voices.sqlite"

    def files_with(vector: bytes) -> list[str]:
        runs = [vector[at : at + 16] for at in range(0, len(vector), 16)]
        content = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        return [name for name, data in content.items() if any(run in data for run in runs)]

    async with await Voices.open(path) as voices:
        for number, vector in enumerate(vectors):
            await voices.put(f"a_{number}", "embedded", [Voice(f"a_{number}", "embedded", "1", 5.0, 0.0, vector)])
        erased, stays = (one.vector.tobytes() for one in await voices.of_assets("embedded", ["a_3", "a_4"]))
        assert files_with(erased)
        monkeypatch.setattr(Voices, "scrub", cut_off)
        with pytest.raises(OSError, match="the power failed"):
            await voices.erase([ErasedVoice("a_3", "embedded", "1", [(0.0, 5.0)])])
        assert await voices.of_assets("embedded", ["a_3"]) == []
        assert files_with(erased), "in the log still"
    monkeypatch.undo()
    async with await Voices.open(path) as voices:
        assert files_with(erased) == []
        assert files_with(stays)
        assert len(await voices.of_assets("embedded")) == 39


async def cut_off(_: Voices) -> None:
    raise OSError("the power failed")
