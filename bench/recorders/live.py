"""What is said now: how long until it is found, what that costs, and what a kill loses.

    python bench/recorders/live.py [--seconds 180] [--kills 3] [--way follow|listen]

The spoken samples of this repository are played in real time, one after the other, into a file that `soundbite add
--follow` follows, or into the pipe of `soundbite listen`. Asked is, twice a second and by another process, for each
sentence that was said: how long after its last word a search for its words finds it, in its time and above the score
line. The share of a core is that of the command with its workers, from the first to the last sentence. Then the command
is killed (-9) at chance moments, and started again: printed is how much of what was written was not searchable at the
kill, and how much is missing in the end. The load of the machine is printed beside: other work slows all of it.
Exit codes: 0 p95 is within ten seconds and no sound is missing, 1 it is not.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine.peaks import processor_seconds

from soundbite_engine.audio.encode import cut
from soundbite_server.libraries import open_library
from soundbite_server.settings import Settings
from soundbite_tools import SearchRequest, ToolProblem, search_clips

SAMPLES = Path(__file__).parents[2] / "samples"
RATE_HZ = 16_000
STEP_S = 0.1
LOOK_S = 0.5
WANTED_S = 10.0
LONGEST_S = 60.0
SOUNDBITE = (sys.executable, "-P", "-m", "soundbite_server")


@dataclass(frozen=True)
class Said:
    """A sentence, and when its last word ends, in seconds of what is played."""

    text: str
    start_sec: float
    end_sec: float


def programme(seconds: float) -> tuple[bytes, list[Said]]:
    """Samples of 16 bits to be played, and what is said in them."""
    sound, said = bytearray(), list[Said]()
    for recording in json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["recordings"]:
        begin_sec = len(sound) / 2 / RATE_HZ
        whole = cut(lambda _: None, str(SAMPLES / recording["file"]), 0.0, recording["seconds"], "wav")
        with wave.open(io.BytesIO(whole)) as file:
            sound += file.readframes(file.getnframes())
        said += [
            Said(event["text"], begin_sec + event["start_sec"], begin_sec + event["end_sec"])
            for event in recording["events"]
            if event["kind"] == "speech" and len(event["text"].split()) > 4
        ]
    return bytes(sound[: round(seconds * RATE_HZ) * 2]), [one for one in said if one.end_sec < seconds - 1.0]


def header() -> bytes:
    """Of a WAV file whose writer does not know how long it will be."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 0xFFFFFFFF, b"WAVE") + form + struct.pack("<4sI", b"data", 0xFFFFFFFF)


async def play(sound: bytes, out: BinaryIO, begun: float) -> None:
    """Write the sound as it would be heard."""
    at = 0
    while at < len(sound):
        last = min(len(sound), int((time.monotonic() - begun) * RATE_HZ) * 2)
        out.write(sound[at:last])
        at = last
        await asyncio.sleep(STEP_S)


async def measure(settings: Settings, said: list[Said], begun: float) -> list[float]:
    """Seconds from the end of each sentence until a search finds it."""
    waits, open_ones = list[float](), list(said)
    async with open_library(settings.model_copy(update={"read_only": True})) as library:
        while open_ones:
            now = time.monotonic() - begun
            for one in [one for one in open_ones if one.end_sec <= now]:
                try:
                    result = await search_clips(library, SearchRequest(query=one.text, top_k=3))
                except ToolProblem:
                    break  # nothing is in it yet
                hits = [clip for clip in result.clips if not clip.is_weak]
                late_s = time.monotonic() - begun - one.end_sec
                if late_s > LONGEST_S or any(
                    clip.start_sec < one.end_sec and clip.end_sec > one.end_sec - 2.0 for clip in hits
                ):
                    waits.append(late_s)
                    open_ones.remove(one)
            await asyncio.sleep(LOOK_S)
    return waits


async def timed(options: argparse.Namespace, folder: Path) -> bool:
    """Play the programme once, and print how late its sentences are found."""
    sound, said = programme(options.seconds)
    settings, environment = at(folder / "home")
    path = folder / "talk.wav"
    is_piped = options.way == "listen"
    words = ("listen", "--json", "--rate", str(RATE_HZ)) if is_piped else ("add", "--json", "--follow", str(path))
    with path.open("wb", buffering=0) as file:
        file.write(header())
        command = subprocess.Popen(
            (*SOUNDBITE, *words), env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        await asyncio.sleep(15.0)  # what a start takes is another figure
        assert command.stdin
        used_s, begun = processor_seconds(command.pid), time.monotonic()
        out: BinaryIO = command.stdin if is_piped else file  # type: ignore[assignment] # a pipe and a file are written alike
        _, waits = await asyncio.gather(play(sound, out, begun), measure(settings, said, begun))
        share = (processor_seconds(command.pid) - used_s) / (time.monotonic() - begun)
    command.stdin.close()
    command.wait(timeout=600)
    waits.sort()
    p95 = waits[min(len(waits) - 1, round(0.95 * len(waits)))]
    print(
        f"{options.way}: {len(waits)} sentences of {options.seconds:.0f} s, from said to found: "
        f"p50 {statistics.median(waits):.1f} s, p95 {p95:.1f} s, most {waits[-1]:.1f} s; {share:.2f} of a core; "
        f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores",
        flush=True,
    )
    return p95 <= WANTED_S


async def killed(folder: Path, number: int) -> bool:
    """Kill the command once, start it again, and print what was lost."""
    chance = random.Random(number)
    sound, _ = programme(60.0)
    _, environment = at(folder / f"home {number}")
    path = folder / f"killed {number}.wav"
    follow = (*SOUNDBITE, "add", "--json", "--follow", str(path))
    with path.open("wb", buffering=0) as file:
        file.write(header())
        command = subprocess.Popen(follow, env=environment, stdout=subprocess.PIPE, text=True)
        await asyncio.sleep(15.0)
        begun = time.monotonic()
        playing = asyncio.create_task(play(sound, file, begun))
        await asyncio.sleep(chance.uniform(25.0, 50.0))
        command.kill()
        written_sec = (path.stat().st_size - len(header())) / 2 / RATE_HZ
        out, _ = command.communicate()
        await playing
    until_sec = max((json.loads(line).get("searchable_until_sec", 0.0) for line in out.splitlines()), default=0.0)
    again = subprocess.run(follow, env=environment, capture_output=True, text=True, timeout=600, check=False)
    last = json.loads(again.stdout.splitlines()[-1])
    missing_sec = len(sound) / 2 / RATE_HZ - last.get("audio_seconds", 0.0)
    is_said = "was interrupted" in again.stderr
    print(
        f"kill {number}: {written_sec:.1f} s were written and {until_sec:.1f} s searchable "
        f"({written_sec - until_sec:.1f} s not yet); {missing_sec:.2f} s are missing in the end; "
        f"the next start {'says so' if is_said else 'says nothing'}",
        flush=True,
    )
    return missing_sec < 0.5 and is_said


def at(home: Path) -> tuple[Settings, dict[str, str]]:
    """The settings of a library of its own, for this process and for a command."""
    values = {"SOUNDBITE_HOME": str(home), "SOUNDBITE_ROOTS": str(home.parent), "SOUNDBITE_LOG_LEVEL": "WARNING"}
    return Settings(home=home, roots=(home.parent,)), {**os.environ, **values}


async def run(options: argparse.Namespace) -> int:
    """Measure, print, and return the exit code."""
    with tempfile.TemporaryDirectory(prefix="soundbite-live-") as name:
        folder = Path(name).resolve()
        results = [await timed(options, folder)] if options.seconds else []
        results += [await killed(folder, number) for number in range(1, options.kills + 1)]
    return 0 if all(results) else 1


def main() -> int:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description="Measure how soon what is said is found.")
    parser.add_argument("--seconds", type=float, default=180.0, help="of the programme; 0 leaves it out")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--way", choices=("follow", "listen"), default="follow")
    return asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
