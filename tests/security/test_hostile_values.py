"""Two hundred hostile strings as ids, tags, titles and filters: each means itself, and no other row is touched."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

from mcp import Client

from soundbite_store import ClipStore
from soundbite_tools.text import LONGEST_TAG, LONGEST_TITLE, plain_tags, plain_text

SEEDS = [
    "' OR '1'='1",
    "' OR 1=1 --",
    "\\') OR 1=1 --",
    "') OR true OR ('",
    "'; DELETE FROM clips; --",
    "'; DROP TABLE assets; --",
    "x' IN ('y",
    "' UNION SELECT * FROM tasks --",
    "a_1' OR asset_id LIKE '%",
    "' || (SELECT title) || '",
    "array_has_any(tags, ['field'])",
    "clip_id IS NOT NULL",
    "1=1) --",
    "/* comment */",
    "\\",
    "\\\\'",
    "''''",
    '"quoted"',
    "`tick`",
    "%",
    "_",
    "*",
    "NULL",
    "東京's 🎧",
    "../../etc/passwd",
    "{'$ne': null}",
]
FORMS = ["@", "@'", "'@", "\\@", "@\\", "(@)", "x@", "@ --"]
SELDOM = 7
HOSTILE = list(dict.fromkeys(form.replace("@", seed) for seed in SEEDS for form in FORMS))


def recording(path: Path, level: int) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(struct.pack("<h", level) * 16000)


async def embedded(client: Client, path: Path, **said: Any) -> str:
    arguments = {"source": str(path), "embedding_option": ["audio"], "wait_seconds": 25, **said}
    result = await client.call_tool("embed_audio", arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    assert result.structured_content["status"] == "ready"
    return str(result.structured_content["asset_id"])


async def rows(store: ClipStore) -> dict[str, list[Any]]:
    """Every field of every row, vectors included, by asset."""
    found: dict[str, list[Any]] = {}
    for info in await store.spaces():
        for clip in await store.embeddings(info.space):
            fields = {name: getattr(clip, name) for name in clip.__dataclass_fields__}
            found.setdefault(clip.asset_id, []).append(fields | {"vector": clip.vector.tobytes()})
    return found


def listed(result: Any) -> set[str]:
    return {each["asset_id"] for each in result.structured_content["assets"]}


async def test_hostile_ids_and_filters_find_nothing_and_change_nothing(connect: Any, grounds: Any) -> None:
    assert len(HOSTILE) >= 200
    async with connect() as client, await ClipStore.open(grounds.home / "store") as store:
        for name, level in (("a", 900), ("b", 1200)):
            recording(grounds.root / f"{name}.wav", level)
            await embedded(client, grounds.root / f"{name}.wav", title=f"Recording {name}", tags=["field"])
        before = await rows(store)
        for number, value in enumerate(HOSTILE):
            refused = [("get_clip", {"clip_id": value}), ("search_clips", {"query": "loud", "asset_ids": [value]})]
            refused.append(("search_clips", {"query": "loud", "tags": [value]}))
            if number % SELDOM == 0:  # these ask the ledger, where values are bound, or answer slowly
                refused += [("get_task", {"task_id": value}), ("read_transcript", {"asset_id": value})]
                refused.append(("search_clips", {"like": value}))
                await client.call_tool("remove_audio", {"asset_id": value})
                assert not (await client.call_tool("search_clips", {"query": value})).is_error, value
                for filters in ({"tags": [value]}, {"title": f"{value}?"}):
                    assert listed(await client.call_tool("list_audio", filters)) == set(), filters
            for tool, arguments in refused:
                assert (await client.call_tool(tool, arguments)).is_error, (tool, arguments)
        assert await rows(store) == before


async def test_hostile_titles_and_tags_come_back_as_they_were_on_their_own_recording(
    connect: Any, grounds: Any
) -> None:
    async with connect() as client, await ClipStore.open(grounds.home / "store") as store:
        for name, level in (("a", 900), ("b", 1200)):
            recording(grounds.root / f"{name}.wav", level)
        other = await embedded(client, grounds.root / "b.wav", title="Recording b", tags=["field"])
        untouched = (await rows(store))[other]
        for number, value in enumerate(HOSTILE):
            assert len(value) <= LONGEST_TAG
            if value.lstrip().startswith("-"):
                continue  # says which tag to take away
            renamed = await embedded(client, grounds.root / "a.wav", title=value, tags=["-*", value])
            kept = await rows(store)
            assert {(row["title"], row["tags"]) for row in kept[renamed]} == {(value, plain_tags((value,)))}
            assert kept[other] == untouched
            shown = await client.call_tool("list_audio", {"tags": [value]})
            [asset] = shown.structured_content["assets"]
            assert asset["asset_id"] == renamed
            assert asset["title"] == plain_text(value, LONGEST_TITLE)
            assert tuple(asset["tags"]) == plain_tags((value,))
            if number % SELDOM == 0:
                found = (
                    await client.call_tool("search_clips", {"query": "speech", "tags": [value]})
                ).structured_content
                assert found["clips_searched"] == 1
                assert {clip["asset_id"] for clip in found["clips"]} <= {renamed}, value
