"""Transcripts that are brought, in the forms that programs write them: words, times, speakers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scripted_platform import ScriptedPlatform
from tool_calls import correct_transcript, embed_audio, read_transcript

from soundbite_store import Asset
from soundbite_tools.errors import SourceProblem
from soundbite_tools.sources.spoken import parsed_transcript, read_transcript_file

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
SBV = "0:00:01.000,0:00:03.000\nAnn: The river\nis rising.\n\n0:00:03.500,0:00:05.000\nAll right.\n"
PLAIN = "Ann: The river is rising. Nobody saw it.\nBob: All right."


def told(text: str) -> list[tuple[float, str, str]]:
    return [(one.start_sec, one.speaker, one.value) for one in parsed_transcript(text, "talk").sentences]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (VOICES, [(0.5, "Ann Lee", "Hello & welcome."), (2.0, "Bob", "Thanks.")]),
        (ZOOM, [(1.0, "Ann Lee", "We start now."), (3.5, "Bob", "All right.")]),
        (TEAMS, [(1.12, "Lee, Ann", "So the budget is small."), (4.0, "Bob", "Yes.")]),
        (SUBRIP, [(1.0, "", "The river is rising."), (3.5, "", "Nobody saw it.")]),
        (SBV, [(1.0, "Ann", "The river is rising."), (3.5, "", "All right.")]),
        (STAMPED, [(62.0, "Ann", "We start now."), (68.0, "Bob", "All right.")]),
        (WHISPER, [(1.0, "", "The river."), (3.0, "SPEAKER_01", "Rises.")]),
        (CPP, [(1.0, "", "The river.")]),
    ],
    ids=["voices", "zoom", "teams", "subrip", "sbv", "stamped", "whisper", "whisper.cpp"],
)
def test_words_times_and_speakers_of_each_form_are_read(text: str, expected: list[Any]) -> None:
    assert told(text) == expected


def in_three_forms(cues: Sequence[tuple[float, float, str, str]]) -> list[str]:
    """WebVTT, SubRip and Whisper's JSON of cues: start and end in seconds, speaker, words."""
    web = "".join(f"00:0{a}.000 --> 00:0{b}.000\n{f'<v {who}>' * bool(who)}{words}\n\n" for a, b, who, words in cues)
    sub = "".join(
        f"00:00:0{a},000 --> 00:00:0{b},000\n{f'{who}: ' * bool(who)}{words}\n\n" for a, b, who, words in cues
    )
    entries = [{"start": a, "end": b, "speaker": who, "text": words} for a, b, who, words in cues]
    return [f"WEBVTT\n\n{web}", sub, json.dumps({"segments": entries})]


ANN, BOB = "I think that we should ship the release on Friday", "no Monday is better for our customers"
LONG = " ".join(["words"] * 40)


@pytest.mark.parametrize(
    ("cues", "expected"),
    [
        ([(1, 8, "Ann", ANN), (5, 9, "Bob", BOB)], [(1.0, 5.0, "Ann", ANN), (5.0, 9.0, "Bob", BOB)]),
        ([(1, 4, "", ANN[:30]), (3, 6, "", BOB)], [(1.0, 3.0, "", ANN[:30]), (3.0, 6.0, "", BOB)]),
        # Nobody says 239 characters in a second: what lies within it follows it.
        ([(1, 9, "Ann", LONG), (2, 3, "Bob", "Yes.")], [(1.0, 8.837, "Ann", LONG), (8.837, 9.0, "Bob", "Yes.")]),
        ([(1, 3, "A", "One."), (1, 3, "B", "Two.")], [(1.0, 2.0, "A", "One."), (2.0, 3.0, "B", "Two.")]),
        # Captions that roll repeat the line before; people who repeat themselves do not.
        (
            [(1, 5, "", "the quick"), (3, 7, "", "the quick brown"), (5, 9, "", "quick brown fox")],
            [(1.0, 3.0, "", "the quick"), (3.0, 5.0, "", "brown"), (5.0, 9.0, "", "fox")],
        ),
        (
            [(1, 2, "", "No."), (2, 3, "", "No."), (3, 4, "", "No.")],
            [(at, at + 1, "", "No.") for at in (1.0, 2.0, 3.0)],
        ),
    ],
    ids=["two speakers", "none named", "within", "at once", "rolling", "no, no, no"],
)
def test_words_of_cues_that_overlap_stay_together(cues: Any, expected: list[Any]) -> None:
    for text in in_three_forms(cues):
        told = [(one.start_sec, one.end_sec, one.speaker, one.value) for one in parsed_transcript(text, "").sentences]
        assert told == expected


def test_otter_names_the_speaker_above_the_words() -> None:
    (ann, bob) = parsed_transcript(OTTER, "talk").sentences
    assert (ann.start_sec, ann.speaker, ann.value) == (3.0, "Ann Lee", "We start now. It is late.")
    assert (bob.start_sec, bob.speaker, bob.value.startswith("All right.")) == (12.0, "Bob", True)
    assert ann.end_sec <= 12.0


def test_plain_text_is_spread_over_the_recording_by_its_length() -> None:
    text = parsed_transcript(PLAIN, "talk")
    assert not text.has_times
    assert [(one.speaker, one.value) for one in text.sentences] == [
        ("Ann", "The river is rising."), ("Ann", "Nobody saw it."), ("Bob", "All right.")
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "WEBVTT\n", "{}", '{"segments": 3}', "[]", "\x00\x01", "--> -->", "- \n"])
def test_what_is_no_transcript_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(SourceProblem, match=r'"talk.vtt" (holds no words|is JSON without segments)'):
        parsed_transcript(text, "talk.vtt")


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
        task = await embed_audio(library, recording.name)
        assert "spoken" not in platform.requests[-1]
        assert [note for note in task.notes if f'"{notes.name}" is not taken: nobody says' in note] == task.notes[:1]
        notes.write_text("The river is rising and nobody saw it. We have to leave now, before the bridge is gone.")
        await embed_audio(library, recording.name)
        assert [word["value"] for word in platform.requests[-1]["spoken"]][:3] == ["The", "river", "is"]


async def test_what_is_given_for_words_is_no_path_and_no_name_of_nothing(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    words = recording.with_suffix(".vtt")
    words.write_text(LATER)
    async with open_library(natural_segmentation=False) as library:
        first = await embed_audio(library, recording.name)
        for given in (
            "/etc/passwd",
            "none.docx",
            "~/words",
            "../words",
            "C:\\words.doc",
            "file:///words",
            f" {words}x ",
        ):
            with pytest.raises(
                SourceProblem, match=r"is no transcript, nor the path .*\n?.*\.vtt \.srt \.sbv \.json \.txt"
            ):
                await embed_audio(library, recording.name, transcript=given)
        with pytest.raises(SourceProblem, match="Nobody says"):
            await embed_audio(library, recording.name, transcript="Buy milk.")
        for given in ("none", "null", "5", f"{words} "):
            assert (await embed_audio(library, recording.name, transcript=given)).task_id == first.task_id
        lines = (await read_transcript(library, first.asset_id)).lines
    assert [line.text for line in lines] == ["The lake is rising."]
    assert len(platform.requests) == 1


async def test_json_beside_the_file_that_is_no_transcript_is_told_once(
    open_library: OpenLibrary, recording: Path
) -> None:
    recording.with_suffix(".json").write_text('{"segments": 3}')
    recording.with_suffix(".txt").write_text("nul\0nul")
    async with open_library() as library:
        task = await embed_audio(library, recording.name)
        assert ["without segments" in note for note in task.notes if "not taken" in note] == [True]
        recording.with_suffix(".vtt").write_text(LATER)
        task = await embed_audio(library, recording.name)
        assert not [note for note in task.notes if "not taken" in note]


async def test_a_transcript_beside_the_file_that_leads_elsewhere_is_not_read(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret.srt"
    secret.write_text(SUBRIP)
    recording.with_suffix(".srt").symlink_to(secret)
    async with open_library() as library:
        await embed_audio(library, recording.name)
    assert "spoken" not in platform.requests[-1]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[" * 100_000, "talk.json"),
        ('{"segments": [{"start": ' + "9" * 400 + ', "text": "x"}]}', "talk.json"),
        ('{"segments": [{"start": 1.0, "end": Infinity, "text": "x"}]}', "talk.json"),
        ("WEBVTT\n\n" + "9" * 5000 + ":00:00.000 --> 00:00:03.000\nx", "talk.vtt"),
        ("garbage with no cues", "talk.vtt"),
        ("RIFF\x00\x00\x24WAVEfmt words", "talk.txt"),
    ],
    ids=["nested", "number", "infinite", "hours", "no cues", "binary"],
)
def test_what_is_made_to_break_a_reader_is_refused(text: str, name: str) -> None:
    with pytest.raises(SourceProblem, match="holds no words"):
        parsed_transcript(text, name)


def test_many_open_brackets_take_no_minutes() -> None:
    began = time.process_time()
    for mark in ("<", "<v "):
        parsed_transcript(f"WEBVTT\n\n00:00.000 --> 00:03.000\nwords {mark * 200_000}", "talk.vtt")
    assert time.process_time() - began < 20.0


def test_words_of_captions_that_end_after_the_sound_are_kept() -> None:
    cues = (
        "WEBVTT\n\n00:00.000 --> 00:30.000\nHello there.\n\n00:31.000 --> 00:40.000\nGoodbye to you.\n\n"
        "00:41.000 --> 00:45.000\nSo says Rosalind.\n"
    )
    asset = Asset(
        asset_id="a", content_hash="h", title="t", source_uri="", source_kind="file", size_bytes=1, mtime_ns=1,
        duration_sec=3.0, tags=(), metadata_json="{}", created_at=datetime.now(UTC),
    )  # fmt: skip
    words = parsed_transcript(cues, "talk.vtt").of(asset).words
    in_time = sorted(words, key=lambda word: word.start_sec + word.end_sec)
    assert " ".join(word.value for word in in_time) == "Hello there. Goodbye to you. So says Rosalind."
    assert all((word.start_sec + word.end_sec) / 2 < 3.0 for word in words)


def test_only_a_file_is_read_as_a_transcript(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "talk.vtt")
    for path in (tmp_path / "talk.vtt", Path("/dev/zero")):
        with pytest.raises(SourceProblem, match="can't be read"):
            read_transcript_file(path)


LATER = "WEBVTT\n\n00:00.500 --> 00:03.000\nThe lake is rising.\n"


def write_after(path: Path, text: str, time_ns: int) -> None:
    """Write a file whose time of change, which file systems count in steps, is after a time."""
    path.write_text(text)
    while path.stat().st_ctime_ns <= time_ns:
        path.write_text(text)


async def test_the_latest_transcript_counts_and_words_stay_where_its_file_went_away(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform
) -> None:
    captions, later = recording.with_suffix(".srt"), recording.with_suffix(".vtt")
    captions.write_text(SUBRIP)
    async with open_library(natural_segmentation=False) as library:

        async def added(**more: Any) -> tuple[str, str]:
            """Add it; returns its first sentence and the notes."""
            task = await embed_audio(library, recording.name, **more)
            line = (await read_transcript(library, task.asset_id)).lines[0].text
            return line, " ".join(task.notes)

        async def task_ns() -> int:
            (task,) = await (await library.ledger()).list_tasks(limit=1)
            return round(task.created_at.timestamp() * 1e9)

        assert (await added())[0] == "The river is rising."
        write_after(later, LATER, await task_ns())
        words, notes = await added()
        assert words == "The lake is rising."
        assert f'{later.name}" beside it takes the place of "{captions.name}' in notes
        later.unlink()
        assert (await added())[0] == "The river is rising."
        count = len(platform.requests)
        for change in (lambda: captions.write_text("1\n"), captions.unlink):
            change()
            words, notes = await added()
            assert words == "The river is rising."
            assert f'still those of "{captions.name}"' in notes
            assert "remove the recording and add it again" in notes
        # Also where it is embedded anew.
        assert len(platform.requests) == count
        assert (await added(segment_sec=3))[0] == "The river is rising."
        assert len(platform.requests) == count + 1
        # What was given counts until something later lies beside it.
        later.write_text(LATER)
        write_after(later, LATER, await task_ns())
        assert (await added(transcript=ZOOM))[0] == "We start now."
        words, notes = await added()
        assert (words, "is older than the transcript that was given" in notes) == ("We start now.", True)
        write_after(later, LATER, await task_ns())
        words, notes = await added()
        assert (words, "takes the place of the transcript given" in notes) == ("The lake is rising.", True)


PAST = "1\n00:10:00,000 --> 00:10:02,000\nNothing of the kind was said.\n"
BACKWARD = "1\n00:00:03,000 --> 00:00:01,000\nNothing of the kind was said.\n"


@pytest.mark.parametrize(("captions", "why"), [(PAST, "past the recording's end"), (BACKWARD, "end before they begin")])
async def test_a_transcript_of_times_that_can_not_be_does_not_take_the_place_of_what_is_recognised(
    open_library: OpenLibrary, recording: Path, platform: ScriptedPlatform, captions: str, why: str
) -> None:
    recording.with_suffix(".srt").write_text(captions)
    async with open_library() as library:
        first = await embed_audio(library, recording.name)
        again = await embed_audio(library, recording.name)
        with pytest.raises(SourceProblem, match=why):
            await embed_audio(library, recording.name, transcript=captions)
    assert "spoken" not in platform.requests[-1]
    assert (again.task_id, len(platform.requests)) == (first.task_id, 1)
    for task in (first, again):
        assert len([note for note in task.notes if why in note and ".srt" in note]) == 1


async def test_a_correction_is_left_out_of_other_words_that_are_brought_and_made_again_in_its_own(
    open_library: OpenLibrary, recording: Path
) -> None:
    first = "WEBVTT\n\n00:01.000 --> 00:04.000\nPlease call Smith tomorrow.\n"
    other = "WEBVTT\n\n00:01.000 --> 00:04.000\nPlease visit Jones tomorrow.\n"
    async with open_library(natural_segmentation=False) as library:
        task = await embed_audio(library, recording.name, transcript=first)
        await correct_transcript(library, asset_id=task.asset_id, old_text="Smith", new_text="Smythe")
        brought = await embed_audio(library, recording.name, transcript=other)
        lines = (await read_transcript(library, asset_id=task.asset_id)).lines
        await embed_audio(library, recording.name, transcript=first)
        again = (await read_transcript(library, asset_id=task.asset_id)).lines
    assert [line.text for line in lines] == ["Please visit Jones tomorrow."]
    assert [note for note in brought.notes if "1 correction left out" in note]
    assert [line.text for line in again] == ["Please call Smythe tomorrow."]
