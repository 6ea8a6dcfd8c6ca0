"""The `full` profile through real workers, over random networks of the right shapes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny_clap import write_tiny_clap
from tiny_whisper import write_tiny_whisper

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import Models, write_receipt
from soundbite_engine.packs.registry import PACKS, Build
from soundbite_engine.profiles import load_profile
from soundbite_engine.speech.transcripts import Word, sentences
from soundbite_engine.speech.whisper import WINDOW_SEC, _windows, _words
from soundbite_engine.workers.analysis import AnalysisRequest, analyse
from soundbite_engine.workers.plans import SAMPLE_RATE_HZ
from soundbite_engine.workers.pool import WorkerPool

SAMPLES = Path(__file__).parents[3] / "samples"


@pytest.fixture
def chosen(models: Path, tmp_path: Path) -> Models:
    folder = write_tiny_clap(models / "clap-int8")
    builds = {file.name: file.build for file in PACKS["clap-int8"].files}
    write_receipt(folder, {name: Build((folder / name).stat().st_size, builds[name].sha256) for name in builds})
    return Models(models, whisper=str(write_tiny_whisper(tmp_path / "whisper")))


async def test_a_recording_is_described_and_recognised(chosen: Models) -> None:
    profile = load_profile("full", chosen)
    assert profile.space.startswith("soundbite-full-2-")  # not the published build
    assert dict(profile.blocks) == {"sound": 512, "speech": 256}
    request = AnalysisRequest(
        str(SAMPLES / "standup.flac"), profile, start_sec=2.0, end_sec=14.0, types=("separate_embedding",)
    )
    async with WorkerPool(1, memory_mb=profile.worker_memory_mb) as pool:
        found = await analyse(request, pool)
        for _ in range(10):  # random weights are sampled from, and say nothing one time in three
            if found.transcript is None or found.transcript.words:
                break
            found = await analyse(request, pool)
    clips = [item for item in found.embeddings if (item.option, item.scope) == ("audio", "clip")]
    assert [(clip.start_sec, clip.end_sec) for clip in clips] == [(2.0, 8.0), (8.0, 14.0)]
    for clip in clips:
        assert clip.vector.shape == (768,)
        assert np.linalg.norm(clip.vector[:512]) == pytest.approx(1.0, abs=1e-5)
        assert not clip.vector[512:].any()
    assert found.transcript is not None
    assert found.transcript.words
    assert all(2.0 <= word.start_sec <= word.end_sec <= 14.0 for word in found.transcript.words)
    query = profile.embed_text("a dog")
    assert query[:512].any()
    assert query[512:].any()


def test_a_word_heard_in_the_silence_behind_a_window_ends_with_the_window() -> None:
    heard = [SimpleNamespace(word=" hello", start=3.5, end=4.25), SimpleNamespace(word=" bye", start=28.0, end=29.5)]
    recogniser = SimpleNamespace(transcribe=lambda *_, **__: ([SimpleNamespace(words=heard)], None))
    words = list(_words(recogniser, np.zeros(4 * 16_000, np.float32), 10.0))
    assert words == [Word("hello", 13.5, 14.0), Word("bye", 14.0, 14.0)]


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
    assert [pack.name for pack in Models(models, clap="fp32", whisper="small").packs("full")] == [
        "clap-fp32",
        "whisper-small",
    ]


def test_utterances_share_what_the_network_takes_at_a_time() -> None:
    second = SAMPLE_RATE_HZ
    spoken = [(0, 5 * second), (6 * second, 20 * second), (27 * second, 29 * second), (90 * second, 100 * second)]
    found = list(_windows(spoken))
    assert found == [(0, 20 * second), (27 * second, 29 * second), (90 * second, 100 * second)]
    assert all(last - first <= WINDOW_SEC * second for first, last in found)
    assert list(_windows([])) == []


def test_a_recognisers_own_marks_end_sentences() -> None:
    words = ["Where", "is", "it?", "Over", "there."]
    said = sentences([Word(word, float(n), n + 0.9) for n, word in enumerate(words)])
    assert [sentence.value for sentence in said] == ["Where is it?", "Over there."]
