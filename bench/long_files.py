"""What a long recording costs: time, times real time, and memory of the server with its workers.

    python bench/long_files.py FOLDER [--hours 1] [--no-words] [--workers 2]

The recording is made by a script from those under FOLDER (any recordings): the speech of a folder in the evaluation
format, else all there is, again and again, each time a little faster or slower, louder or softer, with gaps between. It
is embedded by a server of its own process, asked as an agent would ask. Printed is how it goes on, and at the end the
time, the ratio and the peaks; memory is sampled and summed over the server and its workers, as resident (shared pages
counted once for each) and as proportional (counted once). Exit codes: 0 embedded, 1 failed, 2 bad folder.
"""

import argparse
import asyncio
import csv
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from acoustics.scenes import RATE_HZ, Floats, audible, read_sound
from machine.peaks import current_mb, process_family, proportional_mb
from mcp import Client, StdioServerParameters, stdio_client
from retrieval.embedded_library import ToolCallError, call

from soundbite_engine.errors import MediaError

SAMPLE_SEC = 0.5
POLL_SEC = 5
LOOK_SEC = 0.5  # until the first part is there
SPEEDS = (0.94, 1.06)
GAINS = (0.5, 1.4)
GAPS_SEC = (0.4, 1.2)


@dataclass
class Memory:
    """The most and the last of the memory of the server's family, in MB."""

    peak_resident: float = 0.0
    peak_proportional: float = 0.0

    def sample(self) -> str:
        """Look once; returns what it is now, for a line of progress."""
        _, *family = process_family()
        resident = sum(current_mb(pid) or 0.0 for pid in family)
        proportional = sum(proportional_mb(pid) or 0.0 for pid in family)
        self.peak_resident = max(self.peak_resident, resident)
        self.peak_proportional = max(self.peak_proportional, proportional)
        return f"{resident:.0f} MB resident, {proportional:.0f} MB proportional, {len(family)} processes"


def main() -> int:
    """Make the recording, embed it, print what it cost."""
    parser = argparse.ArgumentParser(description="Embed a long recording and measure time and memory.")
    parser.add_argument("folder", type=Path, help="recordings to make it of")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--no-words", action="store_true", help="leave the transcription out")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--profile", default="base")
    options = parser.parse_args()
    sounds = speech_of(options.folder)
    if not sounds:
        print(f"long_files: {options.folder} holds no recordings.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="soundbite-long-") as folder:
        path = Path(folder).resolve() / "long.wav"
        seconds = options.hours * 3600
        write_long(path, sounds, seconds)
        print(f"{options.hours:g} h made of {len(sounds)} recordings", flush=True)
        try:
            return asyncio.run(embed_and_tell(path, seconds, options))
        except ToolCallError as exc:
            print(f"long_files: {exc}", file=sys.stderr)
            return 1


def speech_of(folder: Path) -> list[Floats]:
    """The speech of a folder in the evaluation format, or every recording of another one."""
    try:
        with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
            paths = [folder / row["path"] for row in csv.DictReader(file) if row["transcript"]]
    except OSError:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
    found = []
    for path in paths:
        try:
            found.append(audible(read_sound(path)))
        except MediaError:
            continue  # a text, a table
    return found


def write_long(path: Path, sounds: list[Floats], seconds: float) -> None:
    """Write `seconds` of changed repetitions to a WAV file."""
    missing = round(seconds * RATE_HZ)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        for part in repetitions(sounds):
            file.writeframesraw((np.clip(part[:missing], -1, 1) * 32767).astype("<i2").tobytes())
            missing -= part.size
            if missing <= 0:
                return


def repetitions(sounds: list[Floats]) -> Iterator[Floats]:
    """The sounds again and again in changing order, at other speeds and levels, a gap after each."""
    rng = np.random.default_rng(0)
    while True:
        for index in rng.permutation(len(sounds)):
            sound = sounds[index]
            at = np.arange(0, sound.size - 1, rng.uniform(*SPEEDS))
            changed = np.interp(at, np.arange(sound.size), sound) * rng.uniform(*GAINS)
            gap = rng.normal(0, 1e-4, round(rng.uniform(*GAPS_SEC) * RATE_HZ))
            yield np.concatenate([changed, gap]).astype(np.float32)


async def embed_and_tell(path: Path, seconds: float, options: argparse.Namespace) -> int:
    """Embed the recording through a server of its own, saying how it goes on."""
    environment = {
        "SOUNDBITE_HOME": str(path.parent / "home"),
        "SOUNDBITE_ROOTS": str(path.parent),
        "SOUNDBITE_WORKERS": str(options.workers),
        "SOUNDBITE_PROFILE": options.profile,
        "SOUNDBITE_LOG_LEVEL": "WARNING",
    }
    server = StdioServerParameters(
        command=sys.executable, args=["-P", "-m", "soundbite_server", "serve"], env=environment, cwd=path.parent
    )
    memory = Memory()
    async with Client(stdio_client(server)) as client:
        watching = asyncio.create_task(_watch(memory))
        started = time.perf_counter()
        wanted = ["audio"] if options.no_words else ["audio", "transcription"]
        task = await call(client, "embed_audio", source=str(path), embedding_option=wanted, wait_seconds=0)
        first_part = None
        while task["status"] == "processing":
            wait_sec = POLL_SEC if first_part else LOOK_SEC
            task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=wait_sec)
            if first_part is None and task.get("searchable_until_sec"):
                first_part = time.perf_counter() - started
                print(f"first part searchable after {first_part:.0f} s, until {task['searchable_until_sec']:.0f} s")
            print(
                f"{time.perf_counter() - started:6.0f} s  {task.get('stage', task['status']):12} "
                f"{task.get('progress', 1.0):4.0%}  {memory.sample()}",
                flush=True,
            )
        spent = time.perf_counter() - started
        watching.cancel()
    if task["status"] != "ready":
        raise ToolCallError(task.get("error", task["status"]))
    print(
        f"{seconds / 3600:.2f} h in {spent:.0f} s: {seconds / spent:.0f} x real time, {task['embedding_count']} vectors"
    )
    print(f"peak {memory.peak_resident:.0f} MB resident, {memory.peak_proportional:.0f} MB proportional")
    return 0


async def _watch(memory: Memory) -> None:
    while True:
        memory.sample()
        await asyncio.sleep(SAMPLE_SEC)


if __name__ == "__main__":
    raise SystemExit(main())
