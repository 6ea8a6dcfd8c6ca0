"""Names of speakers in the ledger."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from soundbite_store import Ledger, StoredTranscript, TimedText

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
