"""Decoding: every usual format, windows at their true times, and hostile files refused or saved from."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from soundbite_engine.audio.decode import decode_to_scratch, decoded_blocks, probe
from soundbite_engine.audio.reading import Tally
from soundbite_engine.errors import MediaError

Sound = np.ndarray


def quiet(_fraction: float) -> None:
    """Progress nobody looks at."""


def decoded(path: Path, start_sec: float = 0.0, end_sec: float | None = None, tally: Tally | None = None) -> Sound:
    return np.concatenate(list(decoded_blocks(str(path), start_sec, end_sec, tally=tally)))


def marked(seconds: int, silence: Callable[..., Sound], tone: Callable[..., Sound]) -> Sound:
    """A beep of .2 s at each tenth second, its pitch telling which: 300 Hz, 400 Hz, ..."""
    sound = silence(seconds)
    for index in range(seconds // 10):
        beep = tone(0.2, hz=300 + 100 * index)
        sound[index * 160_000 : index * 160_000 + beep.size] = beep
    return sound


def pitch_hz(sound: Sound) -> float:
    return float(np.abs(np.fft.rfft(sound.astype(np.float32))).argmax() * 16_000 / sound.size)


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.flac", "a.ogg"])
def test_every_usual_format_decodes_to_16_khz_mono(name: str, write_audio: Callable[..., Path], tone: Callable) -> None:
    path = write_audio(name, tone(3.0, rate_hz=48_000), 48_000)
    sound = decoded(path)
    assert sound.dtype == np.int16
    assert sound.size / 16_000 == pytest.approx(3.0, abs=0.1)
    assert pitch_hz(sound[8000:40_000]) == pytest.approx(440, abs=3)


def test_a_name_that_lies_about_the_format_does_not_matter(write_audio: Callable[..., Path], tone: Callable) -> None:
    path = write_audio("a.mp3", tone(2.0))
    assert decoded(path.rename(path.with_suffix(".wav"))).size > 30_000


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "a.flac", "a.ogg"])
def test_a_window_holds_exactly_its_own_time(
    name: str, write_audio: Callable[..., Path], tone: Callable, silence: Callable
) -> None:
    path = write_audio(name, marked(60, silence, tone))
    window = decoded(path, 39.0, 42.0)
    assert window.size == pytest.approx(48_000, abs=2)
    begins = int(np.argmax(np.abs(window) > 1500)) / 16_000
    assert begins == pytest.approx(1.0, abs=0.07)  # codecs delay by up to a frame
    assert pitch_hz(window[16_500:18_500]) == pytest.approx(700, abs=10)


def test_a_window_past_the_end_is_refused_with_the_duration(write_audio: Callable[..., Path], tone: Callable) -> None:
    path = write_audio("a.mp3", tone(5.0))
    for start_sec in (8.0, 100.0):
        with pytest.raises(MediaError, match=r"past the end: a\.mp3 lasts 5\.\d s") as refused:
            decoded(path, start_sec)
        assert refused.value.code == "window_past_end"


def test_an_end_past_the_end_is_the_end(write_audio: Callable[..., Path], tone: Callable) -> None:
    assert decoded(write_audio("a.wav", tone(2.0)), 1.0, 99.0).size == 16_000


def test_the_sound_track_of_a_video_counts(write_video: Callable[..., Path], tone: Callable) -> None:
    path = write_video("a.mp4", tone(1.0))
    assert decoded(path).size == pytest.approx(16_000, abs=2048)
    info = probe(quiet, str(path))
    assert (info.has_audio, info.has_video) == (True, True)


def test_probe_tells_what_the_file_holds(write_audio: Callable[..., Path], tone: Callable) -> None:
    info = probe(quiet, str(write_audio("a.flac", tone(2.5, rate_hz=44_100), 44_100)))
    assert info.duration_sec == pytest.approx(2.5, abs=0.01)
    assert (info.container, info.codec, info.sample_rate_hz, info.channels) == ("flac", "flac", 44_100, 1)
    assert info.size_bytes > 1000
    assert not info.has_video


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
DASH = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>file:///etc/</BaseURL></MPD>'
HOSTILE = {
    "header-only.wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "page.html": b"<!doctype html><html><body>Not found</body></html>",
    "list.m3u8": HLS.encode(),
    "list.mp3": HLS.encode(),
    "list.ffconcat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "list.mpd": DASH.encode(),
    "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    "text.mp3": b"This is not a recording, whatever its name says. " * 400,
    "random.mp3": random.Random(5).randbytes(60_000),
    "zeros.mp3": bytes(50_000),
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("job", ["probe", "decode"])
def test_what_is_no_recording_is_refused(name: str, job: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(HOSTILE[name])
    with pytest.raises(MediaError) as refused:
        probe(quiet, str(path)) if job == "probe" else decoded(path)
    assert refused.value.code == "media_unreadable"
    assert name in refused.value.message


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    with pytest.raises(MediaError, match=r"empty\.mp3 is empty"):
        decoded(tmp_path / "empty.mp3")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.mp3", tmp_path):
        with pytest.raises(MediaError, match="can't be opened") as refused:
            decoded(path)
        assert refused.value.code == "media_not_found"


def test_an_address_is_never_opened() -> None:
    for address in ("http://127.0.0.1:9/a.mp3", "concat:a|b", "data:audio/mp3;base64,AAAA", "pipe:0"):
        with pytest.raises(MediaError) as refused:
            decoded(Path(address))
        assert refused.value.code == "media_not_found"


def test_a_recording_without_any_sample_is_an_error(write_audio: Callable[..., Path]) -> None:
    with pytest.raises(MediaError, match="no sound could be decoded"):
        decoded(write_audio("a.wav", np.zeros(0, np.float32)))


def test_a_video_without_sound_says_so(write_video: Callable[..., Path]) -> None:
    with pytest.raises(MediaError, match="has video but no audio track") as refused:
        decoded(write_video("silent.mp4", None))
    assert refused.value.code == "media_no_audio"


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.flac", "a.ogg"])
def test_of_a_truncated_file_what_is_there_is_kept(
    name: str, write_audio: Callable[..., Path], noise: Callable, tmp_path: Path
) -> None:
    whole = write_audio(name, noise(20.0)).read_bytes()
    path = tmp_path / f"half-{name}"
    path.write_bytes(whole[: len(whole) // 2])
    assert decoded(path).size / 16_000 == pytest.approx(10.0, abs=1.5)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg"])
def test_a_truncated_file_says_that_it_is(
    name: str, write_audio: Callable[..., Path], noise: Callable, tmp_path: Path
) -> None:
    whole = write_audio(name, noise(20.0)).read_bytes()
    path = tmp_path / f"half-{name}"
    path.write_bytes(whole[: len(whole) // 2])
    report = decode_to_scratch(quiet, str(path), str(tmp_path / "sound.pcm"))
    assert "ends early" in report.warnings[-1] or "was cut off" in report.warnings[-1]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg", "a.m4a"])
def test_a_whole_file_is_not_called_damaged(
    name: str, write_audio: Callable[..., Path], noise: Callable, tmp_path: Path
) -> None:
    report = decode_to_scratch(quiet, str(write_audio(name, noise(20.0))), str(tmp_path / "sound.pcm"))
    assert report.warnings == ()


def test_an_mp4_cut_before_its_index_is_refused(write_audio: Callable[..., Path], noise: Callable) -> None:
    path = write_audio("a.m4a", noise(5.0))
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(MediaError):
        decoded(path)


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.ogg", "a.flac"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_damaged_file_loses_only_what_is_damaged(
    name: str, seed: int, write_audio: Callable[..., Path], noise: Callable, tmp_path: Path
) -> None:
    path = write_audio(name, noise(30.0))
    damaged = bytearray(path.read_bytes())
    dice = random.Random(seed)
    for _ in range(12):
        damaged[dice.randrange(4000, len(damaged) - 4000)] ^= 1 << dice.randrange(8)
    path.write_bytes(damaged)
    report = decode_to_scratch(quiet, str(path), str(tmp_path / "sound.pcm"))
    assert report.sample_count / 16_000 >= 20.0


def test_a_heavily_damaged_mp3_is_kept_with_a_warning(
    write_audio: Callable[..., Path], noise: Callable, tmp_path: Path
) -> None:
    path = write_audio("a.mp3", noise(60.0))
    damaged = bytearray(path.read_bytes())
    dice = random.Random(11)
    for _ in range(len(damaged) // 400):
        damaged[dice.randrange(2000, len(damaged))] = dice.randrange(256)
    path.write_bytes(damaged)
    report = decode_to_scratch(quiet, str(path), str(tmp_path / "sound.pcm"))
    assert report.sample_count / 16_000 > 30.0
    assert any("damaged packets skipped" in warning for warning in report.warnings)


def test_progress_counts_against_the_window(write_audio: Callable[..., Path], noise: Callable, tmp_path: Path) -> None:
    told: list[float] = []
    path = write_audio("a.mp3", noise(20.0))
    report = decode_to_scratch(told.append, str(path), str(tmp_path / "sound.pcm"), 5.0, 15.0)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0, abs=0.01)
    assert report.end_sec == pytest.approx(15.0, abs=0.001)
    assert report.source_sec == pytest.approx(20.0, abs=0.1)
    assert (tmp_path / "sound.pcm").stat().st_size == 2 * report.sample_count
