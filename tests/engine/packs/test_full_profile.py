"""The `full` profile through real workers: the recogniser of the install in place of a larger one, a random CLAP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_clap import write_tiny_clap

from soundbite_engine.analysis.analyse import AnalysisRequest, analyse
from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import Models, weights_folder, write_receipt
from soundbite_engine.packs.registry import PACKS, Build
from soundbite_engine.profiles import load_profile
from soundbite_engine.workers.pool import WorkerPool

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture
def chosen(models: Path) -> Models:
    folder = write_tiny_clap(models / "clap-int8")
    builds = {file.name: file.build for file in PACKS["clap-int8"].files}
    write_receipt(folder, {name: Build((folder / name).stat().st_size, builds[name].sha256) for name in builds})
    return Models(models, whisper=str(weights_folder("whisper-tiny.en")))


async def test_a_recording_is_described_and_recognised(chosen: Models) -> None:
    profile = load_profile("full", chosen)
    assert profile.space.startswith("soundbite-full-3-")  # not the published build
    assert dict(profile.blocks) == {"sound": 512, "speech": 384}
    request = AnalysisRequest(
        str(SAMPLES / "standup.flac"), profile, start_sec=2.0, end_sec=14.0, types=("separate_embedding",)
    )
    async with WorkerPool(1, memory_mb=profile.worker_memory_mb) as pool:
        found = await analyse(request, pool)
    clips = [item for item in found.embeddings if (item.option, item.scope) == ("audio", "clip")]
    assert [(clip.start_sec, clip.end_sec) for clip in clips] == [(2.0, 8.0), (8.0, 14.0)]
    for clip in clips:
        assert clip.vector.shape == (896,)
        assert np.linalg.norm(clip.vector[:512]) == pytest.approx(1.0, abs=1e-5)
        assert not clip.vector[512:].any()
    assert found.transcript is not None
    assert "visitors" in found.transcript.text
    assert all(2.0 <= word.start_sec <= word.end_sec <= 14.0 for word in found.transcript.words)
    query = profile.embed_text("a dog")
    assert query[:512].any()
    assert query[512:].any()


async def test_a_folder_that_holds_no_recogniser_fails_with_its_name(chosen: Models, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    profile = load_profile("full", Models(chosen.folder, whisper=str(tmp_path / "empty")))
    request = AnalysisRequest(str(SAMPLES / "standup.flac"), profile, end_sec=8.0, options=("transcription",))
    async with WorkerPool(1, memory_mb=profile.worker_memory_mb) as pool:
        with pytest.raises(EngineError, match=r"the recogniser in .*empty can't be loaded"):
            await analyse(request, pool)


def test_the_choices_among_models_are_checked(models: Path) -> None:
    with pytest.raises(ValueError, match="clap must be one of int8, fp32"):
        Models(models, clap="int4")
    with pytest.raises(ValueError, match="or a folder with a model"):
        Models(models, whisper="enormous")
    chosen = Models(models, clap="fp32", whisper="small")
    assert [pack.name for pack in chosen.packs("full")] == ["clap-fp32", "whisper-small"]
    assert [pack.name for pack in chosen.packs("base")] == ["whisper-small"]
    assert [pack.name for pack in Models(models).packs("full")] == ["clap-int8", "whisper-base"]
    assert Models(models).packs("base") == ()
