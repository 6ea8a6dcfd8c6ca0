"""Files opened without following links, and known by their identity."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from soundbite_api.files import FileChanged, FileIdentity, NoRegularFile, SourceFile, open_pinned


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


def test_readers_of_an_open_file_have_positions_of_their_own_and_outlive_its_path(tree: Path) -> None:
    path = tree / "inside" / "own.wav"
    with SourceFile.at(path).open() as file, file.reader() as first, file.reader() as second:
        path.unlink()
        assert (first.read(1), second.read(), first.read()) == (b"o", b"own", b"wn")
        assert second.seek(-2, os.SEEK_END) == 1
        second.close()
        assert file.sha256() == hashlib.sha256(b"own").hexdigest()


def test_a_source_travels_as_a_url_that_names_this_file_and_its_content(tree: Path) -> None:
    path = tree / "inside" / "own.wav"
    source = SourceFile(path, identity_of(path), "0" * 64)
    address, _, fragment = source.url.partition("#")
    assert address == path.as_uri()
    assert SourceFile.of_fragment(path, fragment) == source
    assert SourceFile(path).url == path.as_uri()


def test_content_that_is_not_that_of_the_hash_is_told(tree: Path) -> None:
    path = tree / "inside" / "own.wav"
    with SourceFile(path, content_hash=hashlib.sha256(b"own").hexdigest()).open() as file:
        file.check()
    with (
        SourceFile(path, content_hash="0" * 64).open() as file,
        pytest.raises(FileChanged, match=r"own\.wav changed before it was read"),
    ):
        file.check()


def test_a_file_touched_since_it_was_looked_at_is_not_opened_as_the_same(tree: Path) -> None:
    path = tree / "inside" / "own.wav"
    identity = identity_of(path)
    source = SourceFile(path, identity)
    while identity_of(path).ctime_ns == identity.ctime_ns:  # a file system counts time in steps of milliseconds
        path.write_bytes(b"two")  # as long; and made to look as old
        os.utime(path, ns=(identity.mtime_ns, identity.mtime_ns))
    assert identity_of(path) == identity
    with pytest.raises(FileChanged):
        source.open()


def test_what_is_no_file_and_what_goes_up_again_is_refused(tree: Path) -> None:
    os.mkfifo(tree / "pipe.wav")
    with pytest.raises(NoRegularFile):
        SourceFile(tree / "pipe.wav").open()
    with pytest.raises(IsADirectoryError):
        SourceFile(tree / "inside").open()
    for path in (tree / "inside" / ".." / "inside" / "own.wav", Path("own.wav")):
        with pytest.raises(OSError, match="not absolute, or goes up"):
            open_pinned(path)
