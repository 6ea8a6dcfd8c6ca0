"""Minutes of audio are counted, shown, and refused before they are spent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tool_calls import embed_audio, list_audio

from soundbite_server.cli import cli
from soundbite_server.settings import Settings, SettingsError
from soundbite_tools.errors import ToolProblem

Open = Callable[..., Any]
Tone = Callable[..., Path]


async def embedded(library: Any, source: str, **parameters: Any) -> Any:
    task = await embed_audio(library, source, wait_seconds=25, **parameters)
    assert task.status == "ready"
    return task


async def test_a_file_longer_than_its_budget_is_refused_before_anything_is_sent(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    async with open_library(budget_file_minutes=0.1) as library:
        with pytest.raises(ToolProblem, match="SOUNDBITE_BUDGET_FILE_MINUTES") as caught:
            await embedded(library, tone(12).name)
        assert caught.value.code == "budget_exceeded"
        assert not platform.assets
        await embedded(library, "tone.wav", end_sec=6)


async def test_the_days_budget_is_kept(open_library: Open, tone: Tone, platform: Any) -> None:
    async with open_library(budget_day_minutes=0.5) as library:
        await embedded(library, tone(20).name)
        with pytest.raises(ToolProblem, match=r"0\.2 of today's 0\.5 minutes are left"):
            await embedded(library, tone(20, name="other.wav", hz=500).name)
        assert platform.seconds_embedded == pytest.approx(20)
        # What is there already costs nothing.
        assert (await embedded(library, "tone.wav")).is_reused
        note = (await list_audio(library)).notes[0]
    assert note == (
        "20.0 seconds of audio were embedded so far, 20.0 saved by what was there already. Today: 0.3 of 0.5 minutes."
    )


async def test_windows_of_one_recording_under_way_count_as_spent(open_library: Open, tone: Tone, platform: Any) -> None:
    platform.task_polls = 1 << 30
    async with open_library(budget_day_minutes=0.5) as library:
        name = tone(60).name
        begun = await embed_audio(library, name, end_sec=20, wait_seconds=0)
        with pytest.raises(ToolProblem, match=r"0\.2 of today's 0\.5 minutes are left"):
            await embed_audio(library, name, start_sec=20, end_sec=40, wait_seconds=0)
        again = await embed_audio(library, name, end_sec=20, wait_seconds=0)
    assert again.task_id == begun.task_id


async def test_sound_of_unknown_length_is_stopped_once_its_length_is_known(
    open_library: Open, tone: Tone, platform: Any
) -> None:
    task_id = platform.make_task("talk.wav", tone(20).read_bytes())
    asset_id = platform.tasks[task_id].asset.id
    async with open_library(budget_file_minutes=0.1) as library:
        with pytest.raises(ToolProblem, match="nothing was spent"):
            await embedded(library, asset_id)
    assert platform.seconds_embedded == 0


@pytest.mark.guide("S55")
async def test_the_usage_command_shows_minutes_embedded_and_saved(
    open_library: Open, tone: Tone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_library() as library:
        await embedded(library, tone(30).name)
        await embedded(library, "tone.wav")
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path))
    from anyio import to_thread

    shown = await to_thread.run_sync(lambda: CliRunner().invoke(cli, ["usage"], catch_exceptions=False))
    assert "0.5 minutes embedded in 30 days, 0.5 saved." in shown.output


@pytest.mark.parametrize("text", ["lots", "-1", "inf", "nan"])
def test_a_budget_that_is_no_number_of_minutes_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="SOUNDBITE_BUDGET_DAY_MINUTES"):
        Settings.from_environment({"SOUNDBITE_BUDGET_DAY_MINUTES": text})
