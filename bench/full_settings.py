"""What batches and threads are worth to the two networks of the `full` profile, on this machine.

    python bench/full_settings.py [--only clap|whisper] [--rounds N]

CLAP's audio encoder and Whisper base in their real widths with random weights (networks/random_clap.py, and the Whisper
of the tests): the arithmetic is the published networks', the answers are noise. Each line is a way to use all cores or
one: so many processes of so many threads, each given so many windows at a time (ten seconds for CLAP, 28 for Whisper,
with 90 tokens written to each, five beams). Printed are seconds of sound for each second that passes, of all processes
together, and the memory of one. Needs the extra `full` and the development dependencies.
"""

import argparse
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from machine.peaks import peak_mb
from networks.random_clap import BANDS, FRAMES, write_random_clap

from soundbite_engine.sound.clap import SoundEncoder
from soundbite_engine.workers.plans import PASSAGE_SEC

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "engine" / "packs"))
from tiny_whisper import MEL_BANDS, Shape, write_tiny_whisper

WHISPER_BASE = Shape(width=512, heads=8, layers=6, tokens=50257)
CLAP_SEC = 10.0
MEL_FRAMES = 3000
TOKENS, BEAMS = 90, 5
BATCHES = (1, 2, 4, 8)
LIMIT_S = 120.0


@dataclass(frozen=True)
class Way:
    """One line of the table."""

    network: str
    path: Path
    processes: int
    threads: int
    batch: int


def main() -> int:
    """Make the networks, measure every way, print the table."""
    parser = argparse.ArgumentParser(description="Measure batches and threads for the networks of the full profile.")
    parser.add_argument("--rounds", type=int, default=3, help="batches that each process is given, 3 by default")
    parser.add_argument("--only", choices=("clap", "whisper"), default="", help="one of the two networks")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # the quantiser recommends a step that these networks have no use for
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="soundbite-full-") as folder:
        networks = written(Path(folder), options.only)
        print(f"{'network':14} processes  threads  batch  x real time  MB each")
        for network, path in networks.items():
            for processes, threads in sorted({(1, 1), (1, cores), (cores, 1)}):
                for batch in BATCHES:
                    way = Way(network, path, processes, threads, batch)
                    speed, memory = measured(way, options.rounds)
                    print(f"{network:14} {processes:9} {threads:8} {batch:6} {speed:12.1f} {memory:8.0f}", flush=True)
    return 0


def written(folder: Path, only: str) -> dict[str, Path]:
    """The networks by name, those of `only` where it is given."""
    found = {}
    if only != "whisper":
        found |= {f"clap {name}": path for name, path in write_random_clap(folder / "clap").items()}
    if only != "clap":
        found["whisper base"] = write_tiny_whisper(folder / "whisper", WHISPER_BASE)
    return found


def measured(way: Way, rounds: int) -> tuple[float, float]:
    """Seconds of sound a second, and the most memory of a process in MB."""
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(way.processes), context.Queue()
    processes = [context.Process(target=_work, args=(way, rounds, start, results)) for _ in range(way.processes)]
    for process in processes:
        process.start()
    found = [results.get(timeout=LIMIT_S) for _ in processes]
    for process in processes:
        process.join()
    heard = rounds * way.batch * (CLAP_SEC if "clap" in way.network else PASSAGE_SEC)
    return sum(heard / seconds for seconds, _ in found), max(memory for _, memory in found)


def _work(way: Way, rounds: int, start: Any, results: Any) -> None:
    run = (_clap if "clap" in way.network else _whisper)(way)
    run()
    start.wait(LIMIT_S)
    began = time.perf_counter()
    for _ in range(rounds):
        run()
    results.put((time.perf_counter() - began, peak_mb(os.getpid()) or 0.0))


def _clap(way: Way) -> Callable[[], object]:
    encoder = SoundEncoder(way.path, way.threads)
    pictures = list(np.random.default_rng(0).normal(-30, 20, (way.batch, FRAMES, BANDS)).astype(np.float32))
    return lambda: encoder.encode(pictures)


def _whisper(way: Way) -> Callable[[], object]:
    import ctranslate2

    model = ctranslate2.models.Whisper(str(way.path), device="cpu", compute_type="int8", intra_threads=way.threads)
    end = WHISPER_BASE.tokens  # the token after those of the text says that all is said
    pictures = np.random.default_rng(0).normal(0, 0.5, (way.batch, MEL_BANDS, MEL_FRAMES)).astype(np.float32)
    prompts = [[end + 1, end + 2, end + 5]] * way.batch

    def run() -> object:
        heard = model.encode(ctranslate2.StorageView.from_array(pictures))
        found = model.generate(heard, prompts, beam_size=BEAMS, max_length=2 * TOKENS, suppress_tokens=[end])
        if any(len(each.sequences_ids[0]) != TOKENS for each in found):
            raise RuntimeError(f"the recogniser did not write {TOKENS} tokens")
        return found

    return run


if __name__ == "__main__":
    raise SystemExit(main())
