"""What is called like a recording is taken from a folder, and what is taken is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from odd_recordings import Format, chatter, write

from soundbite_engine.audio.decode import probe
from soundbite_server.sources import left_out, media_in

NAMES = {
    "memo.3gp": Format("3gp", "libopencore_amrnb", 8000, bit_rate=12_200),
    "memo.3ga": Format("3gp", "libopencore_amrnb", 8000, bit_rate=12_200),
    "memo.qta": Format("mov", "aac"),
    "memo.weba": Format("webm", "libopus", 48_000),
    "memo.spx": Format("ogg", "flac"),
    "memo.TS": Format("mpegts", "mp2"),
    "memo.m2ts": Format("mpegts", "aac"),
    "memo.avi": Format("avi", "libmp3lame"),
    "memo.au": Format("au", "pcm_alaw", 8000),
    "memo.mp2": Format("mp2", "mp2"),
    "memo.w64": Format("w64", "pcm_s16le"),
    "Cafe\u0301 [take 1].OGA": Format("ogg", "libopus", 48_000),
}


@pytest.mark.parametrize("name", NAMES)
def test_kinds_of_names_in_a_folder(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, chatter(2.0, NAMES[name].rate_hz), NAMES[name])
    (tmp_path / "notes.txt").write_text("no sound")
    (tmp_path / "code.ts").write_text("export const answer = 42;\n")
    assert media_in(tmp_path) == [path]
    assert {one.name for one in left_out([str(tmp_path)])} == {"notes.txt", "code.ts"}
    assert probe(lambda _: None, str(path)).duration_sec == pytest.approx(2.0, abs=0.15)
