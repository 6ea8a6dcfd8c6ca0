"""Files swapped under the server's hands: what it reads is what was allowed, and what it keeps is what it read."""

from __future__ import annotations

import hashlib
import math
import os
import struct
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp_types import TextContent

from soundbite_api import FileChanged, PlatformClient, SourceFile
from soundbite_engine import Engine, EngineConfig
from soundbite_engine.analysis.growing import decode_growing
from soundbite_engine.audio.encode import cut
from soundbite_engine.errors import MediaError
from soundbite_tools import LibraryConfig
from soundbite_tools.sources import sources
from soundbite_tools.sources.files import allowed_file

SAMPLE = Path(__file__).parents[2] / "samples" / "standup.flac"
RATE_HZ = 16_000
OPEN_TRIES = 100
CALL_TRIES = 10
LISTENS: dict[str, Any] = {"embedding_option": ["audio"], "wait_seconds": 25}


def write_tone(path: Path, samples: int = 2 * RATE_HZ, step: float = 8.0) -> Path:
    """Write a tone of so many samples; another `step` is other content of the same length."""
    sound = (int(9000 * math.sin(at / step)) for at in range(samples))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(b"".join(struct.pack("<h", sample) for sample in sound))
    return path


def asset_id_of(path: Path) -> str:
    return f"a_{hashlib.sha256(path.read_bytes()).hexdigest()[:20]}"


@contextmanager
def swapping(folder: Path, other: Path) -> Iterator[None]:
    """While the block runs, a folder is now itself and now a link to another one."""
    link, aside, end = folder.with_name("link"), folder.with_name("aside"), threading.Event()
    link.symlink_to(other)

    def swap() -> None:
        while not end.is_set():
            folder.rename(aside)
            link.rename(folder)
            folder.rename(link)
            aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        link.unlink()


@pytest.fixture
def pair(grounds: Any) -> tuple[Path, Path]:
    """A recording in a folder of the root, and another of the same name, size and time outside."""
    own = write_tone(grounds.root.resolve() / "calls" / "own.wav")
    outside = write_tone(grounds.outside.resolve() / "own.wav", step=3.0)
    status = outside.stat()
    os.utime(own, ns=(status.st_atime_ns, status.st_mtime_ns))
    return own, outside


def text_of(result: Any) -> str:
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def listed(client: Client) -> set[str]:
    result = await client.call_tool("list_audio", {"page_limit": 50})
    return {asset["asset_id"] for asset in (result.structured_content or {})["assets"]}


async def clip_of(client: Client, asset_id: str) -> tuple[dict[str, Any], bool]:
    """What get_clip says of the first second, and whether there is sound in it."""
    arguments = {"asset_id": asset_id, "end_sec": 1.0, "include_audio": True, "audio_format": "wav"}
    result = await client.call_tool("get_clip", arguments)
    detail = result.structured_content or {}
    return detail, bool(detail.get("audio_bytes")) or any(block.type == "audio" for block in result.content)


@pytest.mark.parametrize("swap", ["file", "folder", "copy"])
async def test_a_clip_is_never_cut_from_a_file_that_took_the_place_of_a_recording(
    swap: str, connect: Any, pair: tuple[Path, Path]
) -> None:
    own, outside = pair
    async with connect() as client:
        added = await client.call_tool("embed_audio", {"source": str(own), **LISTENS})
        asset_id = (added.structured_content or {})["asset_id"]
        if swap == "file":
            own.unlink()
            own.symlink_to(outside)
        elif swap == "folder":
            own.parent.rename(own.parent.with_name("aside"))
            own.parent.symlink_to(outside.parent)
        else:
            outside.rename(own)  # no link at all: equal in name, size and time
        detail, has_sound = await clip_of(client, asset_id)
    assert not has_sound
    assert any("changed or is gone" in note for note in detail["notes"])


async def test_the_words_of_a_file_that_took_the_place_of_a_recording_are_not_given(
    connect: Any, pair: tuple[Path, Path]
) -> None:
    own, outside = pair
    outside.write_bytes(cut(lambda _: None, str(SAMPLE), 0.0, 6.0, "wav"))
    with wave.open(str(outside)) as spoken:
        header = outside.stat().st_size - 2 * spoken.getnframes()
        write_tone(own, spoken.getnframes() + (header - 44) // 2)
    status = outside.stat()
    assert own.stat().st_size == status.st_size
    os.utime(own, ns=(status.st_atime_ns, status.st_mtime_ns))
    async with connect() as client:
        added = await client.call_tool("embed_audio", {"source": str(own), **LISTENS})
        asset_id = (added.structured_content or {})["asset_id"]
        own.unlink()
        own.symlink_to(outside)
        again = await client.call_tool(
            "embed_audio", {"asset_id": asset_id, "embedding_option": ["transcription"], "wait_seconds": 25}
        )
        assert again.is_error
        assert "changed or went away" in text_of(again)
        words = await client.call_tool("read_transcript", {"asset_id": asset_id})
    assert not (words.structured_content or {}).get("sentences"), text_of(words)


async def test_a_folder_swapped_for_a_link_between_the_check_and_the_opening_is_not_followed(
    connect: Any, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, outside = pair
    read_facts = sources.read_facts

    def read_swapped(*args: Any) -> Any:
        own.parent.rename(own.parent.with_name("aside"))
        own.parent.symlink_to(outside.parent)
        return read_facts(*args)

    monkeypatch.setattr(sources, "read_facts", read_swapped)
    async with connect() as client:
        result = await client.call_tool("embed_audio", {"source": str(own), **LISTENS})
        assert result.is_error
        assert str(outside.parent) not in text_of(result)
        assert await listed(client) == set()


@pytest.mark.parametrize("change", ["link", "file", "content"])
async def test_what_is_embedded_under_a_hash_has_that_hash(
    change: str, connect: Any, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, outside = pair
    refer = PlatformClient.create_asset_from_url

    async def refer_and_change(*args: Any, **options: Any) -> Any:
        asset = await refer(*args, **options)
        if change == "link":
            own.parent.rename(own.parent.with_name("aside"))
            own.parent.symlink_to(outside.parent)
        elif change == "file":
            outside.rename(own)
        else:
            status = own.stat()
            own.write_bytes(outside.read_bytes())  # the same file, and made to look as old as it was
            os.utime(own, ns=(status.st_atime_ns, status.st_mtime_ns))
        return asset

    monkeypatch.setattr(PlatformClient, "create_asset_from_url", refer_and_change)
    async with connect() as client:
        result = await client.call_tool("embed_audio", {"source": str(own), **LISTENS})
        assert result.is_error, text_of(result)
        if change == "content":
            assert "changed before it was read; embed it again" in text_of(result)
        search = await client.call_tool("search_clips", {"query": "a tone"})
    assert search.is_error or not (search.structured_content or {})["results"]


def test_a_path_that_is_swapped_all_the_time_opens_what_lies_inside_or_nothing(pair: tuple[Path, Path]) -> None:
    own, outside = pair
    inside, tries, opened = own.read_bytes(), 0, 0
    with swapping(own.parent, outside.parent):
        while tries < OPEN_TRIES or (not opened and tries < 1000 * OPEN_TRIES):
            tries += 1
            try:
                with SourceFile(own).open() as file:
                    opened += 1
                    assert file.read_at(0, file.size_bytes) == inside
            except OSError:
                continue
    assert opened > 0, "the race never let the file itself be opened"


async def test_a_path_that_is_swapped_all_the_time_embeds_what_lies_inside_or_nothing(
    connect: Any, pair: tuple[Path, Path]
) -> None:
    own, outside = pair
    allowed = asset_id_of(own)
    async with connect() as client:
        with swapping(own.parent, outside.parent):
            for number in range(CALL_TRIES):
                segmentation = f"fixed:{2 + number % 9}"  # else the second time nothing would be read
                await client.call_tool("embed_audio", {"source": str(own), "segmentation": segmentation, **LISTENS})
                assert await listed(client) <= {allowed}, "the outside file was embedded"
                if allowed in await listed(client):
                    await clip_of(client, allowed)


def test_a_file_that_is_written_to_while_it_is_read_is_told(pair: tuple[Path, Path]) -> None:
    own, outside = pair
    with SourceFile(own).open() as file:
        file.check()
        status = own.stat()
        with own.open("r+b") as same:
            same.write(outside.read_bytes())
        os.utime(own, ns=(status.st_atime_ns, status.st_mtime_ns))
        with pytest.raises(FileChanged, match="changed while it was read; embed it again"):
            file.check()


async def test_the_engine_refuses_a_reference_that_is_swapped_before_it_is_read(
    tmp_path: Path, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, outside = pair
    async with Engine(EngineConfig(home=tmp_path / "engine", file_urls=True, workers=1)) as engine:
        transport = httpx.ASGITransport(app=engine.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://engine/v1.3") as http:

            async def refer() -> dict[str, Any]:
                form: Any = {"method": (None, "url"), "url": (None, own.as_uri())}
                answer: dict[str, Any] = (await http.post("assets", files=form)).json()
                while answer.get("status") == "processing":
                    await anyio.sleep(0.05)
                    answer = (await http.get(f"assets/{answer['_id']}")).json()
                return answer

            asset = await refer()
            assert asset["status"] == "ready"
            own.parent.rename(own.parent.with_name("aside"))
            own.parent.symlink_to(outside.parent)
            body = {
                "input_type": "audio",
                "model_name": "marengo3.0",
                "audio": {"media_source": {"asset_id": asset["_id"]}, "embedding_option": ["audio"]},
            }
            embedded = await http.post("embed-v2", json=body)
            assert embedded.status_code == 400
            assert "embedding" not in embedded.json()
            again = await refer()
            assert again.get("status") != "ready"


def test_a_link_in_a_name_is_followed_once_and_checked_where_it_leads(grounds: Any, pair: tuple[Path, Path]) -> None:
    own, _ = pair
    (grounds.root / "named").symlink_to(own.parent)
    config = LibraryConfig(home=grounds.home, roots=(grounds.root,))
    assert allowed_file(str(grounds.root / "named" / "own.wav"), config) == own


def test_a_file_that_is_followed_is_not_reached_through_a_link(pair: tuple[Path, Path], tmp_path: Path) -> None:
    own, outside = pair
    over = tmp_path / "over"
    over.touch()
    assert decode_growing(lambda _: None, str(own), str(tmp_path / "own.pcm"), str(over)) == pytest.approx(2.0, abs=0.1)
    own.unlink()
    own.symlink_to(outside)
    with pytest.raises(MediaError, match="can't be read while it grows"):
        decode_growing(lambda _: None, str(own), str(tmp_path / "outside.pcm"), str(over))
    assert not (tmp_path / "outside.pcm").exists()
