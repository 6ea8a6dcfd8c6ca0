"""Small files of many formats and with many oddities, made here from one of the project's own spoken recordings."""

from __future__ import annotations

import struct
import sys
import wave
from collections.abc import Callable
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.stream import Disposition

from soundbite_engine.audio.decode import decoded_blocks

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "engine" / "kinds"))

from odd_recordings import (  # noqa: E402 - after its folder is known
    Format,
    Sound,
    add_track,
    chatter,
    joined,
    packets_of,
    with_edits,
    write,
    write_pieces,
)

SECONDS = 5.2
Maker = Callable[[Path], object]


@cache
def speech(rate_hz: int = 16_000) -> Sound:
    """The project's own spoken sample, at -1 to 1."""
    sample = str(ROOT / "samples" / "memos.mp3")
    return np.concatenate(list(decoded_blocks(sample, 0.0, SECONDS, rate_hz))).astype(np.float32) / 32768


def plain(container: str, codec: str, rate_hz: int = 16_000, layout: str = "mono", **options: str) -> Maker:
    """One whole file of it."""
    form = Format(container, codec, rate_hz, layout, 96_000 if codec == "wmav2" else 0, tuple(options.items()))
    count = 1 if layout == "mono" else 2
    return lambda path: write(path, np.stack([speech(rate_hz)] * count), form)


def amr(container: str) -> Maker:
    """AMR at 12.2 kbit/s."""
    return lambda path: write(path, speech(8000), Format(container, "libopencore_amrnb", 8000, bit_rate=12_200))


def sends_nothing(path: Path) -> None:
    """AMR of a phone that sends comfort noise and nothing for two seconds, before anybody speaks."""
    amr("amr")(path)
    data = path.read_bytes()
    path.write_bytes(data[:6] + (bytes.fromhex("44e364339b20") + 7 * b"\x7c") * 12 + data[6:])


def pieces(form: Format, *begins: float, picture_sec: float = 0.0) -> Maker:
    """The speech at each of these times."""
    return lambda path: write_pieces(path, [(at, speech(form.rate_hz)) for at in begins], form, picture_sec)


def edited(*edits: tuple[float, float]) -> Maker:
    """A film with an edit list."""
    return lambda path: with_edits(write(path, speech(), Format("mp4", "aac")), edits)


def behind_each_other(*forms: Format) -> Maker:
    """Whole files, their bytes joined."""

    def make(path: Path) -> None:
        parts = []
        for number, form in enumerate(forms):
            sound = np.stack([speech(form.rate_hz)] * (1 if form.layout == "mono" else 2))
            parts.append(write(path.with_name(f"{number}-{path.name}"), sound, form))
        joined(path, *parts)

    return make


def channels(places: dict[int, float], count: int, bits: int = 16, noise: float = 0.0) -> Maker:
    """A WAV file with the speech on some of its channels, at a level each."""

    def make(path: Path) -> None:
        sound = np.stack([noise * chatter(SECONDS, seed=seed)[: speech().size] for seed in range(count)])
        for place, level in places.items():
            sound[place] = level * speech()
        _write_wav(path, sound, bits)

    return make


def _write_wav(path: Path, sound: Sound, bits: int) -> None:
    if bits == 32:  # floating point
        data, kind = sound.T.astype("<f4").tobytes(), 3
    elif bits == 24:
        whole = np.rint(sound.T * 2**23).astype("<i4")
        data, kind = np.ascontiguousarray(whole).reshape(-1, 1).view(np.uint8)[:, :3].tobytes(), 1
    else:
        data, kind = (np.clip(sound.T, -1, 1) * 32767).astype("<i2").tobytes(), 1
    count, width = len(sound), bits // 8
    head = struct.pack("<HHIIHH", kind, count, 16_000, 16_000 * count * width, count * width, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(data)) + data
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def tracks(*sounds: float, default: int = 0, spoil: bytes = b"") -> Maker:
    """A Matroska file; each track is the speech at a level. `spoil` makes the first codec of this name unknown."""

    def make(path: Path) -> None:
        form = Format("matroska", "aac")
        with av.open(str(path), "w", format="matroska") as container:
            packets = []
            for number, level in enumerate(sounds):
                stream = add_track(container, form)
                stream.disposition = Disposition.default if number == default else Disposition(0)
                packets += packets_of(level * speech(), form, stream)
            for packet in sorted(packets, key=lambda packet: float(packet.dts * packet.time_base)):
                container.mux(packet)
        if spoil:
            path.write_bytes(path.read_bytes().replace(spoil, b"A_QQQ", 1))

    return make


def silence_first(container: str, codec: str, **options: str) -> Maker:
    """A length guessed by the bit rate of the first seconds would be far off."""
    form = Format(container, codec, options=tuple(options.items()))
    return lambda path: write(path, np.concatenate([np.zeros(16_000 * 20, np.float32), speech()]), form)


def flac_that_states(seconds: int) -> Maker:
    """A false number of samples in the header."""

    def make(path: Path) -> None:
        data = bytearray(write(path, speech(), Format("flac", "flac")).read_bytes())
        data[21] = data[21] & 0xF0 | (seconds * 16_000) >> 32
        data[22:26] = (seconds * 16_000 & 0xFFFFFFFF).to_bytes(4, "big")
        path.write_bytes(data)

    return make


def spoiled(make: Maker, change: Callable[[bytes], bytes]) -> Maker:
    """A file whose bytes were changed."""

    def spoil(path: Path) -> None:
        make(path)
        path.write_bytes(change(path.read_bytes()))

    return spoil


def holds(content: bytes) -> Maker:
    """A file of these bytes."""
    return lambda path: path.write_bytes(content)


def sphere(path: Path) -> None:
    """NIST SPHERE, as corpora of speech have it."""
    sound = (speech() * 32767).astype("<i2")
    head = "NIST_1A\n   1024\nchannel_count -i 1\nsample_rate -i 16000\nsample_n_bytes -i 2\n"
    head += f"sample_count -i {sound.size}\n"
    head += "sample_byte_format -s2 01\nsample_coding -s3 pcm\nend_head\n"
    path.write_bytes(head.encode().ljust(1024) + sound.tobytes())


def silent_film(path: Path) -> None:
    """Pictures without a sound track."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=4)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))


def nothing(path: Path) -> None:
    """Digital silence."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 5))
