"""How fast the clip store is and how much it finds, beside other ways to search, all in one run.

Run `python bench/store.py [--rows 10000 100000 1000000] [--no-peers]`; a million rows take 5 GB of disk, 10 with the
peers, and eight minutes. Vectors of 512 numbers in clusters, two embeddings to a clip. `x` is the time as a multiple of
an exact numpy search over the same vectors in memory, measured before and after. The peers of bench/storage/peers.txt
join in where they are installed. What is wanted at a size stands at its end, each limit reached or missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
from numpy.typing import NDArray
from serving.stdio_server import started
from storage.data import SPACE, TAG, Sounds, clip_number, clips, is_tagged, tables
from storage.limits import FILTERED_RECALL, IDLE_MB, INGEST, QUESTION_MS, RECALL, TIDYING, TIME, verdicts
from storage.peers import HITS, PEERS, numpy_exact

from soundbite_store import Clip, ClipFilter, ClipHit, ClipStore
from soundbite_store.lance.schema import clips_schema
from soundbite_store.rows import to_table

QUERIES = 40
FEWER = 10  # of a peer that takes a second for each
MOST_BUILD_S = 120.0
INGESTED = 10_000
AN_ASSET = 500
COMMITS, A_COMMIT = 40, 100
SERVER_SEARCHES = 60
IDLE_S = 10.0


def main() -> None:
    """Measure each size and print its table."""
    parser = argparse.ArgumentParser(description="Measure the clip store beside other ways to search.")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--no-peers", action="store_true", help="only numpy and the store")
    parser.add_argument("--json", type=Path, help="write the figures here too")
    options = parser.parse_args()
    measured = []
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="soundbite-bench-") as folder:
            figures = asyncio.run(measure(rows, Path(folder), with_peers=not options.no_peers))
        measured.append({"rows": rows} | {figure: round(value, 4) for figure, value in figures.items()})
        if options.json:
            options.json.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")


async def measure(rows: int, folder: Path, *, with_peers: bool) -> dict[str, float]:
    """One size: fill the store, search it, search the others."""
    sounds = Sounds()
    vectors = np.concatenate([sounds.vectors(min(50_000, rows - first)) for first in range(0, rows, 50_000)])
    picked = np.random.default_rng(2).integers(0, rows, QUERIES)
    queries = vectors[picked] + 0.02 * np.random.default_rng(3).normal(size=(QUERIES, SPACE.dimension))
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    print(f"\n## {rows:,} rows of {SPACE.dimension} numbers", flush=True)
    figures: dict[str, float] = {}
    async with await ClipStore.open(folder / "store") as store:
        await fill(store, vectors, sounds)
        figures |= await measure_searches(store, vectors, queries)
        print(await disk(store, folder / "store", vectors.nbytes))
    figures |= await asyncio.to_thread(measure_server, folder)
    async with await ClipStore.open(folder / "store") as store:
        figures |= await measure_ingest(store, sounds, rows, folder)
        figures |= await measure_tidying(store, sounds, rows)
    if with_peers:
        measure_peers(vectors, queries, folder)
    print("\n".join(["wanted:", *verdicts(rows, figures)]), flush=True)
    return figures


async def disk(store: ClipStore, folder: Path, vectors: int) -> str:
    """What the store takes on the disk, by parts, as multiples of the vectors."""
    table = await store.connection.table_for_writing(SPACE)
    stats: Any = await table.lance.stats()  # a dict, whatever its annotation says
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    newest = stats["total_bytes"]
    parts = {"rows and indexes": newest, "versions kept for an hour": total - newest}
    shares = ", ".join(f"{name} {size / vectors:.2f}" for name, size in parts.items())
    return f"disk {total / 1e6:,.0f} MB ({total / vectors:.2f} x the vectors: {shares})"


async def measure_ingest(store: ClipStore, sounds: Sounds, rows: int, folder: Path) -> dict[str, float]:
    """More clips, an asset at a time: into the full store, and as plain rows through LanceDB's own add."""
    made = clips(sounds.vectors(INGESTED), sounds.transcripts(INGESTED), -(-rows // AN_ASSET) * AN_ASSET)
    batches = [made[first : first + AN_ASSET] for first in range(0, INGESTED, AN_ASSET)]
    half = len(batches) // 2
    # Keys and checksums are our own; LanceDB only has to take the rows.
    raw = await added(folder / "raw before", batches[:half], plain_rows)
    await store.upsert(SPACE, batches[0])
    started = time.perf_counter()
    for batch in batches[1:]:
        await store.upsert(SPACE, batch)
    ours = (time.perf_counter() - started) / (len(batches) - 1)
    raw = (raw + await added(folder / "raw after", batches[half:], plain_rows)) / 2
    arrow = await added(
        folder / "arrow", [to_table(SPACE, clips_schema(SPACE), batch) for batch in batches], lambda table: table
    )
    started = time.perf_counter()
    await store.wait_for_upkeep()
    print(
        f"ingest {AN_ASSET / ours:,.0f} rows/s, tidied {time.perf_counter() - started:.1f} s later; raw LanceDB add "
        f"{AN_ASSET / raw:,.0f} rows/s: {raw / ours:.2f} x; of ready Arrow tables {AN_ASSET / arrow:,.0f} rows/s: "
        f"{arrow / ours:.2f} x",
        flush=True,
    )
    return {INGEST: raw / ours}


async def measure_tidying(store: ClipStore, sounds: Sounds, rows: int) -> dict[str, float]:
    """What is read and written to tidy small commits into the full store, beside what it holds."""
    await store.optimise(SPACE)
    table = await store.connection.table_for_writing(SPACE)
    first = 2 * (-(-rows // AN_ASSET) * AN_ASSET + INGESTED)
    for batch in range(COMMITS):
        made = clips(sounds.vectors(A_COMMIT), sounds.transcripts(A_COMMIT), first + batch * AN_ASSET)
        await table.upsert(made, None)  # not by the store, which would tidy them unasked
    held: Any = await table.lance.stats()  # a dict, whatever its annotation says
    before, started = moved_bytes(), time.perf_counter()
    await store.optimise(SPACE)
    read, written = (after - earlier for after, earlier in zip(moved_bytes(), before, strict=True))
    total, mb = held["total_bytes"], 1e6
    print(
        f"tidying {COMMITS * A_COMMIT:,} rows of {COMMITS} commits: {time.perf_counter() - started:.1f} s, "
        f"{read / mb:,.0f} MB read and {written / mb:,.0f} written, of {total / mb:,.0f} MB of rows and indexes",
        flush=True,
    )
    return {TIDYING: read / total}


def moved_bytes() -> tuple[int, int]:
    """Bytes that this process has read and written so far."""
    lines = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


def plain_rows(batch: Sequence[Clip]) -> list[dict[str, Any]]:
    """The clips as LanceDB's examples have them: a dictionary each."""
    return [
        {name: getattr(clip, name) for name in clip.__dataclass_fields__}
        | {"row_id": clip.clip_id + clip.embedding_option, "checksum": 0, "tags": list(clip.tags)}
        for clip in batch
    ]


async def added(folder: Path, batches: Sequence[Any], prepared: Callable[[Any], Any]) -> float:
    """Seconds that LanceDB's own add takes for a batch behind the first."""
    table = await (await lancedb.connect_async(folder)).create_table("raw", schema=clips_schema(SPACE))
    await table.add(prepared(batches[0]))
    started = time.perf_counter()
    for batch in batches[1:]:
        await table.add(prepared(batch))
    return (time.perf_counter() - started) / (len(batches) - 1)


def measure_server(folder: Path) -> dict[str, float]:
    """What a question takes of a server on the store, embedding included, and its memory then and a little later."""
    home, taken = folder / "home", []
    place = {"SOUNDBITE_STORE": str(folder / "store"), "SOUNDBITE_WORKERS": "1"}
    with environment(place), started([sys.executable, "-m", "soundbite_server", "serve"], home) as server:
        server.greet()
        for row in range(SERVER_SEARCHES):
            arguments = {"query": f"word{40 + row} word{400 + row}"}
            begun = time.perf_counter()
            answer = server.request("tools/call", {"name": "search_clips", "arguments": arguments})
            taken.append((time.perf_counter() - begun) * 1e3)
            if answer.get("isError"):
                print(f"a server: not measured, its search failed: {answer['content']}")
                return {}
        busy = resident_mb(server.process.pid)
        time.sleep(IDLE_S)
        idle = resident_mb(server.process.pid)
    p50, p95 = np.percentile(taken[SERVER_SEARCHES // 2 :], [50, 95])
    print(f"a question over MCP p50 {p50:.1f} ms  p95 {p95:.1f} ms; the first {taken[0]:.0f} ms")
    print(f"memory of a server after {SERVER_SEARCHES} searches: {busy:,.0f} MB, idle {idle:,.0f} MB", flush=True)
    return {IDLE_MB: idle, QUESTION_MS: float(p50)}


@contextmanager
def environment(changes: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS"))) / 1024


async def fill(store: ClipStore, vectors: NDArray[np.float32], sounds: Sounds) -> None:
    """Load all rows at once and build the indexes."""
    table = await store.connection.table_for_writing(SPACE)
    started = time.perf_counter()
    for batch in tables(vectors, sounds):
        await table.lance.add(batch)
    loaded = time.perf_counter()
    await store.optimise(SPACE)
    index = (await store.spaces())[0].index
    print(f"load {loaded - started:.1f} s, indexes {time.perf_counter() - loaded:.1f} s; {index}")


async def measure_searches(
    store: ClipStore, vectors: NDArray[np.float32], queries: NDArray[np.float32]
) -> dict[str, float]:
    """Vector, filtered, full-text and hybrid search; recall against an exact one."""
    spoken = ClipFilter(embedding_option="audio", embedding_scope="clip")
    tagged = ClipFilter(tags_any=(TAG,))

    async def exact(row: int) -> object:
        return numpy_exact(vectors)(queries[row])

    async def hybrid(row: int) -> list[ClipHit]:
        both = await asyncio.gather(
            store.vector_search(SPACE, queries[row], where=spoken), store.text_search(SPACE, texts[row])
        )
        return [hit for hits in both for hit in hits]

    texts = [f"word{40 + row} word{400 + row} everywhere" for row in range(len(queries))]
    before = await times(exact, len(queries))
    ways: list[tuple[str, Callable[[int], Awaitable[object]], float | None]] = []
    for name, where in (("vector", ClipFilter()), ("vector, one option", spoken), ("vector, 1 % tagged", tagged)):
        recall = await recall_of(store, vectors, queries, where)
        ways.append((name, lambda row, where=where: store.vector_search(SPACE, queries[row], where=where), recall))
    ways.append(("full text", lambda row: store.text_search(SPACE, texts[row]), None))
    ways.append(("a word of every row", lambda row: store.text_search(SPACE, "everywhere"), None))
    ways.append(("hybrid", hybrid, None))
    measured = [(name, await times(way, len(queries)), recall) for name, way, recall in ways]
    base = [*before, *await times(exact, len(queries))]
    report("numpy exact", base, base, 1.0)
    for name, taken, recall in measured:
        report(name, taken, base, recall)
    chosen = numpy_exact(vectors[is_tagged(len(vectors))])
    report("numpy exact, 1 % tagged", [timed(chosen, query)[0] for query in queries], base, 1.0)
    (_, taken, recall), _, (_, _, filtered_recall), *_ = measured
    assert recall is not None
    assert filtered_recall is not None
    share = float(np.percentile(taken, 50) / np.percentile(base, 50))
    return {RECALL: recall, TIME: share, FILTERED_RECALL: filtered_recall}


async def recall_of(
    store: ClipStore, vectors: NDArray[np.float32], queries: NDArray[np.float32], where: ClipFilter
) -> float:
    """Share of the ten clips that are truly nearest, by numpy, that the usual search finds."""
    step = 100 if where.tags_any else 2 if where.embedding_option else 1
    looked_at = vectors[::step]
    found = total = 0
    for query in queries:
        scores = looked_at @ query
        best = np.argpartition(-scores, 3 * HITS)[: 3 * HITS]
        order = best[np.argsort(-scores[best])] * step
        true = set(list(dict.fromkeys(int(row) // 2 for row in order))[:HITS])
        near = {clip_number(hit.clip) for hit in await store.vector_search(SPACE, query, where=where, limit=HITS)}
        found += len(near & true)
        total += len(true)
    return found / total


def measure_peers(vectors: NDArray[np.float32], queries: NDArray[np.float32], folder: Path) -> None:
    """The peers that are installed, against numpy in the same minute."""
    for peer in PEERS:
        if missing := peer.missing():
            print(f"{peer.name:24} skipped: {' and '.join(missing)} not installed")
            continue
        place = folder / peer.name
        place.mkdir()
        begun = time.perf_counter()
        search, taken_in = peer.build(vectors, place, begun + MOST_BUILD_S)
        built = taken_in / (time.perf_counter() - begun)
        exact = numpy_exact(vectors[:taken_in])
        asked = queries[: QUERIES if taken_in <= 100_000 else FEWER]
        base = [timed(exact, query) for query in asked]
        taken = [timed(search, query) for query in asked]
        hits = sum(len(set(near) & set(true)) for (_, near), (_, true) in zip(taken, base, strict=True))
        report(peer.name, [ms for ms, _ in taken], [ms for ms, _ in base], hits / HITS / len(asked))
        cut = f", CUT after {MOST_BUILD_S:.0f} s: only {taken_in:,} rows" if taken_in < len(vectors) else ""
        print(f"{'':24} built at {built:,.0f} rows/s{cut}", flush=True)


def timed(search: Callable[[NDArray[np.float32]], list[int]], query: NDArray[np.float32]) -> tuple[float, list[int]]:
    started = time.perf_counter()
    found = search(query)
    return (time.perf_counter() - started) * 1e3, found


async def times(way: Callable[[int], Awaitable[object]], count: int) -> list[float]:
    """Milliseconds of each call, after one that warms up."""
    await way(0)
    taken = []
    for row in range(count):
        started = time.perf_counter()
        await way(row)
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


def report(name: str, taken: Sequence[float], base: Sequence[float], recall: float | None) -> None:
    p50, p95 = np.percentile(taken, [50, 95])
    ratio = p50 / np.percentile(base, 50)
    found = "" if recall is None else f"  recall {recall:.3f}"
    print(f"{name:24} p50 {p50:8.2f} ms  p95 {p95:8.2f} ms  {ratio:6.2f} x numpy{found}", flush=True)


if __name__ == "__main__":
    main()
