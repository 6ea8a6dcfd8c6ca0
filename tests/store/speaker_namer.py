"""Another process that names speaker 1 of a recording Ann and Bob by turns, forever: `speaker_namer.py LEDGER`."""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from soundbite_store import Ledger


async def main() -> None:
    """Say `ready` after the first name, then go on."""
    async with await Ledger.open(Path(sys.argv[1])) as ledger:
        for name in itertools.cycle(("Ann", "Bob")):
            assert await ledger.name_speaker("a_1", "embedded", ["1", "2"], name)
            print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
