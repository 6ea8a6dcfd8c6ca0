"""The fault run, small: what a bad line loses is found again, and nothing is made twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_job_is_lost_or_doubled_while_a_third_of_all_calls_goes_wrong(
    seed: int, tmp_path: Path, platform: Any, load_bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    faults, line = load_bench("faults"), load_bench("hosted_service.bad_line")
    platform.chunk_bytes = faults.PART_BYTES
    bad = line.FaultyTransport(httpx.ASGITransport(app=platform.app), 1 / 3, seed)
    outcome = await faults.run(tmp_path, bad, 10)
    assert faults.report(10, platform, bad, outcome), capsys.readouterr().out
    assert sum(bad.faults.values()) > 10
