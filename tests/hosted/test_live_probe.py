"""The probe for a live key tells platforms apart that answer the contract's open questions differently."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from soundbite_api import PlatformClient
from soundbite_engine import Engine, EngineConfig
from soundbite_server.cli.checks.live import MOST_SECONDS, LiveReport, check_live, probe_platform


@asynccontextmanager
async def engine_client(home: Path) -> AsyncIterator[PlatformClient]:
    async with Engine(EngineConfig(home, workers=1)) as engine:
        transport = httpx.ASGITransport(app=engine.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://engine/v1.3", timeout=60) as http:
            yield PlatformClient(http)


async def hosted_report(platform: Any) -> LiveReport:
    async with platform.http() as http:
        return await probe_platform(PlatformClient(http, api_key=SecretStr("tlk_TESTKEY")))


def answers(report: LiveReport) -> dict[str, str]:
    return {finding.question: finding.answer for finding in report.findings}


async def test_the_scripted_platform_is_described_as_it_behaves(platform: Any) -> None:
    platform.speech_until_sec = 0.0
    said = answers(await hosted_report(platform))
    assert said["Error envelope of embed-v2"] == "nested (status 400, code parameter_invalid)"
    assert said["Segment times with start_sec"].startswith("absolute")
    assert said["Vectors"].startswith("lengths ")
    assert said["Vectors"].endswith(", 512 dimensions")
    assert said["A silent segment"] == "a vector like any other"
    assert said["Segments without speech"] == "no transcription vectors"
    assert said["fused_embedding with one option"].startswith("refused with 400")
    assert said["1 second of sound at once"] == "taken, with vectors of the options audio"
    assert said["start_sec past the end"].startswith("refused with 400")
    assert said["Rate-limit headers"] == "none sent"


async def test_a_platform_that_counts_from_the_window_is_told_apart(platform: Any) -> None:
    platform.has_relative_times, platform.has_flat_errors = True, True
    said = answers(await hosted_report(platform))
    assert said["Error envelope of embed-v2"].startswith("flat ")
    assert said["Segment times with start_sec"].startswith("relative to the window")
    assert said["Segments without speech"].endswith("transcription vectors for sound without a word")


async def test_no_way_of_counting_makes_the_probe_cost_more_than_thirty_seconds(platform: Any) -> None:
    report = await hosted_report(platform)
    assert platform.seconds_embedded <= report.seconds <= MOST_SECONDS


async def test_a_platform_that_refuses_everything_is_reported_and_costs_nothing(platform: Any) -> None:
    async with platform.http() as http:
        report = await probe_platform(PlatformClient(http, api_key=SecretStr("wrong")))
    assert answers(report)["A window of a recording"].startswith("refused with 401: API Key is either invalid")
    assert report.seconds == 0


async def test_the_engine_answers_every_question(tmp_path: Path) -> None:
    async with engine_client(tmp_path) as client:
        said = answers(await probe_platform(client))
    assert said["Error envelope of embed-v2"].startswith("nested and flat")
    assert said["Segment times with start_sec"].startswith("absolute")
    assert said["Vectors"] == "unit length, 512 dimensions"
    assert said["Segments without speech"] == "no transcription vectors"
    assert "not known" not in said.values()


async def test_the_report_is_printed_and_kept_without_the_key(
    open_library: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    async with open_library() as library:
        library.config.home.mkdir(parents=True, exist_ok=True)
        await check_live(Console(width=200), library)
        kept = (library.config.home / "live-probe.md").read_text()
    printed = capsys.readouterr().out
    assert "- Segment times with start_sec: absolute" in kept
    assert "Segment times with start_sec: absolute" in printed
    assert "tlk_TESTKEY" not in kept + printed
