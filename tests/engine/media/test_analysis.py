"""A recording through real workers: items, times, words, vectors, progress."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from soundbite_engine.analysis import analyse as analysis
from soundbite_engine.analysis import parts, work
from soundbite_engine.analysis.analyse import AnalysisRequest, Part, PartRecords, analyse, transcribe
from soundbite_engine.analysis.parts import Embedding
from soundbite_engine.analysis.progress import Progress
from soundbite_engine.errors import MediaError
from soundbite_engine.profiles import load_profile
from soundbite_engine.workers import plans
from soundbite_engine.workers.media import cut, probe
from soundbite_engine.workers.pool import WorkerPool

# One pool for all tests of the file: starting workers and loading models is most of the time.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(2) as pool:
        yield pool


def counts(embeddings: tuple[Embedding, ...]) -> Counter[tuple[str, str]]:
    return Counter((item.option, item.scope) for item in embeddings)


def all_options(path: Path, **kwargs: object) -> AnalysisRequest:
    return AnalysisRequest(str(path), types=("separate_embedding", "fused_embedding"), **kwargs)  # type: ignore[arg-type] # test shorthand


async def test_a_window_of_speech_has_every_item_the_contract_counts(samples: Path, pool: WorkerPool) -> None:
    found = await analyse(all_options(samples / "standup.flac", end_sec=12.0), pool)
    assert counts(found.embeddings) == {
        (option, scope): 2 if scope == "clip" else 1
        for option in ("audio", "transcription", "fused")
        for scope in ("clip", "asset")
    }
    assert (found.start_offset_sec, found.end_offset_sec) == (0.0, 12.0)
    assert found.duration_sec == pytest.approx(78.06, abs=0.1)
    assert found.transcript is not None
    assert found.transcript.text.startswith("Good morning everyone, let us keep this short")
    clips = [item for item in found.embeddings if item.scope == "clip" and item.option == "transcription"]
    assert [(item.start_sec, item.end_sec) for item in clips] == [(0.0, 6.0), (6.0, 12.0)]
    assert "morning" in clips[0].transcript.lower()


async def test_vectors_are_unit_and_fill_only_their_blocks(samples: Path, pool: WorkerPool) -> None:
    found = await analyse(all_options(samples / "standup.flac", end_sec=6.0, scopes=("clip",)), pool)
    by_option = {item.option: item.vector for item in found.embeddings}
    for vector in by_option.values():
        assert vector.shape == (512,)
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert not by_option["audio"][128:].any()
    assert not by_option["transcription"][:128].any()
    assert by_option["fused"][:128] * 2**0.5 == pytest.approx(by_option["audio"][:128], abs=1e-5)


async def test_words_find_the_speech_that_says_them(samples: Path, pool: WorkerPool) -> None:
    request = AnalysisRequest(
        str(samples / "standup.flac"), start_sec=34.0, end_sec=66.0, strategy="natural", scopes=("clip",)
    )
    found = await analyse(request, pool)
    asked = load_profile("base").embed_text("the customer wants her money back")
    best = max((item for item in found.embeddings if item.option == "transcription"), key=lambda i: i.vector @ asked)
    assert "money" in best.transcript
    assert sum("money" not in item.transcript for item in found.embeddings if item.option == "transcription") >= 3


async def test_times_are_those_of_the_source(samples: Path, pool: WorkerPool) -> None:
    found = await analyse(AnalysisRequest(str(samples / "standup.flac"), start_sec=34.0, end_sec=44.0), pool)
    assert found.transcript is not None
    assert all(34.0 <= word.start_sec < word.end_sec <= 44.1 for word in found.transcript.words)
    assert {item.start_sec for item in found.embeddings if item.scope == "clip"} == {34.0, 40.0}
    assert all((item.start_sec, item.end_sec) == (34.0, 44.0) for item in found.embeddings if item.scope == "asset")


async def test_sound_without_words_has_no_transcription_items(
    write_audio: Callable[..., Path], noise: Callable, pool: WorkerPool
) -> None:
    found = await analyse(all_options(write_audio("rain.wav", noise(12.0))), pool)
    assert counts(found.embeddings) == {
        ("audio", "clip"): 2,
        ("audio", "asset"): 1,
        ("fused", "clip"): 2,
        ("fused", "asset"): 1,
    }
    assert found.transcript is not None
    assert found.transcript.words == ()


async def test_only_what_is_asked_for_is_answered(
    write_audio: Callable[..., Path], tone: Callable, pool: WorkerPool
) -> None:
    path = str(write_audio("tone.wav", tone(9.0)))
    audio_only = await analyse(AnalysisRequest(path, options=("audio",), scopes=("clip",), duration_sec=2), pool)
    assert counts(audio_only.embeddings) == {("audio", "clip"): 5}
    assert audio_only.transcript is None
    fused_only = await analyse(AnalysisRequest(path, types=("fused_embedding",), scopes=("asset",)), pool)
    assert counts(fused_only.embeddings) == {("fused", "asset"): 1}


@pytest.mark.parametrize("seconds", [0.0001, 0.02, 0.2, 0.39, 0.5])
@pytest.mark.parametrize("strategy", ["fixed", "natural"])
async def test_a_blink_of_sound_is_analysed(
    write_audio: Callable[..., Path], tone: Callable, pool: WorkerPool, seconds: float, strategy: str
) -> None:
    request = all_options(write_audio("blink.wav", tone(seconds)), strategy=strategy)
    found = await analyse(request, pool)
    assert counts(found.embeddings)["audio", "clip"] == 1
    [clip] = [item for item in found.embeddings if (item.option, item.scope) == ("audio", "clip")]
    assert (clip.start_sec, clip.end_sec) == pytest.approx((0.0, seconds), abs=0.001)


async def test_progress_names_the_stages_in_order_and_never_goes_back(samples: Path, pool: WorkerPool) -> None:
    told: list[Progress] = []
    await analyse(AnalysisRequest(str(samples / "standup.flac"), end_sec=20.0), pool, told.append)
    fractions = [progress.fraction for progress in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    stages = list(dict.fromkeys(progress.stage for progress in told))
    assert stages == ["decoding", "transcribing", "embedding"][: len(stages)] or stages == ["decoding", "embedding"]


async def test_a_window_past_the_end_is_refused_with_the_duration(samples: Path, pool: WorkerPool) -> None:
    with pytest.raises(MediaError, match=r"past the end: standup\.flac lasts 78\.1 s"):
        await analyse(AnalysisRequest(str(samples / "standup.flac"), start_sec=500.0), pool)


async def test_a_damaged_recording_is_analysed_with_a_warning(
    write_audio: Callable[..., Path], noise: Callable, pool: WorkerPool
) -> None:
    path = write_audio("half.wav", noise(20.0))
    path.write_bytes(path.read_bytes()[:320_000])
    found = await analyse(AnalysisRequest(str(path), options=("audio",)), pool)
    assert found.end_offset_sec == pytest.approx(10.0, abs=0.1)
    assert "cut off" in found.warnings[0]


async def test_a_cancelled_analysis_leaves_the_pool_usable(samples: Path, pool: WorkerPool) -> None:
    begun = asyncio.Event()
    task = asyncio.create_task(
        analyse(AnalysisRequest(str(samples / "standup.flac")), pool, lambda progress: begun.set())
    )
    await asyncio.wait_for(begun.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await probe(samples / "standup.flac", pool)).codec == "flac"


async def test_transcribe_gives_words_and_sentences(samples: Path, pool: WorkerPool) -> None:
    said = await transcribe(samples / "standup.flac", pool, 0.0, 6.0)
    assert said.words[0].start_sec < 1.0
    assert said.sentences[0].value.startswith("Good morning everyone, let us keep this short")
    assert all(0.0 < word.probability <= 1.0 and word.language == "en" for word in said.words)
    assert said.language == "en"


@pytest.mark.parametrize("fmt", ["wav", "mp3", "opus", "flac"])
async def test_a_cut_is_a_whole_playable_file(fmt: str, samples: Path, pool: WorkerPool, tmp_path: Path) -> None:
    sound = await cut(samples / "standup.flac", 10.0, 16.0, fmt, pool)  # type: ignore[arg-type] # parametrised
    (tmp_path / f"clip.{fmt}").write_bytes(sound)
    info = await probe(tmp_path / f"clip.{fmt}", pool)
    assert info.duration_sec == pytest.approx(6.0, abs=0.1)
    assert len(sound) < 300_000


async def test_a_cut_past_the_end_is_refused(samples: Path, pool: WorkerPool) -> None:
    with pytest.raises(MediaError, match="past the end"):
        await cut(samples / "standup.flac", 100.0, 106.0, "wav", pool)


class CountingPool(WorkerPool):
    """A pool that counts how often its workers were sent home."""

    retirements = 0

    async def retire_idle(self) -> None:
        self.retirements += 1
        await super().retire_idle()


@pytest.mark.parametrize("is_long", [True, False])
async def test_only_a_long_recording_sends_its_workers_home(
    is_long: bool, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("soundbite_engine.analysis.work.LONG_SEC", 3.0 if is_long else 900.0)
    async with CountingPool(1) as pool:
        await analyse(AnalysisRequest(str(samples / "standup.flac"), end_sec=3.0, options=("audio",)), pool)
        await transcribe(samples / "standup.flac", pool, 0.0, 3.0)
        assert pool.retirements == (2 if is_long else 0)


async def test_the_beginning_goes_before_the_rest_is_listened_to_and_its_words_are_recognised_once(
    samples: Path, pool: WorkerPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    span, beginning = 250, 1500  # of 8 s, and of 48, in which the first passage ends
    for module, name, value in (
        (plans, "LISTEN_SPAN_TICKS", span),
        (work, "LISTEN_SPAN_TICKS", span),
        (work, "BEGINNING_TICKS", beginning),
        (analysis, "BEGINNING_TICKS", beginning),
        (work, "PARTS_FROM_SEC", 30.0),
        (analysis, "PARTS_FROM_SEC", 30.0),
        (parts, "FIRST_PARTS_SEC", (5.0, 5.0)),
    ):
        monkeypatch.setattr(module, name, value)
    events, recognised, run = list[str](), list[object](), WorkerPool.run
    kept: list[Part] = []
    with_texts = set[WorkerPool]()

    async def noted(pool: WorkerPool, job: str, /, *args: object, **options: object) -> object:
        result = await run(pool, job, *args, **options)  # type: ignore[arg-type] # handed on as they are
        events.append(job)
        if job == "embed_clips":
            with_texts.add(pool)
        recognised.extend(args[1] if job == "recognise" else ())  # type: ignore[arg-type] # its passages
        return result

    async def keep(part: Part) -> None:
        kept.append(part)

    monkeypatch.setattr(WorkerPool, "run", noted)
    request = AnalysisRequest(str(samples / "standup.flac"), strategy="natural")
    async with WorkerPool(1) as single:
        done = await analyse(request, single, records=PartRecords((), keep))
    assert events.index("recognise") < len(events) - 1 - events[::-1].index("listen")
    assert [part.number for part in kept] == [*range(1, len(kept) + 1)]
    assert [part.facts.is_provisional for part in kept] == [True, *([False] * (len(kept) - 1))]
    early, first = kept[:2]
    assert early.facts.recognition == first.facts.recognition
    assert not any(word.speaker for word in early.facts.transcript.words)
    assert all(word.speaker for word in first.facts.transcript.words)
    assert len(recognised) == len(set(recognised)), "words were recognised twice"
    assert len(with_texts) == 1, "more than one process has the model of texts"
    again: list[Part] = []

    async def keep_again(part: Part) -> None:
        again.append(part)

    resumed = await analyse(request, pool, records=PartRecords(kept[:1], keep_again))
    assert [part.number for part in again] == [part.number for part in kept[1:]]
    for other in (resumed, await analyse(request, pool)):
        assert other.transcript == done.transcript
        assert [item.transcript for item in other.embeddings] == [item.transcript for item in done.embeddings]


@pytest.mark.slow
async def test_the_first_part_does_not_wait_for_the_words_of_the_last(
    samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analysis, "PARTS_FROM_SEC", 30.0)
    events: list[str] = []
    run = WorkerPool.run

    async def noted(pool: WorkerPool, job: str, /, *args: object, **options: object) -> object:
        result = await run(pool, job, *args, **options)  # type: ignore[arg-type] # handed on as they are
        events.append(job)
        return result

    async def keep(part: Part) -> None:
        events.append("kept")

    monkeypatch.setattr(WorkerPool, "run", noted)
    async with WorkerPool(1) as pool:
        request = AnalysisRequest(str(samples / "standup.flac"), strategy="natural")
        await analyse(request, pool, records=PartRecords((), keep))
    assert events.count("kept") == 1
    # Two passages make the first part and one the last: its words are recognised after who speaks was told.
    assert events.index("tell_speakers") < len(events) - 1 - events[::-1].index("recognise")
