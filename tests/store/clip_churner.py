"""Another process on the same store that writes, replaces, renames, compacts and deletes: `clip_churner.py STORE`."""

from __future__ import annotations

import asyncio
import dataclasses
import sys

from clip_writer import SPACE, clip

from soundbite_store import Clip, ClipStore


def clips(asset_id: str, round_number: int) -> list[Clip]:
    made = [clip(1_000 + index, asset_id) for index in range(10)]
    return [dataclasses.replace(clip, transcript=f"word in round{round_number}") for clip in made]


async def main(store: str) -> None:
    async with await ClipStore.open(store) as other:
        for number in range(7):
            for round_number in range(3):
                await other.upsert(SPACE, clips(f"a_{number}", round_number), replace_assets=True)
                await other.update_asset(f"a_{number}", title=f"Title {round_number}")
            await other.optimise(SPACE)
            if number > 1:
                await other.delete_asset(f"a_{number - 2}")
        await other.optimise(SPACE)


asyncio.run(main(sys.argv[1]))
