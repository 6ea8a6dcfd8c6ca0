"""What is erased or removed is in no file of the library: not as it lies there, and not decoded.

What is proven: of a library of the engine on this machine, made by one process, the bytes of every file below its home
(also while it is open), every value of every SQLite table with what is compressed in it, every version of every table
of clips, and the samples of every copy of the sound hold nothing of what was erased. The files of LanceDB's indexes are
compressed and can't be decoded from here: their bytes are searched as they are. What is not proven: what a disk keeps
of blocks that it has given up, and what lies outside of the library.
"""

from __future__ import annotations

import asyncio
import base64
import io
import sqlite3
import wave
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import lancedb
import numpy as np

from soundbite_engine.audio.encode import cut
from soundbite_server import Settings
from soundbite_server.libraries import open_jobs
from soundbite_store import Asset, ClipFilter
from soundbite_tools import (
    ClipRequest,
    CorrectRequest,
    EmbedRequest,
    EraseRequest,
    Jobs,
    ListRequest,
    RemoveRequest,
    SearchRequest,
    TranscriptRequest,
    correct_transcript,
    embed_audio,
    erase_span,
    get_clip,
    list_audio,
    read_transcript,
    remove_audio,
    search_clips,
    transcript_file,
    transcript_of_recording,
)
from soundbite_tools.read.get_clip import playable_file

MEMOS = Path(__file__).parents[2] / "samples" / "memos.mp3"
SPAN = (10.0, 20.5)
IN_SPAN = ("earlier", "coffee", "evening")  # and "drink less", which a correction makes "sip fewer"
CORRECTED = ("drink", "sip", "fewer")
OUTSIDE = ("bread", "bottles", "brother", "kitchen")
RATE_HZ = 16_000


def wav(first_sec: float, last_sec: float) -> bytes:
    return cut(lambda _: None, str(MEMOS), first_sec, last_sec, "wav")


def samples_of(sound: bytes) -> np.ndarray[Any, np.dtype[np.int16]]:
    with wave.open(io.BytesIO(sound)) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def raw_contents(home: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of every file."""
    for path in home.rglob("*"):
        if path.is_file():
            yield str(path.relative_to(home)), path.read_bytes()


def decoded_contents(home: Path) -> Iterator[tuple[str, bytes]]:
    """The values of all databases and tables at all their versions; the library is closed."""
    for path in [*home.rglob("*.sqlite"), *home.rglob("*.db")]:
        with sqlite3.connect(path) as database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in database.execute(f"SELECT * FROM {table}"):
                    for value in row:
                        if isinstance(value, bytes):
                            yield f"{path.name} {table}", value
                            if value[:1] == b"\x78":
                                yield f"{path.name} {table} unpacked", _unpacked(value)
                        elif isinstance(value, str):
                            yield f"{path.name} {table}", value.encode()
        database.close()
    yield from asyncio.run(_rows(home / "store"))


def _unpacked(value: bytes) -> bytes:
    content = zlib.decompress(value)
    # The changes of clips hold vectors in base64, in JSON.
    parts = [part for part in content.split(b'"') if len(part) > 100]
    return content + b"".join(base64.b64decode(part + b"==", validate=False) for part in parts if b" " not in part)


async def _rows(store: Path) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    database = await lancedb.connect_async(store)
    for name in (await database.list_tables()).tables:
        table = await database.open_table(name)
        for version in await table.list_versions():
            await table.checkout(version["version"])
            rows = await table.to_arrow()
            texts = [column for column in rows.column_names if column != "vector"]
            found.append((f"{name} {version['version']}", str(rows.select(texts).to_pylist()).encode()))
            vectors = rows.column("vector").combine_chunks().flatten()
            found.append((f"{name} {version['version']} vectors", np.asarray(vectors, "<f4").tobytes()))
    return found


def forms(word: str) -> list[bytes]:
    """A word as a file may hold it."""
    spelled = {word, word.upper(), word.capitalize()}
    return [text.encode(code) for text in spelled for code in ("utf-8", "utf-16-le", "utf-16-be")]


def places(contents: Iterator[tuple[str, bytes]], needles: dict[str, list[bytes]]) -> dict[str, set[str]]:
    """Where each needle is, by what it is."""
    hits: dict[str, set[str]] = {}
    for name, content in contents:
        for needle, all_forms in needles.items():
            if any(form in content for form in all_forms):
                hits.setdefault(needle, set()).add(name)
    return hits


def loudest_in_copies(home: Path, first_sec: float, last_sec: float) -> dict[str, int]:
    """The highest sample between two times in each copy of a sound."""
    paths = [*(home / "inline").glob("*"), *(home / "engine" / "media").glob("*")]
    return {path.name: loudest_in_file(path, first_sec, last_sec) for path in paths}


def loudest_in_file(path: Path, first_sec: float, last_sec: float) -> int:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        rate_hz = container.streams.audio[0].rate
    sound = np.concatenate(frames).astype(np.int32)
    return int(np.abs(sound[round(first_sec * rate_hz) : round(last_sec * rate_hz)]).max())


async def added(jobs: Jobs, **asked: Any) -> str:
    task = await embed_audio(jobs, EmbedRequest(wait_seconds=25, **asked))
    while task.status != "ready":
        task = await embed_audio(jobs, EmbedRequest(wait_seconds=25, **asked))
    return task.asset_id


async def vectors_of(jobs: Jobs, asset_id: str, span: tuple[float, float]) -> dict[str, list[bytes]]:
    """The vectors of the clips that reach into a span, and of those that hold words of it, as bytes."""
    store, needles = await jobs.library.store(), {}
    for info in await store.spaces():
        for row in await store.embeddings(info.space, ClipFilter(asset_ids=(asset_id,))):
            # A clip holds words of those beside it.
            margin_sec = 3.0 if row.embedding_option == "transcription" else 0.0
            if row.start_sec < span[1] + margin_sec and row.end_sec > span[0] - margin_sec:
                name = f"vector {row.embedding_option} {row.embedding_scope} {row.start_sec:g}"
                # Shorter than the whole, since a file may cut one in two; and not the block that is empty.
                first = int(np.flatnonzero(row.vector)[0])
                needles[name] = [row.vector.astype(kind)[first : first + 24].tobytes() for kind in ("<f4", "<f2")]
    return needles


async def sound_needles(jobs: Jobs, asset_id: str, first_sec: float) -> dict[str, list[bytes]]:
    """Bytes from the middle of the sound of a range, as samples and as it is encoded."""
    needles = {}
    for kind in ("wav", "mp3", "opus", "flac"):
        request = ClipRequest(asset_id=asset_id, start_sec=first_sec, end_sec=first_sec + 2.0, audio_format=kind)  # type: ignore[arg-type] # of a list
        sound = (await get_clip(jobs.library, request)).sound
        middle = len(sound) // 2
        needles[f"sound {kind}"] = [sound[middle : middle + 48]]
    return needles


class Case:
    """A library with one recording of a file, and one that is a copy in the library; and what to look for."""

    def __init__(self, folder: Path) -> None:
        self.home, self.file = folder / "home", folder / "recordings" / "memos.wav"
        self.settings = Settings(home=self.home, roots=(self.file.parent,), voices=True)
        self.sound = wav(0.0, 45.0)
        self.ids: list[str] = []
        self.words = {word: forms(word) for word in (*IN_SPAN, *CORRECTED)}
        self.rest = {word: forms(word) for word in OUTSIDE}
        self.needles, self.whole = dict(self.words), dict[str, list[bytes]]()

    async def fill(self) -> None:
        self.file.parent.mkdir()
        self.file.write_bytes(self.sound)
        async with open_jobs(self.settings) as jobs:
            inline = base64.b64encode(wav(0.0, 44.5)).decode()
            self.ids = [await added(jobs, source=str(self.file)), await added(jobs, base64_string=inline)]
            for asset_id in self.ids:
                request = CorrectRequest(asset_id=asset_id, old_text="drink less", new_text="sip fewer")
                await correct_transcript(jobs.library, request)
                of_span = await vectors_of(jobs, asset_id, SPAN) | await sound_needles(jobs, asset_id, 13.0)
                self.needles |= {f"{asset_id} {name}": found for name, found in of_span.items()}
                of_all = await vectors_of(jobs, asset_id, (0.0, 60.0))
                self.whole |= {f"{asset_id} {name}": found for name, found in of_all.items()}

    async def erase(self) -> None:
        async with open_jobs(self.settings) as jobs:
            for asset_id in self.ids:
                request = EraseRequest(asset_id=asset_id, start_sec=SPAN[0], end_sec=SPAN[1])
                done = await erase_span(jobs, request, wait_s=300.0)
                assert done.words_erased > 5
                assert not any("traces" in note for note in done.notes)
            assert places(raw_contents(self.home), self.needles) == {}  # with logs, since it is open
            for asset_id in self.ids:
                await self.check_answers(jobs, asset_id)
            store = await jobs.library.store()
            for info in await store.spaces():  # not by search_clips, which would keep the question
                assert [word for word in self.words if await store.text_search(info.space, word)] == []
                assert await store.text_search(info.space, "kitchen")

    async def check_answers(self, jobs: Jobs, asset_id: str) -> None:
        transcript = await transcript_of_recording(jobs.library, asset_id)
        asset = await (await jobs.library.ledger()).get_asset(asset_id)
        assert transcript
        assert asset
        texts = [transcript_file(asset, transcript, kind) for kind in ("vtt", "srt", "md", "json", "txt")]
        lines = (await read_transcript(jobs.library, TranscriptRequest(asset_id=asset_id))).to_text()
        assert not [word for word in self.words for text in (*texts, lines) if word in text.lower()]
        assert all(word in lines for word in OUTSIDE)
        request = ClipRequest(asset_id=asset_id, start_sec=9.0, end_sec=22.5, audio_format="wav")
        sound = samples_of((await get_clip(jobs.library, request)).sound)
        assert np.abs(sound[round(1.0 * RATE_HZ) : round(11.5 * RATE_HZ)]).max() == 0
        assert np.abs(sound[: RATE_HZ // 2]).max() > 500

    async def remove(self) -> None:
        async with open_jobs(self.settings) as jobs:
            for asset_id in self.ids:
                assert (await remove_audio(jobs, RemoveRequest(asset_id=asset_id), wait_s=300.0)).is_removed
            assert (await list_audio(jobs.library, ListRequest())).total_assets == 0


def test_an_erased_span_and_a_removed_recording_are_in_no_file_of_the_library(tmp_path: Path) -> None:
    case = Case(tmp_path)
    home = case.home
    asyncio.run(case.fill())
    before = places(raw_contents(home), case.needles).keys() | places(decoded_contents(home), case.needles).keys()
    assert before == case.needles.keys()  # else that they are not there after says nothing
    assert min(loudest_in_copies(home, 11.0, 19.0).values()) > 1000

    asyncio.run(case.erase())
    assert places(decoded_contents(home), case.needles) == {}
    assert places(decoded_contents(home), case.rest).keys() == case.rest.keys()
    assert list(loudest_in_copies(home, *SPAN).values()) == [0]
    assert min(loudest_in_copies(home, 24.0, 28.0).values()) > 1000
    assert case.file.read_bytes() == case.sound

    asyncio.run(case.remove())
    needles = case.rest | case.needles | case.whole
    assert places(raw_contents(home), needles) == {}
    assert places(decoded_contents(home), needles) == {}
    assert loudest_in_copies(home, 0.0, 44.0) == {}


SHORT_SPAN = (4.0, 6.0)


async def played(jobs: Jobs, asset_id: str) -> tuple[Asset, int]:
    """A recording, and the highest sample in the span of the file that the page plays of it."""
    asset = await (await jobs.library.ledger()).get_asset(asset_id)
    assert asset
    assert asset.erased == (SHORT_SPAN,)
    source = await playable_file(jobs.library, asset)
    assert source
    assert loudest_in_file(source.path, 0.5, 3.5) > 1000
    return asset, loudest_in_file(source.path, *SHORT_SPAN)


async def test_what_is_erased_is_silent_whichever_file_the_recording_is_led_to(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "recordings" / "memo.wav"
    file.parent.mkdir()
    file.write_bytes(wav(0.0, 9.0))
    sent = base64.b64encode(file.read_bytes()).decode()
    async with open_jobs(Settings(home=home, roots=(file.parent,))) as jobs:
        asset_id = await added(jobs, source=str(file))
        await added(jobs, base64_string=sent)  # a copy that no recording is led to
        await search_clips(jobs.library, SearchRequest(query="what the zeppelin said"))
        request = EraseRequest(asset_id=asset_id, start_sec=SHORT_SPAN[0], end_sec=SHORT_SPAN[1])
        await erase_span(jobs, request, wait_s=300.0)
        assert loudest_in_copies(home, *SHORT_SPAN) == {}
        await added(jobs, base64_string=sent)
        assert loudest_in_copies(home, *SHORT_SPAN) == {}
        moved = file.rename(file.with_suffix(".away"))
        await added(jobs, base64_string=sent)  # the file is gone: the copy counts, and is silent
        asset, loudest = await played(jobs, asset_id)
        assert (asset.source_kind, loudest) == ("base64", 0)
        moved.rename(file)
        await added(jobs, source=str(file))  # the file counts again, which the library leaves whole
        asset, loudest = await played(jobs, asset_id)
        assert (asset.source_uri, loudest) == (str(file), 0)
        await remove_audio(jobs, RemoveRequest(asset_id=asset_id), wait_s=300.0)
        await added(jobs, base64_string=sent)
        asset, loudest = await played(jobs, asset_id)
        assert (asset.source_kind, loudest) == ("base64", 0)
        assert list(loudest_in_copies(home, *SHORT_SPAN).values()) == [0]
    assert places(raw_contents(home), {"question": forms("zeppelin")}) == {}


async def test_the_copies_of_a_home_that_moved_or_is_reached_by_a_link_are_silenced_and_removed(tmp_path: Path) -> None:
    homes = [tmp_path / name for name in ("before", "after", "link")]
    homes[2].symlink_to(homes[1])
    sent = base64.b64encode(wav(0.0, 9.0)).decode()
    async with open_jobs(Settings(home=homes[0])) as jobs:
        asset_id = await added(jobs, base64_string=sent)
    homes[0].rename(homes[1])
    async with open_jobs(Settings(home=homes[1])) as jobs:
        request = EraseRequest(asset_id=asset_id, start_sec=SHORT_SPAN[0], end_sec=SHORT_SPAN[1])
        await erase_span(jobs, request, wait_s=300.0)
        assert (await played(jobs, asset_id))[1] == 0
    assert list(loudest_in_copies(homes[1], *SHORT_SPAN).values()) == [0]
    async with open_jobs(Settings(home=homes[2])) as jobs:
        await remove_audio(jobs, RemoveRequest(asset_id=asset_id), wait_s=300.0)
    assert loudest_in_copies(homes[1], *SHORT_SPAN) == {}


def tracks_wav(*tracks: bytes) -> bytes:
    """A file of several tracks, of which the second is the default."""
    out = io.BytesIO()
    with av.open(out, "w", format="matroska") as container:
        streams = [container.add_stream("flac", rate=RATE_HZ, layout="mono") for _ in tracks]
        streams[1].disposition = av.stream.Disposition.default
        for stream, sound in zip(streams, tracks, strict=True):
            samples = samples_of(sound)
            for at in range(0, samples.size, 4608):
                frame = av.AudioFrame.from_ndarray(samples[None, at : at + 4608], format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE_HZ, at
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return out.getvalue()


async def test_a_copy_of_several_tracks_keeps_them_all_and_each_is_silent_there(tmp_path: Path) -> None:
    home = tmp_path / "home"
    sent = tracks_wav(wav(20.5, 29.5), wav(0.0, 9.0))
    async with open_jobs(Settings(home=home)) as jobs:
        asset_id = await added(jobs, base64_string=base64.b64encode(sent).decode())
        lines = (await read_transcript(jobs.library, TranscriptRequest(asset_id=asset_id))).to_text()
        request = EraseRequest(asset_id=asset_id, start_sec=SHORT_SPAN[0], end_sec=SHORT_SPAN[1])
        await erase_span(jobs, request, wait_s=300.0)
        asset = await (await jobs.library.ledger()).get_asset(asset_id)
        assert asset
        (copy,) = (home / "inline").iterdir()
        assert asset.source_uri == str(copy)
        assert copy.suffix == ".mka"
        for track in (1, 2):
            before, span = (
                samples_of(cut(lambda _: None, str(copy), *at, "wav", track)) for at in ((1.0, 3.0), SHORT_SPAN)
            )
            assert before.max() > 1000
            assert np.abs(span).max() == 0
        # The one that is heard is still the default, and the other can be embedded from the copy.
        again = (await read_transcript(jobs.library, TranscriptRequest(asset_id=asset_id))).to_text()
        assert again.splitlines()[0] == lines.splitlines()[0]
        await added(jobs, asset_id=asset_id, track="1")
        other = (await read_transcript(jobs.library, TranscriptRequest(asset_id=asset_id))).to_text()
        assert "bread" in lines
        assert "bread" not in other
