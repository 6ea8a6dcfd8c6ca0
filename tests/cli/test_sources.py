"""What `soundbite add` finds behind the words of its command line, how it watches, and how it counts time."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from soundbite_engine.formats import FORMATS, SUFFIXES
from soundbite_server.cli.render.progress import Pace
from soundbite_server.sources import NoSource, find_sources, left_out, source_folders

# What FFmpeg's readers of these formats take besides: pictures, subtitles and lists.
NO_SOUND_SUFFIXES = frozenset((".avif", ".heic", ".heif", ".mj2", ".mks", ".ism", ".apl"))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.mp3", "b.WAV", "notes.txt", "deep/c.flac", ".hidden/d.mp3", "deep/.e.mp3"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"sound")
    return tmp_path


def names(words: list[str], tree: Path) -> list[str]:
    return [each.path.relative_to(tree).as_posix() if each.path else each.address for each in find_sources(words)]


def test_a_folder_means_the_media_in_it_and_below_without_hidden_ones(tree: Path) -> None:
    assert names([str(tree)], tree) == ["a.mp3", "b.WAV", "deep/c.flac"]


def test_a_pattern_is_expanded_where_the_shell_did_not(tree: Path) -> None:
    assert names([f"{tree}/*.mp3"], tree) == ["a.mp3"]
    assert names([f"{tree}/**/*.flac"], tree) == ["deep/c.flac"]
    assert names([f"{tree}/*"], tree) == ["a.mp3", "b.WAV", "deep/c.flac"]
    assert names([f"{tree}/*.txt"], tree) == ["notes.txt"]


def test_a_file_that_looks_like_a_pattern_is_a_file(tree: Path) -> None:
    (tree / "take [1].mp3").write_bytes(b"sound")
    assert names([f"{tree}/take [1].mp3"], tree) == ["take [1].mp3"]


def test_a_file_named_outright_is_taken_whatever_it_is_called_and_once(tree: Path) -> None:
    assert names([f"{tree}/notes.txt", f"{tree}/notes.txt"], tree) == ["notes.txt"]
    assert names([f"{tree}/not-there.mp3"], tree) == ["not-there.mp3"]


def test_a_name_that_begins_with_a_tilde_is_a_file_where_nobody_is_called_that(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "~draft.wav").write_bytes(b"sound")
    monkeypatch.chdir(tree)
    assert names(["~draft.wav"], tree) == ["~draft.wav"]
    assert source_folders(["~draft.wav", "."]) == [Path()]


def test_a_file_address_is_a_file(tree: Path) -> None:
    (tree / "take one.mp3").write_bytes(b"sound")
    assert names([(tree / "take one.mp3").as_uri()], tree) == ["take one.mp3"]


@pytest.mark.parametrize(("word", "said"), [("", "empty"), (" ", "empty"), (f"{'x' * 300}.wav", "File name too long")])
def test_a_word_that_can_be_no_name_is_said_and_never_means_the_working_folder(word: str, said: str) -> None:
    with pytest.raises(NoSource, match=said):
        find_sources([word])


def test_what_would_steer_a_terminal_is_not_in_the_name_that_is_shown() -> None:
    (found,) = find_sources(["/talks/red\x1b7\nline\u202e.wav"])
    assert found.name == "red?7?line?.wav"


def test_a_folder_that_vanishes_while_it_is_read_does_not_end_the_look(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = os.scandir

    def scan_and_lose(path: Any) -> Any:
        if path == str(tree / "deep"):
            (tree / "deep").rename(tree / ".gone")
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_and_lose)
    assert names([str(tree)], tree) == ["a.mp3", "b.WAV"]


def test_an_address_stays_as_it_is(tree: Path) -> None:
    found = find_sources(["https://example.org/talks/one.mp3?x=1"])
    assert [(each.address, each.path, each.name) for each in found] == [
        ("https://example.org/talks/one.mp3?x=1", None, "one.mp3?x=1")
    ]


@pytest.mark.parametrize("word", ["{}/.hidden", "{}/*.ogg"])
def test_nothing_found_is_said(word: str, tree: Path) -> None:
    (tree / ".hidden" / "d.mp3").unlink()
    with pytest.raises(NoSource, match=r"ogg|hidden"):
        find_sources([word.format(tree)])


def test_every_format_that_is_read_is_taken_from_a_folder_and_source_code_is_not(tmp_path: Path) -> None:
    from av.format import ContainerFormat

    known = {f".{end}" for name in FORMATS.split(",") for end in ContainerFormat(name, "r").extensions}
    assert known - NO_SOUND_SUFFIXES <= SUFFIXES
    for name in ("a.qta", "b.3gp", "c.3ga", "d.weba", "e.spx", "f.avi", "g.au", "h.mp2", "i.w64"):
        (tmp_path / name).write_bytes(b"sound")
    (tmp_path / "j.ts").write_bytes(b"\x47\x40\x11\x10\x00\xff" + 182 * b"\xff")
    (tmp_path / "page.ts").write_text("export const naïve = 1;")
    (tmp_path / "cover.jpg").write_bytes(b"jpg")
    assert [name[0] for name in names([str(tmp_path)], tmp_path)] == list("abcdefghij")
    assert [path.name for path in left_out([str(tmp_path)])] == ["cover.jpg", "page.ts"]


def test_brackets_in_a_pattern_may_be_part_of_a_name(tree: Path) -> None:
    live = tree / "tour [live]"
    live.mkdir()
    for name in ("take [1] a.mp3", "take [1] b.mp3", "take 1 c.mp3"):
        (live / name).write_bytes(b"sound")
    assert names([f"{tree}/tour [live]/take [1]*.mp3"], tree) == [
        "tour [live]/take [1] a.mp3",
        "tour [live]/take [1] b.mp3",
    ]
    assert names([f"{tree}/tour*/take [0-9] c.mp3"], tree) == ["tour [live]/take 1 c.mp3"]


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC")], ids=["typed NFC", "typed NFD"])
def test_a_name_is_found_whichever_way_its_accents_are_written(forms: tuple[str, str], tree: Path) -> None:
    typed, written = (unicodedata.normalize(form, "Café Zoë.mp3") for form in forms)
    folder = tree / unicodedata.normalize(forms[1], "Müll")
    folder.mkdir()
    (folder / written).write_bytes(b"sound")
    asked = unicodedata.normalize(forms[0], f"{tree}/Müll/{typed}")
    assert [source.path for source in find_sources([asked])] == [folder / written]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_time_left_follows_from_the_share_done() -> None:
    clock = Clock()
    pace = Pace(100.0, clock)
    assert pace.left_s is None
    clock.now = 10.0
    pace.ended("a", 20.0)
    pace.is_at("b", 5.0)
    assert pace.share == 0.25
    assert pace.left_s == 30.0


def test_one_long_recording_says_how_fast_it_goes_and_what_is_left() -> None:
    clock = Clock()
    pace = Pace(1.0, clock)
    pace.is_at("", 0.01)
    assert pace.words(36.0) == []
    clock.now = 60.0
    pace.is_at("", 0.25)
    assert pace.words(900.0) == ["15 x real time", "03:00 left"]
    assert pace.words(0.0) == ["03:00 left"]


def test_what_had_been_done_before_does_not_make_the_rest_look_quick() -> None:
    clock = Clock()
    pace = Pace(1000.0, clock)
    pace.was_not_needed("a", 900.0)
    clock.now = 10.0
    pace.ended("b", 50.0)
    assert pace.left_s == 10.0
    pace.was_not_needed("c", 50.0)
    assert pace.share == 1.0
