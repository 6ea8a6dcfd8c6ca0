"""Files opened without following links, and known by their identity."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from soundbite_api.files import FileChanged, FileIdentity, open_pinned


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """`inside/own.wav`, and `outside/diary.wav` that links lead to."""
    for name, content in (("inside/own.wav", b"own"), ("outside/diary.wav", b"not")):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_bytes(content)
    return tmp_path.resolve()


def identity_of(path: Path) -> FileIdentity:
    return FileIdentity.of(path.stat())


def test_a_plain_file_is_opened_and_its_identity_holds(tree: Path) -> None:
    path = tree / "inside" / "own.wav"
    with open_pinned(path, identity_of(path)) as file:
        assert file.read() == b"own"


def test_a_link_in_place_of_the_file_is_refused(tree: Path) -> None:
    path = tree / "inside" / "own.wav"
    path.unlink()
    path.symlink_to(tree / "outside" / "diary.wav")
    with pytest.raises(OSError, match=r"symbolic|own\.wav"):
        open_pinned(path)


def test_a_link_in_place_of_a_folder_on_the_way_is_refused(tree: Path) -> None:
    (tree / "inside").rename(tree / "moved")
    (tree / "inside").symlink_to(tree / "outside")
    with pytest.raises(OSError, match=r"directory|inside"):
        open_pinned(tree / "inside" / "diary.wav")


def test_another_file_of_the_same_size_and_time_is_refused(tree: Path) -> None:
    path = tree / "inside" / "own.wav"
    identity = identity_of(path)
    other = tree / "inside" / "other.wav"
    other.write_bytes(b"two")
    os.utime(other, ns=(identity.mtime_ns, identity.mtime_ns))
    other.replace(path)
    with pytest.raises(FileChanged):
        open_pinned(path, identity)


def test_a_pipe_is_not_waited_for(tree: Path) -> None:
    os.mkfifo(tree / "pipe.wav")
    with open_pinned(tree / "pipe.wav") as file:
        assert file.read(1) in (b"", None)


def test_no_descriptor_is_left_open(tree: Path) -> None:
    open_now = len(list(Path("/proc/self/fd").iterdir()))
    for path in (tree / "inside" / "own.wav", tree / "inside" / "none.wav", tree / "none" / "own.wav"):
        for identity in (None, FileIdentity(0, 0, 0, 0)):
            try:
                open_pinned(path, identity).close()
            except OSError:
                continue
    assert len(list(Path("/proc/self/fd").iterdir())) == open_now


@pytest.mark.parametrize("fragment", ["", "identity=", "identity=1-2-3", "identity=1-2-3-4-5", "t=10"])
def test_other_fragments_hold_no_identity(fragment: str) -> None:
    assert FileIdentity.of_fragment(fragment) is None


def test_an_identity_survives_as_a_fragment() -> None:
    identity = FileIdentity(64768, 2**63 + 1, 123, -5)
    assert FileIdentity.of_fragment(identity.fragment) == identity
