"""Transcripts that are brought, in the forms that programs write them: words, times, speakers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import embed_audio, read_transcript

from soundbite_tools.errors import SourceProblem
from soundbite_tools.sources.spoken import parsed

OpenLibrary = Callable[..., Any]

VOICES = (
    "WEBVTT\n\nNOTE by hand\n\n1\n00:00:00.500 --> 00:00:02.000 align:start\n<v Ann Lee>Hello &amp; welcome.</v>\n\n"
    "00:02.000 --> 00:04.000\n<v Bob>Thanks.\n"
)
ZOOM = (
    "WEBVTT\r\n\r\n1\r\n00:00:01.000 --> 00:00:03.000\r\nAnn Lee: We start now.\r\n\r\n"
    "2\r\n00:00:03.500 --> 00:00:05.000\r\nBob: All right.\r\n"
)
TEAMS = (
    "WEBVTT\n\n4f/1-0\n00:00:01.120 --> 00:00:03.640\n<v Lee, Ann>So the budget\nis small.</v>\n\n"
    "4f/2-0\n00:00:04.000 --> 00:00:05.000\n<v Bob>Yes.</v>\n"
)
SUBRIP = (
    "\ufeff1\n00:00:01,000 --> 00:00:03,000\n<i>The river</i> is rising.\n\n"
    "2\n00:00:03,500 --> 00:00:05,000\n- Nobody saw it.\n"
)
OTTER = "Ann Lee  0:03 \nWe start now.\nIt is late.\n\nBob  0:12 \nAll right.\n\nTranscribed by https://otter.ai\n"
STAMPED = "[00:01:02] Ann: We start now.\n[00:01:08] Bob: All right.\n"
SEGMENTS = [
    {"start": 1.0, "end": 2.5, "text": " The river."},
    {"start": 3, "end": 4, "text": "Rises.", "speaker": "SPEAKER_01"},
]
WHISPER = json.dumps({"text": "x", "segments": SEGMENTS})
CPP = json.dumps({"transcription": [{"offsets": {"from": 1000, "to": 2500}, "text": " The river."}]})
PLAIN = "Ann: The river is rising. Nobody saw it.\nBob: All right."


def told(text: str) -> list[tuple[float, str, str]]:
    return [(one.start_sec, one.speaker, one.value) for one in parsed(text, "talk").sentences]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (VOICES, [(0.5, "Ann Lee", "Hello & welcome."), (2.0, "Bob", "Thanks.")]),
        (ZOOM, [(1.0, "Ann Lee", "We start now."), (3.5, "Bob", "All right.")]),
        (TEAMS, [(1.12, "Lee, Ann", "So the budget is small."), (4.0, "Bob", "Yes.")]),
        (SUBRIP, [(1.0, "", "The river is rising."), (3.5, "", "Nobody saw it.")]),
        (STAMPED, [(62.0, "Ann", "We start now."), (68.0, "Bob", "All right.")]),
        (WHISPER, [(1.0, "", "The river."), (3.0, "SPEAKER_01", "Rises.")]),
        (CPP, [(1.0, "", "The river.")]),
    ],
    ids=["voices", "zoom", "teams", "subrip", "stamped", "whisper", "whisper.cpp"],
)
def test_words_times_and_speakers_of_each_form_are_read(text: str, expected: list[Any]) -> None:
    assert told(text) == expected


def test_otter_names_the_speaker_above_the_words() -> None:
    (ann, bob) = parsed(OTTER, "talk").sentences
    assert (ann.start_sec, ann.speaker, ann.value) == (3.0, "Ann Lee", "We start now. It is late.")
    assert (bob.start_sec, bob.speaker, bob.value.startswith("All right.")) == (12.0, "Bob", True)
    assert ann.end_sec <= 12.0


def test_plain_text_is_spread_over_the_recording_by_its_length() -> None:
    text = parsed(PLAIN, "talk")
    assert not text.has_times
    assert [(one.speaker, one.value) for one in text.sentences] == [
        ("Ann", "The river is rising."), ("Ann", "Nobody saw it."), ("Bob", "All right.")
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "WEBVTT\n", "{}", '{"segments": 3}', "[]", "\x00\x01", "--> -->", "- \n"])
def test_what_is_no_transcript_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SourceProblem, match=r'"talk.vtt" (holds no words|is JSON without segments)'):
        parsed(text, "talk.vtt")


async def test_words_beside_the_file_are_given_to_the_engine_and_not_recognised(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    recording.with_suffix(".srt").write_text(SUBRIP)
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        again = await embed_audio(library, recording.name)
    (asked,) = platform.requests
    assert [word["value"] for word in asked["spoken"]] == ["The", "river", "is", "rising.", "Nobody", "saw", "it."]
    assert [note for note in task.notes if 'words are those of "' in note and ".srt" in note]
    assert again.task_id == task.task_id


async def test_a_hosted_platform_keeps_the_words_that_were_brought(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    async with open_library(natural_segmentation=False) as library:
        plain = await embed_audio(library, recording.name)
        task = await embed_audio(library, recording.name, transcript=ZOOM)
        lines = (await read_transcript(library, task.asset_id)).lines
        with pytest.raises(SourceProblem, match="holds no words"):
            await embed_audio(library, recording.name, transcript="-\n")
    assert plain.task_id != task.task_id
    assert "spoken" not in platform.requests[-1]
    assert [(line.speaker, line.text) for line in lines] == [("Ann Lee", "We start now."), ("Bob", "All right.")]
    assert [note for note in task.notes if "what it heard itself" in note]


async def test_text_beside_the_file_counts_only_where_it_can_be_what_is_said(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    notes = recording.with_suffix(".txt")
    async with open_library() as library:
        notes.write_text("Buy milk. Call Ann.")
        await embed_audio(library, recording.name)
        assert "spoken" not in platform.requests[-1]
        notes.write_text("The river is rising and nobody saw it. We have to leave now, before the bridge is gone.")
        await embed_audio(library, recording.name)
        assert [word["value"] for word in platform.requests[-1]["spoken"]][:3] == ["The", "river", "is"]


async def test_a_transcript_beside_the_file_that_leads_elsewhere_is_not_read(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.srt"
    secret.write_text(SUBRIP)
    recording.with_suffix(".srt").symlink_to(secret)
    async with open_library() as library:
        await embed_audio(library, recording.name)
    assert "spoken" not in platform.requests[-1]
