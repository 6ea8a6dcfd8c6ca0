"""Who speaks: the encoder's front end, turns by voice and by channel, and words that keep to them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import pytest_asyncio

from soundbite_engine.analysis.analyse import Analysis, AnalysisRequest, analyse, transcribe
from soundbite_engine.audio.decode import decoded_blocks
from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.audio.voice_activity import Stretch
from soundbite_engine.platform.transcription import timed_values
from soundbite_engine.profiles import base_profile
from soundbite_engine.speech.transcripts import Word
from soundbite_engine.speech.turns import Turn, groups, with_speakers
from soundbite_engine.speech.voices import MUCH_SPEECH_SEC, mel_spectrum, windows_by_stretch
from soundbite_engine.workers import media
from soundbite_engine.workers.pool import WorkerPool

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool(2) as pool:
        yield pool


async def natural_clips(path: Path, pool: WorkerPool, **options: Any) -> Analysis:
    return await analyse(AnalysisRequest(str(path), strategy="natural", options=("transcription",), **options), pool)


def spoken_events(samples: Path, name: str) -> list[dict[str, Any]]:
    recordings = json.loads((samples / "truth.json").read_text(encoding="utf-8"))["recordings"]
    (recording,) = (entry for entry in recordings if entry["file"] == name)
    return [event for event in recording["events"] if event.get("voice") and event["kind"] == "speech"]


def write_tracks(path: Path, tracks: list[Any]) -> Path:
    """Sounds of 16 kHz, each on a track of its own."""
    with av.open(str(path), "w", format="matroska") as container:
        streams = [container.add_stream("flac", rate=16_000, layout="mono") for _ in tracks]
        packets = []
        for stream, sound in zip(streams, tracks, strict=True):
            samples = (np.clip(sound, -1, 1) * 32767).astype(np.int16)
            for at in range(0, samples.size, 4608):
                frame = av.AudioFrame.from_ndarray(samples[None, at : at + 4608], format="s16", layout="mono")
                frame.sample_rate, frame.pts = 16_000, at
                packets += stream.encode(frame)
            packets += stream.encode(None)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)
    return path


@pytest.mark.parametrize(("name", "speakers"), [("standup.flac", 3), ("memos.mp3", 2), ("field-log.flac", 1)])
async def test_speakers_are_counted_told_apart_and_never_share_a_clip(
    samples: Path, pool: WorkerPool, name: str, speakers: int
) -> None:
    heard = await natural_clips(samples / name, pool)
    assert heard.transcript is not None
    assert {word.speaker for word in heard.transcript.words} == {str(number + 1) for number in range(speakers)}
    assert heard.transcript.words[0].speaker == "1"

    pairs = Counter[tuple[str, str]]()
    for word in heard.transcript.words:
        middle = (word.start_sec + word.end_sec) / 2
        for event in spoken_events(samples, name):
            if event["start_sec"] <= middle < event["end_sec"]:
                pairs[event["voice"], word.speaker] += 1
    best = {voice: speaker for (voice, speaker), _ in reversed(pairs.most_common())}
    assert len(set(best.values())) == speakers
    assert sum(pairs[pair] for pair in best.items()) >= 0.95 * pairs.total()

    for clip in (item for item in heard.embeddings if item.scope == "clip"):
        middles = [(word, (word.start_sec + word.end_sec) / 2) for word in heard.transcript.words]
        assert len({word.speaker for word, middle in middles if clip.start_sec <= middle < clip.end_sec}) == 1


async def test_channels_tell_people_apart_whose_voices_are_alike(
    samples: Path, pool: WorkerPool, write_audio: Callable[..., Path], tmp_path: Path
) -> None:
    """One voice, its sentences by turns on the left and on the right, is two people; on one channel it is one.

    So it is where they are on two tracks, which are heard together.
    """
    sound = as_floats(np.concatenate(list(decoded_blocks(str(samples / "field-log.flac")))))
    events = spoken_events(samples, "field-log.flac")[:6]
    rate = 16_000
    stereo = np.random.default_rng(3).normal(0, 1e-4, (round(events[-1]["end_sec"] * rate), 2)).astype(np.float32)
    for number, event in enumerate(events):
        first, last = round(event["start_sec"] * rate), round(event["end_sec"] * rate)
        stereo[first:last, number % 2] += sound[first:last]
    together = await transcribe(write_audio("mono.wav", stereo.mean(axis=1)), pool)
    assert {word.speaker for word in together.words} == {"1"}

    tracks = write_tracks(tmp_path / "tracks.mka", [*stereo.T, np.zeros_like(stereo[:, 0])])
    for path, choice in ((write_audio("stereo.wav", stereo), None), (tracks, "all")):
        apart = await transcribe(path, pool, track=choice)
        right = 0
        for word in apart.words:
            middle = (word.start_sec + word.end_sec) / 2
            distances = [max(event["start_sec"] - middle, middle - event["end_sec"], 0.0) for event in events]
            right += word.speaker == str(distances.index(min(distances)) % 2 + 1)
        assert right >= 0.97 * len(apart.words) > 0
    alone = await transcribe(tracks, pool, track=2)
    assert {word.speaker for word in alone.words} == {"1"}
    assert 0 < len(alone.words) < 0.7 * len(apart.words)


async def test_speakers_can_be_left_out(samples: Path, pool: WorkerPool) -> None:
    profile = base_profile().without_speakers()
    assert profile.space == base_profile().space
    heard = await natural_clips(samples / "standup.flac", pool, profile=profile, end_sec=12.0)
    assert heard.transcript is not None
    assert {word.speaker for word in heard.transcript.words} == {""}
    assert all("speaker" not in entry for entry in timed_values(heard.transcript.sentences))


@pytest.mark.parametrize("people", [1, 2])
async def test_as_many_speak_as_voices_differ_however_little_is_said(people: int) -> None:
    """Voices as the encoder gives them: windows without common sound are .75 alike in one voice, .4 in two."""
    windows_told = {}
    for count in (6, 10, 16, 40):
        told = Counter[int]()
        for seed in range(25):
            voices, windows, seconds = noisy_windows(np.random.default_rng(seed), people, count)
            told[len(groups(voices, windows, seconds))] += 1
        windows_told[count] = told[people]
    assert min(windows_told.values()) >= 24, windows_told
    assert len(groups(np.repeat(voices[:1], count, axis=0), windows, seconds)) == 1, "the same sound again and again"


def noisy_windows(
    chance: np.random.Generator, people: int, count: int
) -> tuple[npt.NDArray[np.float32], list[Stretch], npt.NDArray[np.float32]]:
    """Windows of 1.6 s every .8 s, halves of which are shared, of people who speak one after the other."""
    voices, windows = list[Any](), list[Stretch]()
    common = chance.normal(size=256)
    for person in range(people):
        own = common + chance.normal(size=256)
        halves = chance.normal(size=(count // people + 1, 256)) * (2.0 / 3.0 * 2.0) ** 0.5
        voices += [own + (halves[at] + halves[at + 1]) / 2 for at in range(count // people)]
        windows += [Stretch(person * 10_000 + at * 25, person * 10_000 + at * 25 + 50) for at in range(count // people)]
    sound = np.array(voices, np.float32)
    return sound / np.linalg.norm(sound, axis=1, keepdims=True), windows, np.full(len(windows), 0.8, np.float32)


async def test_a_new_speaker_begins_where_a_sentence_does() -> None:
    texts = ["How", "can", "I", "help", "you?", "I", "need", "a", "taxi."]
    words = [Word(text, at * 0.3, at * 0.3 + 0.2) for at, text in enumerate(texts)]
    told = with_speakers(words, [Turn(0.0, 1.0, 1), Turn(1.0, 3.0, 2)])
    assert [word.speaker for word in told] == ["1"] * 5 + ["2"] * 4
    assert with_speakers(words, []) == words


async def test_the_last_word_of_a_turn_is_that_speakers_though_the_recogniser_lets_it_last() -> None:
    texts = [
        ("Great,", 3.01, 3.41),
        ("thank", 3.73, 3.77),
        ("you", 3.77, 3.91),
        ("for", 3.91, 4.01),
        ("it.", 4.01, 4.85),
    ]
    words = [Word(*text) for text in (*texts, ("Okay,", 5.41, 5.5), ("what", 5.67, 5.81))]
    told = with_speakers(words, [Turn(2.77, 4.32, 1), Turn(4.32, 7.35, 2)])
    assert [word.speaker for word in told] == ["1"] * 5 + ["2"] * 2


async def test_the_front_end_is_that_of_the_reference() -> None:
    """Numbers of librosa 0.11, `melspectrogram(sr=16000, n_fft=400, hop_length=160, n_mels=40)`, over a chirp."""
    at = np.arange(8000) / 16_000
    mels = mel_spectrum((0.5 * np.sin(2 * np.pi * (200 * at + 3000 * at * at))).astype(np.float32))
    assert mels.shape == (51, 40)
    assert mels[[0, 10, 25], [3, 8, 20]] == pytest.approx([4.794218, 0.303953, 15.979308], rel=1e-4)
    assert float(mels.sum()) == pytest.approx(1636.0374, rel=1e-4)


async def test_the_voice_of_a_person_is_nearer_to_itself_elsewhere_than_to_others(
    pool: WorkerPool, samples: Path
) -> None:
    encoder = base_profile().voices
    assert encoder is not None

    async def voice(name: str, who: str, count: int | None = None) -> Any:
        turns = [(one["start_sec"], one["end_sec"]) for one in spoken_events(samples, name) if one["voice"] == who]
        return await media.voice(samples / name, turns[:count], str(encoder.folder), pool)

    slt, again = await voice("standup.flac", "slt"), await voice("workshop-call.opus", "slt")
    others = [await voice("workshop-call.opus", "awb"), await voice("standup.flac", "rms")]
    assert slt.shape == (256,)
    assert np.linalg.norm(slt) == pytest.approx(1.0, abs=1e-5)
    assert float(slt @ again) > max(float(one @ other) for one in (slt, again) for other in others) + 0.05
    # A second or two is no voice.
    short = [(one["start_sec"], one["start_sec"] + 1.5) for one in spoken_events(samples, "standup.flac")[:1]]
    assert await media.voice(samples / "standup.flac", short, str(encoder.folder), pool) is None


async def test_windows_of_voices_overlap_where_little_is_said_and_not_where_much_is() -> None:
    def share(stretches: list[Stretch]) -> float:
        windows = windows_by_stretch(stretches)
        assert all(
            of_one[0].first == one.first and of_one[-1].last == one.last
            for of_one, one in zip(windows, stretches, strict=True)
        )
        return sum(window.seconds for of_one in windows for window in of_one) / sum(one.seconds for one in stretches)

    few = [Stretch(200 * at, 200 * at + 160) for at in range(10)]
    many = [Stretch(200 * at, 200 * at + 160) for at in range(math.ceil(MUCH_SPEECH_SEC / few[0].seconds) + 1)]
    assert share(few) > 1.6
    assert share(many) < 1.3
