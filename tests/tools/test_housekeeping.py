from __future__ import annotations

import base64
import os
from collections.abc import Callable
from pathlib import Path

from tool_calls import embed_audio, get_clip

from soundbite_tools.housekeeping import keep_newest, tidy


def _write(path: Path, size: int, age_s: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (1_700_000_000 - age_s,) * 2)
    return path


def test_the_files_not_used_for_longest_go_first(tmp_path: Path) -> None:
    oldest, newest, middle = (_write(tmp_path / name, 10, age) for name, age in (("a", 300), ("b", 1), ("c", 20)))
    assert keep_newest(tmp_path, 25) == 1
    assert not oldest.exists()
    assert newest.exists()
    assert middle.exists()


def test_a_folder_that_is_not_there_is_tidy(tmp_path: Path) -> None:
    assert keep_newest(tmp_path / "clips", 0) == 0


async def test_playing_a_cut_sound_again_keeps_it(open_library: Callable, recording: Path) -> None:
    async with open_library(most_clips_bytes=30_000) as library:
        asset_id = (await embed_audio(library, str(recording), wait_seconds=20)).asset_id
        cuts = [
            (await get_clip(library, asset_id=asset_id, start_sec=at, end_sec=at + 2.0, audio_format="wav")).detail.path
            for at in (0.0, 4.0)
        ]
        for age_s, cut in zip((500, 100), cuts, strict=True):
            os.utime(cut, (1_700_000_000 - age_s,) * 2)
        await get_clip(library, asset_id=asset_id, start_sec=0.0, end_sec=2.0, audio_format="wav")
        await tidy(library)
        assert [Path(cut).exists() for cut in cuts] == [True, False]


async def test_locks_of_finished_tasks_are_deleted_and_others_stay(open_library: Callable, recording: Path) -> None:
    async with open_library() as library:
        done = await embed_audio(library, str(recording), wait_seconds=20)
        ledger = await library.ledger()
        running = await ledger.create_task(asset_id=done.asset_id, space="s", platform="elsewhere")
        async with ledger.task_lock(running.task_id):
            before = {path.stem for path in library_locks(library)}
            assert {f"task-{done.task_id}", f"task-{running.task_id}"} <= before
            await tidy(library)
            assert {path.stem for path in library_locks(library)} == {f"task-{running.task_id}"}


async def test_what_was_sent_and_not_embedded_goes_after_a_day(
    open_library: Callable, recording: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    sound = base64.b64encode(recording.read_bytes()).decode()
    async with open_library() as library:
        asset_id = (await embed_audio(library, base64_string=sound)).asset_id
        asset = await (await library.ledger()).get_asset(asset_id)
        assert asset
        old = [
            Path(asset.source_uri),
            _write(home / "inline" / "ab.audio", 10, 0),
            _write(home / "uploads" / "an-upload-of-long-ago" / "a.wav", 10, 0).parent,
            _write(home / "outgoing" / "tmpabc" / "sound.flac", 10, 0).parent,
        ]
        for path in old:
            os.utime(path, (1_700_000_000,) * 2)
        fresh = _write(home / "inline" / "cd.audio", 10, 0)
        fresh.touch()
        await tidy(library)
    assert [path.exists() for path in (*old, fresh)] == [True, False, False, False, True]


def library_locks(library: object) -> list[Path]:
    return list(library._ledger_path.parent.glob("locks/task-*.lock"))  # type: ignore[attr-defined]
