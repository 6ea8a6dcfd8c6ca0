"""The time of a sound is the time at which a player plays it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from odd_recordings import RATE_HZ, Format, Sound, joined, tone, with_edits, write, write_pieces

from soundbite_engine.audio.decode import decode_to_scratch, decoded_blocks
from soundbite_engine.audio.timeline import Piece, PlayerClock

MP4, MKV, TS = Format("mp4", "aac"), Format("matroska", "aac"), Format("mpegts", "mp2")
WEBM, MOV = Format("webm", "libopus", 48_000), Format("mov", "alac")
Spans = list[tuple[float, float]]


def whole(path: Path) -> Sound:
    return np.concatenate(list(decoded_blocks(str(path))))


def spans_of(sound: Sound) -> Spans:
    """Where the sound is not silence, in seconds."""
    step = RATE_HZ // 50
    levels = np.abs(sound[: sound.size // step * step].astype(np.float32)).reshape(-1, step).mean(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (levels > 300).astype(int), [0]])))
    return [(first / 50, last / 50) for first, last in edges.reshape(-1, 2).tolist()]


def assert_alike(spans: Spans, expected: Spans, atol: float = 0.12) -> None:
    assert np.shape(spans) == np.shape(expected), spans
    assert np.allclose(spans, expected, atol=atol), spans


def assert_heard(path: Path, expected: Spans, tmp_path: Path) -> None:
    spans = spans_of(whole(path))
    assert_alike(spans, expected)
    report = decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm"))
    assert report.warnings == ()


def pieces(form: Format, *starts: float, seconds: float = 3.0) -> Sequence[tuple[float, Sound]]:
    return [(start, tone(seconds, rate_hz=form.rate_hz)) for start in starts]


@pytest.mark.parametrize(
    ("name", "form", "start_sec"),
    [("a.mp4", MP4, 89.9), ("a.mkv", MKV, 12.5), ("a.ts", TS, 70.0), ("a.mov", MOV, 5.0), ("short.mp4", MP4, 0.4)],
    ids=lambda value: str(value),
)
def test_kinds_of_late_starts(name: str, form: Format, start_sec: float, tmp_path: Path) -> None:
    path = write_pieces(tmp_path / name, pieces(form, start_sec), form, picture_sec=start_sec + 5)
    assert_heard(path, [(start_sec, start_sec + 3)], tmp_path)


@pytest.mark.parametrize(
    ("name", "form", "starts", "picture_sec"),
    [
        ("a.mkv", MKV, (0.0, 93.0), 0.0),
        ("film.mkv", MKV, (0.0, 8.0, 200.0), 210.0),
        ("a.mp4", MP4, (0.0, 75.0), 80.0),
        ("a.webm", WEBM, (0.0, 4.0, 70.0), 0.0),
        ("a.ts", TS, (0.0, 93.0), 100.0),
        ("hour.webm", WEBM, (0.0, 3600.0), 0.0),
    ],
    ids=lambda value: str(value),
)
def test_kinds_of_holes(name: str, form: Format, starts: tuple[float, ...], picture_sec: float, tmp_path: Path) -> None:
    path = write_pieces(tmp_path / name, pieces(form, *starts), form, picture_sec)
    assert_heard(path, [(start, start + 3) for start in starts], tmp_path)


@pytest.mark.parametrize("start_sec", [30.0, 92.0])
def test_a_window_in_or_after_a_hole_is_that_of_the_whole(start_sec: float, tmp_path: Path) -> None:
    path = write_pieces(tmp_path / "a.mkv", pieces(MKV, 0.0, 93.0, seconds=5.0), MKV)
    window = np.concatenate(list(decoded_blocks(str(path), start_sec, start_sec + 5)))
    assert_alike(spans_of(window), [] if start_sec == 30 else [(1.0, 5.0)])
    assert window.size == pytest.approx(5 * RATE_HZ, abs=400)


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([(7.0, -1.0), (8.0, 0.0)], [(7.0, 11.0), (13.0, 15.0)]),
        ([(5.0, 2.0)], [(0.0, 2.0), (4.0, 5.0)]),
        ([(60.5, -1.0), (3.0, 1.0)], [(60.5, 63.5)]),
        ([(2.0, 6.0)], [(0.0, 2.0)]),
    ],
    ids=["late", "trimmed", "late-and-trimmed", "end-only"],
)
def test_kinds_of_edit_lists(edits: list[tuple[float, float]], expected: Spans, tmp_path: Path) -> None:
    sound = np.concatenate([tone(4.0), 0 * tone(2.0), tone(2.0)])
    path = with_edits(write(tmp_path / "a.mp4", sound, MP4), edits)
    assert_alike(spans_of(whole(path)), expected)


@pytest.mark.parametrize(
    ("form", "start_sec"),
    [(TS, 7200.0), (TS, 1.4), (Format("mpegts", "aac"), 50_000.0), (Format("mpegts", "ac3", 48_000), 600.0)],
    ids=lambda value: str(value),
)
def test_kinds_of_streams_that_begin_at_hours(form: Format, start_sec: float, tmp_path: Path) -> None:
    path = write_pieces(tmp_path / "a.ts", pieces(form, start_sec, start_sec + 10), form)
    assert_heard(path, [(0.0, 3.0), (10.0, 13.0)], tmp_path)


@pytest.mark.parametrize(
    ("suffix", "forms"),
    [
        ("mp3", (Format("mp3", "libmp3lame", 44_100), Format("mp3", "libmp3lame", 22_050))),
        ("mp3", (Format("mp3", "libmp3lame", 44_100, "stereo"), Format("mp3", "libmp3lame", 44_100))),
        ("aac", (Format("adts", "aac", 44_100), Format("adts", "aac", 16_000))),
        ("flac", (Format("flac", "flac", 16_000), Format("flac", "flac", 44_100, "stereo"))),
        ("ogg", (Format("ogg", "libopus", 48_000), Format("ogg", "libopus", 48_000, "stereo"))),
        ("ogg", (Format("ogg", "flac", 16_000), Format("ogg", "flac", 44_100, "stereo"))),
        ("ts", (TS, TS)),
        ("ts", (Format("mpegts", "aac", 44_100), Format("mpegts", "aac", 16_000))),
        ("ac3", (Format("ac3", "ac3", 48_000), Format("ac3", "ac3", 32_000))),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(f"{form}-{form.rate_hz}" for form in value),
)
def test_kinds_of_joined_files(suffix: str, forms: tuple[Format, Format], tmp_path: Path) -> None:
    parts = []
    for number, form in enumerate(forms):
        sound = np.concatenate([tone(20.0, rate_hz=form.rate_hz), 0 * tone(1.0, rate_hz=form.rate_hz)])
        channels = sound if form.layout == "mono" else np.stack([sound, sound])
        parts.append(write(tmp_path / f"{number}.{suffix}", channels, form))
    path = joined(tmp_path / f"joined.{suffix}", *parts)
    sound = whole(path)
    assert_alike(spans_of(sound), [(0.0, 20.0), (21.0, 41.0)], 0.15)
    window = np.concatenate(list(decoded_blocks(str(path), 40.0, 42.0)))
    assert_alike(spans_of(window), [(0.0, 1.0)], 0.15)


@pytest.mark.parametrize(("container", "pause"), [("amr", 1.0), ("3gp", 1.0), ("amr", 0.06), ("3gp", 30.0)])
def test_kinds_of_pauses_that_a_telephone_does_not_send(container: str, pause: float, tmp_path: Path) -> None:
    form = Format("amr", "libopencore_amrnb", 8000, bit_rate=12_200)
    data = write(tmp_path / "whole.amr", tone(4.0, rate_hz=8000), form).read_bytes()
    head, frames = data[:6], [data[at : at + 32] for at in range(6, len(data), 32)]
    comfort, nothing = bytes.fromhex("44e364339b20"), b"\x7c"
    silent = [comfort if number % 8 == 0 else nothing for number in range(round(pause * 50))]
    path = tmp_path / "pauses.amr"
    path.write_bytes(head + b"".join([*frames[:100], *silent, *frames[100:]]))
    if container == "3gp":
        with av.open(str(path)) as source, av.open(str(tmp_path / "a.3gp"), "w", format="3gp") as out:
            stream = out.add_stream_from_template(source.streams.audio[0])
            for packet in source.demux(source.streams.audio[0]):
                if packet.size:
                    packet.stream = stream
                    out.mux(packet)
        path = tmp_path / "a.3gp"
    expected = [(0.0, 2.0), (2.0 + pause, 4.0 + pause)] if pause > 0.1 else [(0.0, 4.0)]
    assert_heard(path, expected, tmp_path)


STEPS: dict[str, tuple[list[float], list[float]]] = {
    "forward-and-on": ([0, 1, 2, 92, 93], [0, 1, 2, 92, 93]),
    "back": ([50, 51, 52, 2, 3, 4, 10, 11], [50, 51, 52, 53, 54, 55, 61, 62]),
    "one-wild-forward": ([0, 1, 2, 90, 4, 5], [0, 1, 2, 3, 4, 5]),
    "one-wild-back": ([20, 21, 22, 3, 24, 25], [20, 21, 22, 23, 24, 25]),
    "past-the-end": ([0, 1, 2, 900, 901, 902], [0, 1, 2, 3, 4, 5]),
    "twice-back": ([30, 31, 0, 1, 0, 1], [30, 31, 32, 33, 34, 35]),
}


@pytest.mark.parametrize("name", STEPS)
def test_kinds_of_stamps_that_jump(name: str) -> None:
    stamps, expected = STEPS[name]
    clock = PlayerClock("matroska", end_sec=200.0)
    starts = []
    for index, stamp in enumerate(stamps):
        following = stamps[index + 1] if index + 1 < len(stamps) else None
        clock.take(Piece(stamp, 1.0), following)
        starts.append(clock.now_sec - 1.0)
    assert starts == pytest.approx(expected)


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_a_joint_of_a_stream_with_pictures_is_no_hole(seconds: float) -> None:
    clock = PlayerClock("mpegts", end_sec=10_000.0, picture_seconds={0, 1, 2, 5000, 5001})
    for stamp in (0.0, 1.0, 2.0, 5000.0 + seconds, 5001.0 + seconds):
        clock.take(Piece(stamp, 1.0), None)
    assert clock.now_sec == pytest.approx(5.0)


def test_what_is_sampled_faster_than_it_is_stamped_does_not_drift() -> None:
    clock = PlayerClock("matroska")
    for index in range(10_000):
        clock.take(Piece(index * 0.0201, 0.0200), (index + 1) * 0.0201)
        assert abs(clock.now_sec - 0.0200 - index * 0.0201) < 0.11
