"""Folders that are watched, by a clock of the test: each recording is taken when settled, and whole in the end."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from soundbite_server.watching import FolderWatch, is_whole
from soundbite_tools import written_files


class Folder:
    """A watched folder and its clock; `taken` are the files taken so far, with their sizes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = 0.0
        self.written: set[Path] = set()
        self.watch = FolderWatch([path], clock=lambda: self.now, written=lambda paths: self.written & set(paths))
        self.taken: list[tuple[str, int]] = []

    def pass_by(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1.0
            self.taken += [(path.name, path.stat().st_size) for path in self.watch.look()]

    def append(self, name: str, count: int) -> None:
        with (self.path / name).open("ab") as file:
            file.write(count * b"s")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_recorder_that_keeps_its_file_open_is_one_recording_however_long_it_writes(folder: Folder) -> None:
    folder.written.add(folder.path / "meeting.mp3")
    for _ in range(60):
        folder.append("meeting.mp3", 8000)
        folder.pass_by(60)
    assert folder.taken == []
    folder.written.clear()
    folder.pass_by(600)
    assert folder.taken == [("meeting.mp3", 480_000)]


def test_a_transcript_that_comes_later_has_its_recording_taken_again(folder: Folder) -> None:
    folder.append("talk.mp3", 100)
    folder.append("talk.txt", 10)
    folder.append("notes.txt", 10)
    folder.watch.take([folder.path / "talk.mp3"])
    folder.pass_by(60)
    assert folder.taken == []
    folder.append("talk.vtt", 10)
    folder.pass_by(60)
    assert folder.taken == [("talk.mp3", 100)]
    folder.append("memo.srt", 10)
    for _ in range(20):  # the recording is being copied yet
        folder.append("memo.mp3", 10)
        folder.pass_by(2)
    folder.pass_by(60)
    assert folder.taken[1:] == [("memo.mp3", 200)]


def test_a_copy_over_a_slow_link_is_waited_for_as_long_as_its_pauses_tell(folder: Folder) -> None:
    for _ in range(20):
        folder.append("talk.mp3", 1000)
        folder.pass_by(3)
    folder.append("talk.mp3", 1000)
    folder.pass_by(8)  # a longer pause than any before
    assert folder.taken == []
    folder.append("talk.mp3", 1000)
    folder.pass_by(20)
    assert folder.taken == []
    folder.pass_by(10)
    assert folder.taken == [("talk.mp3", 22_000)]


def test_a_writer_that_pauses_longer_than_could_be_known_is_taken_again_whole(folder: Folder) -> None:
    folder.append("memo.mp3", 100)
    folder.pass_by(8)
    folder.append("memo.mp3", 100)
    folder.pass_by(60)
    assert folder.taken == [("memo.mp3", 100), ("memo.mp3", 200)]


def test_a_rename_into_the_folder_and_a_replaced_file_are_taken_once_each(folder: Folder) -> None:
    outside = folder.path.parent / "outside.mp3"
    outside.write_bytes(b"whole")
    outside.rename(folder.path / "talk.mp3")
    folder.pass_by(10)
    assert folder.taken == [("talk.mp3", 5)]
    other = folder.path / ".new"
    other.write_bytes(b"other content")
    other.replace(folder.path / "talk.mp3")
    os.utime(folder.path / "talk.mp3", ns=(1, 1))
    folder.pass_by(40)
    assert folder.taken == [("talk.mp3", 5), ("talk.mp3", 13)]


def test_what_was_taken_before_and_what_is_empty_is_not_taken(folder: Folder) -> None:
    folder.append("old.wav", 1)
    (folder.path / "empty.wav").touch()
    folder.watch.take([folder.path / "old.wav"])
    folder.pass_by(100)
    assert folder.taken == []


def test_a_wave_file_shorter_than_it_says_waits_longer_and_is_taken_in_the_end(folder: Folder) -> None:
    path = folder.path / "copied.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(16_000 * b"\0\0")
    whole = path.read_bytes()
    assert is_whole(path)
    path.write_bytes(whole[:20_000])
    assert not is_whole(path)
    folder.pass_by(30)
    assert folder.taken == []
    folder.pass_by(60)
    assert folder.taken == [("copied.wav", 20_000)]


def test_an_mp4_file_without_its_index_is_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp4"
    head = b"\0\0\0\x10ftypM4A \0\0\0\0"
    path.write_bytes(head + b"\0\0\0\x20mdat" + 24 * b"x")
    assert not is_whole(path)
    path.write_bytes(head + b"\0\0\0\x20mdat" + 24 * b"x" + b"\0\0\0\x08moov")
    assert is_whole(path)


@pytest.mark.skipif(shutil.which("lsof") is None, reason="lsof is not here")
def test_where_there_is_no_list_of_processes_lsof_is_asked_who_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, read, own, closed = (tmp_path / name for name in ("written.wav", "re ad.wav", "own.wav", "closed.wav"))
    for path in (written, read, closed):
        path.touch()
    code = "import sys; a = open(sys.argv[1], 'ab'); b = open(sys.argv[2], 'rb'); print('open', flush=True); input()"
    command = [sys.executable, "-c", code, str(written), str(read)]
    with (
        own.open("wb"),
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process,
        monkeypatch.context() as patch,
    ):
        assert process.stdout is not None
        process.stdout.readline()
        patch.setattr(sys, "platform", "darwin")
        told = written_files([written, read, own, closed, tmp_path / "none.wav"])
        patch.setenv("PATH", str(tmp_path))
        untold = written_files([written])
        patch.undo()
        process.communicate(b"\n")
    assert (told, untold) == ({written}, set())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_file_that_another_process_writes_to_is_known_and_one_that_is_read_is_not(tmp_path: Path) -> None:
    written, read = tmp_path / "written.wav", tmp_path / "read.wav"
    written.touch()
    read.touch()
    code = "import sys; a = open(sys.argv[1], 'ab'); b = open(sys.argv[2], 'rb'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(written), str(read)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert written_files([written, read]) == {written}
        process.communicate(b"\n")
    assert written_files([written, read]) == set()
