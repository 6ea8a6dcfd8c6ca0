from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from soundbite_engine.audio.containers import up_to_announced
from soundbite_engine.audio.decode import decoded_blocks, probe

SECONDS = 2.0


@pytest.fixture
def whole(write_audio: Callable[..., Path], tone: Callable) -> bytes:
    return write_audio("whole.wav", tone(SECONDS)).read_bytes()


def length_seen(content: bytes) -> int:
    return up_to_announced(io.BytesIO(content)).seek(0, io.SEEK_END)


def with_sizes(content: bytes, riff: int, data: int) -> bytes:
    at = content.index(b"data") + 4
    return content[:4] + struct.pack("<I", riff) + content[8:at] + struct.pack("<I", data) + content[at + 4 :]


def heard_sec(path: Path) -> float:
    return sum(block.size for block in decoded_blocks(str(path))) / 16_000


def test_what_lies_behind_the_announced_end_is_not_looked_at(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / "long tail.wav"
    path.write_bytes(whole + bytes(50_000))
    assert length_seen(path.read_bytes()) == len(whole)
    assert probe(lambda _: None, str(path)).duration_sec == pytest.approx(SECONDS, abs=0.01)
    assert heard_sec(path) == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize(
    ("riff", "data"),
    [(36, 0), (36, 64_000), (0xFFFFFFFF, 0xFFFFFFFF), (0, 0)],
    ids=["a recorder that died", "a stale file size", "a stream", "zeros"],
)
def test_a_header_that_was_never_finished_hides_no_sound(whole: bytes, tmp_path: Path, riff: int, data: int) -> None:
    content = with_sizes(whole, riff, data)
    path = tmp_path / "unfinished.wav"
    path.write_bytes(content)
    assert length_seen(content) == len(content)
    assert heard_sec(path) == pytest.approx(SECONDS, abs=0.01)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF\x10\0\0\0WAVE", b"ID3" + bytes(40)])
def test_what_is_no_wav_file_is_left_as_it_is(content: bytes) -> None:
    assert length_seen(content) == len(content)


def test_a_bounded_file_reads_to_its_end_and_no_further(whole: bytes) -> None:
    bounded = up_to_announced(io.BytesIO(whole + b"tail"))
    assert bounded.read() == whole
    assert bounded.read(10) == b""
    assert bounded.seek(-4, io.SEEK_END) == bounded.tell() == len(whole) - 4
    assert bounded.read(100) == whole[-4:]
