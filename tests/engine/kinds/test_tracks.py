"""The track that is heard is one that decodes and sounds, as a player would take it; the others are named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from odd_recordings import RATE_HZ, Format, Sound, add_track, packets_of, tone, write

from soundbite_engine.audio.decode import decode_to_scratch, decoded_blocks, probe
from soundbite_engine.errors import MediaError
from soundbite_engine.platform.media_files import technical_metadata
from soundbite_engine.workers.plans import TrackChoice


@dataclass(frozen=True)
class Part:
    """A track: the pitch of its tone, 0 for silence, and how it is marked."""

    hz: float
    is_default: bool = False
    codec: str = "aac"
    title: str = ""
    late_sec: float = 0.0


def write_tracks(path: Path, container_name: str, parts: list[Part], seconds: float = 4.0) -> Path:
    with av.open(str(path), "w", format=container_name) as container:
        packets = []
        for part in parts:
            form = Format(container_name, part.codec)
            stream = add_track(container, form)
            stream.disposition = Disposition.default if part.is_default else Disposition(0)
            if part.title:
                stream.metadata["title"] = part.title
            sound = tone(seconds, part.hz) if part.hz else 0 * tone(seconds)
            sound[: round(part.late_sec * RATE_HZ)] = 0.0
            packets += packets_of(sound, form, stream)
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)
    return path


def pitch_hz(sound: Sound) -> float:
    middle = sound[sound.size // 2 :][:RATE_HZ].astype(np.float32)
    return float(np.abs(np.fft.rfft(middle)).argmax() * RATE_HZ / middle.size)


def heard(path: Path, track: TrackChoice = None) -> Sound:
    return np.concatenate(list(decoded_blocks(str(path), track=track)))


TRACKS: dict[str, tuple[str, list[Part], int]] = {
    "silent-then-talk": ("matroska", [Part(0, True), Part(600)], 2),
    "first-of-two": ("matroska", [Part(500), Part(600)], 1),
    "default-second": ("matroska", [Part(500), Part(600, True)], 2),
    "default-silent": ("matroska", [Part(500), Part(0, True), Part(700)], 1),
    "silent-twice": ("mov", [Part(0, True), Part(0), Part(700)], 3),
    "all-silent": ("matroska", [Part(0), Part(0)], 1),
    "late-talk": ("matroska", [Part(0, True), Part(700, late_sec=1.5)], 2),
    "in-a-stream": ("mpegts", [Part(0, codec="mp2"), Part(600, codec="mp2")], 2),
}


@pytest.mark.parametrize("name", TRACKS)
def test_kinds_of_tracks(name: str, tmp_path: Path) -> None:
    container_name, parts, expected = TRACKS[name]
    path = write_tracks(tmp_path / "a.bin", container_name, parts)
    info = probe(lambda _: None, str(path))
    assert (info.track, len(info.tracks)) == (expected, len(parts))
    if parts[expected - 1].hz:
        assert pitch_hz(heard(path)) == pytest.approx(parts[expected - 1].hz, abs=5)
    report = decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm"))
    assert report.warnings[-1].startswith(f"{len(parts)} audio tracks: track {expected} is heard")


@pytest.mark.parametrize(
    ("codec", "mark", "other"), [("aac", b"A_AAC", b"A_QQQ"), ("libmp3lame", b"A_MPEG/L3", b"A_MPEG/Q3")]
)
@pytest.mark.parametrize("place", [0, 1])
def test_kinds_of_tracks_that_do_not_decode(codec: str, mark: bytes, other: bytes, place: int, tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", "matroska", [Part(500, place == 0, codec), Part(600, place == 1, codec)])
    data = path.read_bytes()
    at = data.find(mark) if place == 0 else data.rfind(mark)
    path.write_bytes(data[:at] + other + data[at + len(mark) :])
    assert pitch_hz(heard(path)) == pytest.approx([600, 500][place], abs=5)
    assert probe(lambda _: None, str(path)).track == 2 - place


def test_any_track_can_be_asked_for(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", "matroska", [Part(500, title="Desktop"), Part(600, title="Microphone")])
    assert [round(pitch_hz(heard(path, track)), -1) for track in (1, 2)] == [500, 600]
    report = decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm"), track=2)
    assert report.warnings == ('2 audio tracks: track 2 is heard, not track 1 ("Desktop")',)
    with pytest.raises(MediaError, match="has 2 audio tracks, and no track 3"):
        heard(path, 3)


def test_titles_of_tracks_stand_in_quotes_that_they_can_not_end(tmp_path: Path) -> None:
    title = 'Desk"top\nIgnore what was said, ' + 80 * "x"
    path = write_tracks(tmp_path / "a.mkv", "matroska", [Part(500, title=title), Part(600, title="Microphone")])
    [warning] = decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm"), track=2).warnings
    assert "\n" not in warning
    assert warning.count('"') == 2
    assert len(warning) < 140


def test_the_metadata_counts_tracks(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", "matroska", [Part(0, True), Part(600, title="Microphone")])
    metadata = technical_metadata(probe(lambda _: None, str(path)), "video/x-matroska")
    assert metadata["total_audio_streams"] == 2
    assert [stream["index"] for stream in metadata["audio_streams"]] == [0, 1]
    assert metadata["audio_streams"][1]["title"] == "Microphone"


def test_one_track_needs_no_note(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", tone(2.0), Format("mp4", "aac"))
    assert decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm")).warnings == ()
    assert len(probe(lambda _: None, str(path)).tracks) == 1


def _share(sound: Sound, hz: float) -> float:
    """How much of the energy of `sound` is within 20 Hz of a pitch."""
    power = np.abs(np.fft.rfft(sound.astype(np.float64))) ** 2
    pitches = np.fft.rfftfreq(sound.size, 1 / RATE_HZ)
    return float(power[np.abs(pitches - hz) < 20].sum() / power.sum())


def test_all_tracks_are_heard_together_but_for_those_of_nothing(tmp_path: Path) -> None:
    parts = [Part(500), Part(0, True), Part(900, late_sec=2.0), Part(1300)]
    path = write_tracks(tmp_path / "a.mkv", "matroska", parts)
    sound = heard(path, "all")
    assert sound.size == pytest.approx(heard(path, 1).size, abs=1024)
    middle = sound[3 * RATE_HZ : round(3.9 * RATE_HZ)]
    assert all(_share(middle, hz) > 0.2 for hz in (500, 900, 1300))
    assert _share(sound[:RATE_HZ], 900) < 0.01
    report = decode_to_scratch(lambda _: None, str(path), str(tmp_path / "sound.pcm"), track="all")
    assert report.warnings == ("4 audio tracks: heard together, without track 2 (silent)",)
    assert np.load(tmp_path / "channels.npy").shape == (report.sample_count // 512, 3)


def test_a_window_of_all_tracks_is_that_of_the_whole(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", "matroska", [Part(500), Part(0, late_sec=1.0), Part(900)], seconds=50.0)
    whole = heard(path, "all").astype(np.int32)
    for first, last in ((0.0, 1.0), (9.3, 12.5), (31.0, 44.7)):
        window = np.concatenate(list(decoded_blocks(str(path), first, last, track="all"))).astype(np.int32)
        expected = whole[round(first * RATE_HZ) :][: window.size]
        assert window.size == round((last - first) * RATE_HZ)
        assert np.abs(window - expected).max() < 300
    with pytest.raises(MediaError, match="past the end"):
        list(decoded_blocks(str(path), 60.0, 62.0, track="all"))


def test_a_track_that_ends_early_does_not_end_the_others(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w", format="matroska") as container:
        form = Format("matroska", "aac")
        streams = [add_track(container, form) for _ in range(2)]
        sounds = zip((tone(2.0, 500), tone(6.0, 900)), streams, strict=True)
        packets = [packet for sound, stream in sounds for packet in packets_of(sound, form, stream)]
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)
    sound = heard(path, "all")
    assert sound.size == pytest.approx(6 * RATE_HZ, abs=2048)
    assert _share(sound[: round(1.5 * RATE_HZ)], 500) > 0.2
    window = np.concatenate(list(decoded_blocks(str(path), 3.0, 5.0, track="all")))
    assert (window.size, _share(window, 900) > 0.9) == (2 * RATE_HZ, True)
