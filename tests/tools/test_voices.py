"""Voices: with consent people are known in other recordings; without it nothing is heard; erased, nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scripted_platform import ScriptedPlatform
from tool_calls import (
    embed_audio,
    forget_voice,
    list_speakers,
    name_speaker,
    read_transcript,
    remove_audio,
    search_clips,
)

from soundbite_tools.edit.forget_voice import forget_all_voices
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.library import Library

OpenLibrary = Callable[..., AbstractAsyncContextManager[Any]]
SAYS = ("the river is rising", "nobody saw the bridge move", "the river is falling")


def voice(seed: int, near: int | None = None, likeness: float = 1.0) -> NDArray[np.float32]:
    """A voice of this seed, or one so much like another."""
    own = np.random.default_rng(seed).normal(size=256)
    own /= np.linalg.norm(own)
    if near is None:
        return own.astype(np.float32)
    other = voice(near).astype(np.float64)
    own -= (own @ other) * other
    own /= np.linalg.norm(own)
    return (likeness * other + np.sqrt(1 - likeness**2) * own).astype(np.float32)


@pytest.fixture
def three(
    recording: Path, write_wav: Callable[..., Path], platform: ScriptedPlatform, media_reader: Any
) -> Callable[[Library], Any]:
    """Embeds three recordings of two speakers; the first speaker of each but the last has nearly the same voice."""
    media_reader.voices |= {
        ("log.wav", 0): voice(1), ("log.wav", 6): voice(2),
        ("memo.wav", 0): voice(3, near=1, likeness=0.95), ("memo.wav", 6): voice(4),
        ("talk.wav", 0): voice(5), ("talk.wav", 6): voice(6, near=1, likeness=0.89),
    }  # fmt: skip

    async def embed(library: Library) -> list[str]:
        platform.says, platform.speakers, platform.duration = SAYS, ("1", "2", "1"), 18.0
        ids = []
        for level, name in enumerate(("log", "memo", "talk"), 1):
            path = write_wav(recording.with_name(f"{name}.wav"), 18.0, level=level)
            ids.append((await embed_audio(library, path.name)).asset_id)
        return ids

    return embed


async def speakers_in(library: Library, asset_id: str) -> list[str]:
    return [line.speaker for line in (await read_transcript(library, asset_id)).lines][:2]


def files_with(home: Path, vectors: list[NDArray[np.float32]]) -> set[str]:
    """The files below a folder that hold any sixteen bytes of any of the vectors."""
    marks = {vector.astype("<f4").tobytes()[at : at + 16] for vector in vectors for at in range(0, 1024, 16)}
    found = set()
    for path in home.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if any(mark in content for mark in marks):
            found.add(path.name)
    return found


async def test_a_named_voice_is_known_elsewhere_with_how_sure_until_somebody_says_better(
    open_library: OpenLibrary, three: Any
) -> None:
    async with open_library(voices=True) as library:
        log, memo, talk = await three(library)
        assert await speakers_in(library, memo) == ["Speaker 1", "Speaker 2"]
        await name_speaker(library, log, "1", "Ann")
        assert await speakers_in(library, log) == ["Ann", "Speaker 2"]
        assert await speakers_in(library, memo) == ["probably Ann (.95)", "Speaker 2"]
        assert await speakers_in(library, talk) == ["Speaker 1", "Speaker 2"]
        hers = await search_clips(library, "the river", modality="speech", speakers=["ann"], top_k=20)
        assert {clip.asset_id for clip in hers.clips} == {log, memo}
        assert {clip.speaker for clip in hers.clips} == {"Ann", "probably Ann (.95)"}
        [ann, *_] = (await list_speakers(library)).speakers
        assert {one.asset_id: one.likeness for one in ann.recordings} == {log: 0.0, memo: 0.95}
        near = (await list_speakers(library, like="ann")).speakers
        assert [(one.recordings[0].asset_id, one.recordings[0].likeness) for one in near[:2]] == [
            (memo, 0.95),
            (talk, 0.89),
        ]
        second = (await list_speakers(library, like="Speaker 2", asset_ids=[log])).speakers
        assert len(second) == 4  # of the other three voices without a name, and Ann's
        with pytest.raises(QuestionProblem, match='No voice of "Bob" is kept'):
            await list_speakers(library, like="Bob")
        # Naming again corrects; and whom somebody has found in a recording is not its other speaker as well.
        assert (await search_clips(library, "river", speakers=["probably Ann (.95)"])).clips_searched == 4
        await name_speaker(library, memo, "probably Ann (.95)", "Bea")
        assert await speakers_in(library, memo) == ["Bea", "Speaker 2"]
        await name_speaker(library, memo, "2", "Ann")
        await name_speaker(library, memo, "Bea", "")
        assert await speakers_in(library, memo) == ["Speaker 1", "Ann"]
    async with open_library() as library:  # off again: what is kept is not used
        await name_speaker(library, memo, "Ann", "")
        assert await speakers_in(library, memo) == ["Speaker 1", "Speaker 2"]
        with pytest.raises(QuestionProblem, match="not kept here"):
            await list_speakers(library, like="Ann")


async def test_without_consent_nothing_is_heard_and_nothing_is_written(
    open_library: OpenLibrary, three: Any, tmp_path: Path, media_reader: Any
) -> None:
    async def refused(*_: object) -> None:
        raise AssertionError("a voice was listened to")

    media_reader.voice = refused
    async with open_library() as library:
        [log, *_] = await three(library)
        await name_speaker(library, log, "1", "Ann")
        assert (await forget_voice(library, "Ann")).voices_erased == 0
    assert not list(tmp_path.rglob("voices.sqlite*"))


async def test_an_erased_voice_is_in_no_file_and_comes_back_only_when_it_is_named_again(
    open_library: OpenLibrary, three: Any, tmp_path: Path, media_reader: Any, platform: ScriptedPlatform
) -> None:
    hers = [voice(1), voice(3, near=1, likeness=0.95)]
    async with open_library(voices=True) as library:
        log, memo, _ = await three(library)
        await name_speaker(library, log, "1", "Ann")
        assert files_with(tmp_path, hers) <= {"voices.sqlite", "voices.sqlite-wal"}
        assert files_with(tmp_path, hers), "or the search below proves nothing"
        forgotten = await forget_voice(library, "ANN")
        assert (forgotten.name, forgotten.voices_erased, forgotten.recording_count) == ("Ann", 2, 2)
        assert files_with(tmp_path, hers) == set()
        assert files_with(tmp_path, [voice(2)]) != set(), "others stay"
        assert await speakers_in(library, log) == ["Ann", "Speaker 2"]
        assert await speakers_in(library, memo) == ["Speaker 1", "Speaker 2"]
        # Embedded again it is not kept again, neither hers nor what was hers in the other recording.
        platform.space = "another-space"
        await three(library)
        assert files_with(tmp_path, hers) == set()
        await name_speaker(library, log, "Ann", "Ann")
        assert await speakers_in(library, log) == ["Ann", "Speaker 2"]
        assert files_with(tmp_path, hers[:1]) != set()
        await remove_audio(library, log)
        assert files_with(tmp_path, [*hers, voice(2)]) == set()
        with pytest.raises(QuestionProblem, match="Nobody is called"):
            await forget_voice(library, "Ann")
        assert await forget_all_voices(library) == 3
        assert files_with(tmp_path, list(media_reader.voices.values())) == set()
    assert files_with(tmp_path, list(media_reader.voices.values())) == set()


async def test_a_voice_of_speakers_who_were_counted_anew_since_is_not_used(
    open_library: OpenLibrary, three: Any, write_wav: Callable[..., Path], recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library(voices=True) as library:
        log, memo, _ = await three(library)
        await name_speaker(library, log, "1", "Ann")
        assert await speakers_in(library, memo) == ["probably Ann (.95)", "Speaker 2"]
    async with open_library() as library:  # off: the voices are not heard again
        platform.speakers = ("2", "1", "1")
        await embed_audio(library, write_wav(recording.with_name("memo.wav"), 18.0, level=7).name)
    async with open_library(voices=True) as library:
        assert await speakers_in(library, memo) == ["Speaker 2", "Speaker 1"]
