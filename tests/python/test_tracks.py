"""A recording of several audio tracks: which is embedded, what stays so, and what is played of it."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import av
import numpy as np
import pytest

import soundbite
from soundbite_engine.audio.decode import decoded_blocks

SAMPLES = Path(__file__).parents[2] / "samples"
MONEY, MILK = ("standup.flac", 42.0, 54.0), ("memos.mp3", 0.0, 6.0)


def sound_of(sample: tuple[str, float, float]) -> np.ndarray:
    name, first, last = sample
    return np.concatenate(list(decoded_blocks(str(SAMPLES / name), first, last)))


def write_tracks(path: Path, *tracks: np.ndarray) -> Path:
    """Int16 sounds of 16 kHz, each on a track of its own."""
    with av.open(str(path), "w", format="matroska") as container:
        streams = [container.add_stream("flac", rate=16_000, layout="mono") for _ in tracks]
        packets = list(chain.from_iterable(packets_of(*pair) for pair in zip(streams, tracks, strict=True)))
        for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
            container.mux(packet)
    return path


def packets_of(stream: av.AudioStream, sound: np.ndarray) -> Iterator[av.Packet]:
    for at in range(0, sound.size, 4608):
        frame = av.AudioFrame.from_ndarray(sound[None, at : at + 4608], format="s16", layout="mono")
        frame.sample_rate, frame.pts = 16_000, at
        yield from stream.encode(frame)
    yield from stream.encode(None)


def likeness(played: bytes, sound: np.ndarray, start_sec: float) -> float:
    with av.open(io.BytesIO(played)) as container:
        heard = np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)])
    expected = sound[round(start_sec * 16_000) :][: heard.size].astype(np.float64)
    return float(np.corrcoef(heard[: expected.size], expected)[0, 1])


def test_a_track_that_is_asked_for_is_kept_with_the_recording(home: Path, tmp_path: Path) -> None:
    money, milk = sound_of(MONEY), sound_of(MILK)
    path = write_tracks(tmp_path / "call.mkv", money, milk)
    with soundbite.open(home) as library:
        with pytest.raises(soundbite.SoundbiteError, match="has 2 audio tracks, and no track 3"):
            library.add(path, track=3)
        assert library.recordings() == []

        first = library.add(path, track=2, tags=["call"])
        (clip,) = library.search("milk and butter", top_k=1)
        assert ("money" in clip.text, "milk" in clip.text) == (False, True)
        assert likeness(clip.audio("wav"), milk, clip.start_sec) > 0.95
        assert library.add(path) == first

        # Other content: the same recording, of the same track.
        write_tracks(path, milk, money)
        renewed = library.add(path)
        assert (renewed.asset_id, renewed.tags) == (first.asset_id, ("call",))
        (clip,) = library.search("who wants her money back", top_k=1)
        assert "money" in clip.text
        assert likeness(clip.audio("wav"), money, clip.start_sec) > 0.95

        # Another track takes the place of the first one, with all its clips.
        assert library.add(path, track=1).asset_id == first.asset_id
        texts = [clip.text for clip in library.search("milk money", top_k=20)]
        assert not any("money" in text for text in texts)
        (clip,) = library.search("milk and butter", top_k=1)
        assert likeness(clip.audio("wav"), milk, clip.start_sec) > 0.95

        both = library.add(path, track="all")
        texts = [clip.text for clip in library.search("milk money", top_k=20)]
        assert (both.asset_id, both.audio_seconds) == (first.asset_id, pytest.approx(12.0, abs=0.1))
        (clip,) = library.search("money", top_k=1, start_sec=9.0)
        assert likeness(clip.audio("wav"), money, clip.start_sec) > 0.5


def test_what_was_not_heard_is_named_with_how_to_ask_for_it(home: Path, tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "call.mkv", sound_of(MILK), sound_of(MONEY))
    heard = "2 audio tracks: track 1 is heard, not track 2"

    def told(*words: str) -> str:
        command = [sys.executable, "-m", "soundbite_server", *words]
        environment = {**os.environ, "SOUNDBITE_HOME": str(home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
        return " ".join(done.stdout.split())

    added = told("add", str(path))
    assert heard in added
    assert "--track 2" in added
    assert "ready, 2 audio tracks" in told("list")
    assert heard in told("list", "--json")
    assert heard in told("show", "call")
    told("add", str(path), "--track", "2")
    assert "track 2 is heard, not track 1" in told("show", "call")
