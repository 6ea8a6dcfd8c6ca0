"""Files made to harm: each is refused in plain words or embedded as far as it goes, and the server lives on."""

from __future__ import annotations

import gzip
import io
import math
import random
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

from mcp_types import TextContent

SECRET = b"the words of a private diary"
RATE = 16_000


def wav(frames: bytes, *, channels: int = 1, rate: int = RATE, bits: int = 16, tag: int = 1, size: int = -1) -> bytes:
    """A WAV file whose header may lie."""
    align = max(1, channels * bits // 8)
    head = struct.pack("<HHIIHH", tag, channels, rate, (rate * align) % 2**32, align % 2**16, bits)
    length = len(frames) if size < 0 else size
    return (
        b"RIFF"
        + struct.pack("<I", (36 + length) % 2**32)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + head
        + (b"data" + struct.pack("<I", length % 2**32) + frames)
    )


def tone(seconds: float) -> bytes:
    return b"".join(struct.pack("<h", int(9000 * math.sin(n / 8))) for n in range(int(RATE * seconds)))


def id3(body: bytes, size: int) -> bytes:
    return b"ID3\x04\x00\x00" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0)) + body


def atom(kind: bytes, body: bytes, size: int = -1) -> bytes:
    return struct.pack(">I", (len(body) + 8 if size < 0 else size) % 2**32) + kind + body


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(5_000_000))
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        link = tarfile.TarInfo("a.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return out.getvalue()


def hostile_files(outside: Path) -> dict[str, bytes]:
    sound, chance = tone(1.0), random.Random(7)
    diary = str(outside / "diary.txt").encode()
    whole = wav(sound)
    nested = b""
    for _ in range(200):
        nested = atom(b"moov", nested)
    return {
        # playlists and lists of files that would make a decoder read something else
        "playlist.m3u8": b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://" + diary + b"\n#EXT-X-ENDLIST\n",
        "playlist.wav": b"#EXTM3U\n#EXTINF:9,\n" + diary + b"\n#EXT-X-ENDLIST\n",
        "web.mp3": b"#EXTM3U\n#EXTINF:9,\nhttp://169.254.169.254/latest/meta-data/\n#EXT-X-ENDLIST\n",
        "concat.wav": b"ffconcat version 1.0\nfile '" + diary + b"'\n",
        "concat.mp3": b"ffconcat version 1.0\nfile 'http://127.0.0.1:9/a'\n",
        "session.sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        "session.wav": b"v=0\no=- 0 0 IN IP4 10.0.0.1\ns=x\nc=IN IP4 10.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        "manifest.mpd": b"<?xml version='1.0'?><MPD><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>",
        "entities.wav": b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>",
        "picture.svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "smooth.ism": b"<SmoothStreamingMedia><StreamIndex Url='file:///etc/passwd'/></SmoothStreamingMedia>",
        "image.vob": b"\x00\x00\x01\xba" + bytes(4000),
        # headers that lie
        "size-huge.wav": wav(sound, size=2**32 - 1),
        "size-none.wav": wav(sound, size=0),
        "channels-none.wav": wav(sound, channels=0),
        "channels-many.wav": wav(sound, channels=65535),
        "rate-none.wav": wav(sound, rate=0),
        "rate-huge.wav": wav(sound, rate=2**32 - 1),
        "bits-none.wav": wav(sound, bits=0),
        "bits-many.wav": wav(sound, bits=65535),
        "codec-unknown.wav": wav(sound, tag=0xBEEF),
        "nan.wav": wav(struct.pack("<f", math.nan) * RATE, bits=32, tag=3),
        "infinite.wav": wav(struct.pack("<f", math.inf) * RATE, bits=32, tag=3),
        "loudest.wav": wav(struct.pack("<f", 3e38) * RATE, bits=32, tag=3),
        "odd-bytes.wav": whole[:-1],
        "header-only.wav": whole[:44],
        "half-header.wav": whole[:20],
        "riff-only.wav": b"RIFF",
        "zeros.wav": bytes(100_000),
        "ones.wav": b"\xff" * 100_000,
        "noise.wav": chance.randbytes(100_000),
        "noise.mp3": b"\xff\xfb\x90\x00" + chance.randbytes(100_000),
        "syncs.mp3": b"\xff\xfb\x90\x64" * 20_000,
        "noise.flac": b"fLaC\x00\x00\x00\x22" + chance.randbytes(50_000),
        "noise.ogg": b"OggS\x00\x02" + chance.randbytes(50_000),
        "noise.opus": b"OggS\x00\x02" + bytes(20) + b"\x01\x13OpusHead" + chance.randbytes(50_000),
        "noise.webm": b"\x1a\x45\xdf\xa3" + chance.randbytes(50_000),
        "noise.aac": b"\xff\xf1\x50\x80" + chance.randbytes(50_000),
        "tag-huge.mp3": id3(b"TIT2" + chance.randbytes(500), 2**28 - 1),
        "tag-short.mp3": id3(b"APIC\x7f\x7f\x7f\x7f\x00\x00" + bytes(50), 60),
        "nested.mp4": atom(b"ftyp", b"isom\0\0\0\0isom") + nested,
        "atom-huge.mp4": atom(b"ftyp", b"isom\0\0\0\0isom") + atom(b"mdat", bytes(100), size=2**32 - 1),
        "atom-none.mp4": atom(b"ftyp", b"isom\0\0\0\0isom") + atom(b"moov", bytes(100), size=0),
        "atom-small.mp4": atom(b"ftyp", b"isom\0\0\0\0isom") + atom(b"moov", bytes(100), size=4),
        # other things under a sound's name
        "archive.wav": zipped(),
        "archive.tar.wav": tarred(),
        "packed.wav": gzip.compress(bytes(5_000_000)),
        "program.wav": b"\x7fELF\x02\x01\x01" + bytes(5000),
        "script.mp3": b"#!/bin/sh\ncat /etc/passwd\n",
        "page.mp3": b"<!doctype html><html><script>alert(1)</script></html>",
        "diary.mp3": SECRET * 100,
        "polyglot.wav": whole + zipped()[:2000],
        "middle-noise.wav": whole[:8000] + chance.randbytes(8000) + whole[16000:],
        # names
        "-i.wav": whole,
        "; rm -rf ~.wav": whole,
        "$(id).wav": whole,
        "'\"`.wav": whole,
        "%s%n%x.wav": whole,
        "\u202egpj.wav": whole,
        "line\nbreak.wav": whole,
        "n" * 240 + ".wav": whole,
    }


async def test_no_file_harms_the_server_or_opens_another(connect: Any, grounds: Any) -> None:
    files = hostile_files(grounds.outside)
    assert len(files) >= 40
    async with connect() as client:
        for name, content in files.items():
            path = grounds.root / name
            path.write_bytes(content)
            result = await client.call_tool(
                "embed_audio", {"source": str(path), "embedding_option": ["audio"], "wait_seconds": 25}
            )
            told = "".join(block.text for block in result.content if isinstance(block, TextContent))
            assert "Traceback" not in told, name
            assert "unexpected" not in told, (name, told)
            assert SECRET.decode() not in told, name
            assert "root:x" not in told, name
            if result.is_error:
                assert told.count(". ") >= 1, (name, told)
            else:
                assert (result.structured_content or {})["status"] == "ready", (name, told)
        listing = await client.call_tool("list_audio", {"page_limit": 50})
        text = "".join(block.text for block in listing.content if isinstance(block, TextContent))
        assert "\u202e" not in text
        assert SECRET.decode() not in text
        good = grounds.root / "good.wav"
        good.write_bytes(wav(tone(3.0)))
        result = await client.call_tool("embed_audio", {"source": str(good), "embedding_option": ["audio"]})
        assert not result.is_error, "the server did not live on"
