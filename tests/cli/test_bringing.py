"""A transcript brought from the command line: its words are found, those that were recognised are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def test_a_brought_transcript_takes_the_place_of_what_was_recognised(shelf: Any, run: Any, tmp_path: Path) -> None:
    (recording,) = [one for one in json.loads(run("list", "--json").out)["assets"] if one["title"] == "spoken words"]
    recognised = json.loads(run("search", "storm", "--asset", "spoken words", "--json").out)["clips"][0]["text"]
    vtt = tmp_path / "words.vtt"
    first, second = (
        "00:00.500 --> 00:03.000\n<v Ann>A zeppelin lands.",
        "00:04.000 --> 00:07.000\n<v Bob>Nobody saw it.",
    )
    vtt.write_text(f"WEBVTT\n\n{first}\n\n{second}\n")
    added = run("add", shelf.spoken, "--transcript", vtt, "--json")
    assert added.code == 0, added.err
    task = json.loads(added.out)
    assert (task["status"], task["asset_id"]) == ("ready", recording["asset_id"])
    (clip,) = json.loads(run("search", "zeppelin", "--match", "words", "--json").out)["clips"]
    assert (clip["text"], clip["speaker"]) == ("A zeppelin lands.", "Ann")
    assert 0 <= clip["start_sec"] < 3 < clip["end_sec"] + 3
    word = max(recognised.split(), key=len).strip(".,")
    gone = run("search", word, "--match", "words", "--asset", "spoken words", "--json")
    assert not json.loads(gone.out)["clips"]
    assert json.loads(run("search", "a landing airship", "--json").out)["clips"][0]["text"] == "A zeppelin lands."
    (listed,) = [one for one in json.loads(run("list", "--json").out)["assets"] if one["title"] == "spoken words"]
    assert listed["clip_count"] >= 2
    assert json.loads(run("doctor", "--json").out)["findings"]
    missing = run("add", shelf.spoken, "--transcript", tmp_path / "none.vtt")
    assert (missing.code, "can't be read" in missing.err) == (2, True)


def test_words_of_two_who_speak_at_once_are_read_and_searched_whole(shelf: Any, run: Any, tmp_path: Path) -> None:
    sound, vtt = tmp_path / "talk.wav", tmp_path / "talk.vtt"
    sound.write_bytes(shelf.spoken.read_bytes() + b"\0\0")
    ann, bob = "I think that we should ship the release on Friday", "no Monday is better for our customers"
    vtt.write_text(f"WEBVTT\n\n00:00.500 --> 00:05.000\n<v Ann>{ann}\n\n00:03.000 --> 00:07.000\n<v Bob>{bob}\n")
    assert run("add", sound).code == 0
    (clip,) = json.loads(run("search", '"ship the release on Friday"', "--match", "words", "--json").out)["clips"]
    assert (clip["text"], clip["speaker"]) == (ann, "Ann")
    for ending, name in (("vtt", "<v Ann>"), ("srt", "Ann: ")):
        out = " ".join(run("export", "-", "--format", ending, "--asset", "talk").out.split())
        assert out.index(f"{name}{ann}") < out.index(bob)
    unread = run("add", sound, "--transcript", tmp_path / "talk.docx")
    assert (unread.code, ".vtt .srt .sbv .json .txt" in unread.err) == (2, True)


def test_a_transcript_put_beside_a_recording_later_is_taken_when_it_is_added_again(
    shelf: Any, run: Any, tmp_path: Path
) -> None:
    sound = tmp_path / "talk.wav"
    sound.write_bytes(shelf.spoken.read_bytes() + b"\0\0")  # another recording than that of the library
    assert run("add", sound).code == 0
    before = json.loads(run("list", "--title", "talk", "--json").out)["assets"][0]
    beside = tmp_path / "talk.vtt"
    for by, words in (("", "A zeppelin lands."), ("Rosalind", "An airship rises.")):
        beside.write_text(f"WEBVTT\n\n00:00.500 --> 00:03.000\n{by and f'{by}: '}{words}\n")
        renewed = run("add", tmp_path)
        assert "talk.vtt" in renewed.out, renewed
        assert "there already" in run("add", tmp_path).out
        (clip,) = json.loads(run("search", words, "--asset", before["asset_id"], "--top", "1", "--json").out)["clips"]
        assert (clip["text"], clip.get("speaker", "")) == (words, by)
    assert "Rosalind: An airship rises." in run("show", "talk").out
    assert "Rosalind: " in run("search", "airship", "--speaker", "rosalind").out
    after = json.loads(run("list", "--title", "talk", "--json").out)["assets"]
    assert [(one["asset_id"], one["added"]) for one in after] == [(before["asset_id"], before["added"])]
    assert "talk.vtt" not in run("add", tmp_path, "--left-out").err
    # It is no transcript besides the one that was made of it.
    counted = json.loads(run("export", tmp_path / "all.parquet", "--json").out)
    assert counted["transcripts"] == counted["assets"] == 3
    # Nor is it written over.
    refused = run("export", beside, "--asset", "talk")
    assert (refused.code, "is there and is no export" in refused.err) == (2, True)
    # What was given by hand stays.
    given = tmp_path / "elsewhere.txt"
    given.write_text("Nobody saw the dirigible at all.")
    assert run("add", sound, "--transcript", given).code == 0
    assert "there already" in run("add", sound).out
    assert json.loads(run("search", "dirigible", "--match", "words", "--json").out)["clips"]


def test_an_export_beside_a_recording_brings_nothing_new(shelf: Any, run: Any, tmp_path: Path) -> None:
    sound = tmp_path / "talk.wav"
    sound.write_bytes(shelf.spoken.read_bytes() + b"\0\0")
    assert run("add", sound).code == 0
    assert run("name-speaker", "talk", "1", "ann").code == 0  # no name by its looks: before words it is none of them
    for ending in ("vtt", "srt", "json", "txt", "md"):
        target = tmp_path / f"talk.{ending}"
        for _ in range(2):  # what an export wrote it may write again
            assert run("export", target, "--asset", "talk").code == 0
        assert "there already" in run("add", sound).out
        if ending in ("vtt", "md", "json"):  # which say whose they are
            written = target.read_text()
            refused = run("export", target, "--asset", "spoken words")
            assert (refused.code, f'"talk.{ending}" is the transcript of talk (a_' in refused.err) == (2, True), refused
            assert target.read_text() == written
        target.unlink()
        target.write_text("My own notes.\n" if ending != "json" else '{"mine": 1}')
        assert run("export", target, "--asset", "talk").code == 2
        assert target.read_text().startswith(("My own", '{"mine'))
        target.unlink()
