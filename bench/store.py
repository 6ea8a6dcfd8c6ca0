"""How fast the clip store is and how much it finds, beside other ways to search, all in one run.

Run `python bench/store.py [--rows 10000 100000] [--million] [--no-peers]`. Vectors of 512 numbers in clusters, two
embeddings to a clip. `x` is the time as a multiple of an exact numpy search over the same vectors in memory, measured
before and after. faiss-cpu, chromadb and sqlite-vec with apsw join in where they are installed.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import lancedb
import numpy as np
from numpy.typing import NDArray
from store_data import SPACE, TAG, Sounds, clips, is_tagged, tables
from store_peers import HITS, PEERS, numpy_exact

from soundbite_store import ClipFilter, ClipHit, ClipStore
from soundbite_store.schema import clips_schema

QUERIES = 40
INGESTED = 5_000
AN_ASSET = 500
_MEMORY = """
import asyncio, sys
from soundbite_store import ClipStore, Space
import numpy as np
async def main():
    async with await ClipStore.open(sys.argv[1]) as store:
        for seed in range(20):
            await store.vector_search(Space("bench-1", 512), np.random.default_rng(seed).normal(size=512))
        await store.text_search(Space("bench-1", 512), "word40")
        lines = open("/proc/self/status").read().splitlines()
        print(next(line.split()[1] for line in lines if line.startswith("VmRSS")))
asyncio.run(main())
"""


def main() -> None:
    """Measure each size and print its table."""
    parser = argparse.ArgumentParser(description="Measure the clip store beside other ways to search.")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--million", action="store_true", help="also a million rows: 5 GB of disk and some minutes")
    parser.add_argument("--no-peers", action="store_true", help="only numpy and the store")
    options = parser.parse_args()
    for rows in [*options.rows, *([1_000_000] if options.million else [])]:
        with tempfile.TemporaryDirectory(prefix="soundbite-bench-") as folder:
            asyncio.run(measure(rows, Path(folder), with_peers=not options.no_peers))


async def measure(rows: int, folder: Path, *, with_peers: bool) -> None:
    """One size: fill the store, search it, search the others."""
    sounds = Sounds()
    vectors = np.concatenate([sounds.vectors(min(50_000, rows - first)) for first in range(0, rows, 50_000)])
    picked = np.random.default_rng(2).integers(0, rows, QUERIES)
    queries = vectors[picked] + 0.02 * np.random.default_rng(3).normal(size=(QUERIES, SPACE.dimension))
    queries = (queries / np.linalg.norm(queries, axis=1, keepdims=True)).astype(np.float32)
    print(f"\n## {rows:,} rows of {SPACE.dimension} numbers")
    if rows <= 100_000:
        await measure_ingest(sounds, vectors, folder)
    async with await ClipStore.open(folder / "store") as store:
        await fill(store, vectors, sounds)
        await measure_searches(store, vectors, queries)
    if with_peers:
        measure_peers(vectors, queries)
    size = sum(path.stat().st_size for path in (folder / "store").rglob("*") if path.is_file())
    print(f"disk {size / 1e6:,.0f} MB ({size / vectors.nbytes:.2f} x the vectors)")
    ran = [sys.executable, "-c", _MEMORY, str(folder / "store")]
    done = await asyncio.to_thread(subprocess.run, ran, capture_output=True, text=True, check=True)
    print(f"memory of a process after 21 searches: {int(done.stdout) / 1024:,.0f} MB")


async def measure_ingest(sounds: Sounds, vectors: NDArray[np.float32], folder: Path) -> None:
    """The same clips, an asset at a time: through the store, and as plain rows through LanceDB's own add."""
    made = clips(vectors[:INGESTED], sounds.transcripts(INGESTED), 0)
    batches = [made[first : first + AN_ASSET] for first in range(0, INGESTED, AN_ASSET)]
    async with await ClipStore.open(folder / "ingest") as store:
        await store.upsert(SPACE, batches[0])
        started = time.perf_counter()
        for batch in batches[1:]:
            await store.upsert(SPACE, batch, replace_assets=True)
        ours = (INGESTED - AN_ASSET) / (time.perf_counter() - started)
    table = await (await lancedb.connect_async(folder / "raw")).create_table("raw", schema=clips_schema(SPACE))
    started = time.perf_counter()
    for batch in batches[1:]:
        # Keys and checksums are our own; LanceDB only has to take the rows.
        await table.add(
            [
                {name: getattr(clip, name) for name in clip.__dataclass_fields__}
                | {"row_id": clip.clip_id + clip.embedding_option, "checksum": 0, "tags": list(clip.tags)}
                for clip in batch
            ]
        )
    raw = (INGESTED - AN_ASSET) / (time.perf_counter() - started)
    print(f"ingest {ours:,.0f} rows/s, raw LanceDB add {raw:,.0f} rows/s: {ours / raw:.2f} x")


async def fill(store: ClipStore, vectors: NDArray[np.float32], sounds: Sounds) -> None:
    """Load all rows at once and build the indexes."""
    table = await store._connection.table_for_writing(SPACE)
    started = time.perf_counter()
    for batch in tables(vectors, sounds):
        await table.lance.add(batch)
    loaded = time.perf_counter()
    await store.optimise(SPACE)
    index = (await store.spaces())[0].index
    print(f"load {loaded - started:.1f} s, indexes {time.perf_counter() - loaded:.1f} s; {index}")


async def measure_searches(store: ClipStore, vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> None:
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
        recall = await recall_of(store, queries, where)
        ways.append((name, lambda row, where=where: store.vector_search(SPACE, queries[row], where=where), recall))
    ways.append(("full text", lambda row: store.text_search(SPACE, texts[row]), None))
    ways.append(("a word of every row", lambda row: store.text_search(SPACE, "everywhere"), None))
    ways.append(("5 new words counted", lambda row: store.term_document_counts(SPACE, new_words(row)), None))
    ways.append(("hybrid", hybrid, None))
    measured = [(name, await times(way, len(queries)), recall) for name, way, recall in ways]
    base = [*before, *await times(exact, len(queries))]
    report("numpy exact", base, base, 1.0)
    for name, taken, recall in measured:
        report(name, taken, base, recall)
    chosen = numpy_exact(vectors[is_tagged(len(vectors))])
    report("numpy exact, 1 % tagged", [timed(chosen, query)[0] for query in queries], base, 1.0)


def new_words(row: int) -> list[str]:
    """Words that no question asked before, a common one among them."""
    return [f"word{row}", *(f"word{1_000 + 4 * row + more}" for more in range(4))]


async def recall_of(store: ClipStore, queries: NDArray[np.float32], where: ClipFilter) -> float:
    """Share of the ten nearest clips by exact search that the usual search finds."""
    found = total = 0
    for query in queries:
        near = {hit.clip.clip_id for hit in await store.vector_search(SPACE, query, where=where, limit=HITS)}
        true = await store.vector_search(SPACE, query, where=where, limit=HITS, exact=True)
        found += len(near & {hit.clip.clip_id for hit in true})
        total += len(true)
    return found / total


def measure_peers(vectors: NDArray[np.float32], queries: NDArray[np.float32]) -> None:
    """The peers that are installed, against numpy in the same minute."""
    exact = numpy_exact(vectors)
    for peer in PEERS:
        if missing := peer.missing():
            print(f"{peer.name:24} skipped: {' and '.join(missing)} not installed")
        elif len(vectors) > peer.most_rows:
            print(f"{peer.name:24} skipped: building takes too long at this size")
        else:
            search = peer.build(vectors)
            base = [timed(exact, query) for query in queries]
            taken = [timed(search, query) for query in queries]
            hits = sum(len(set(near) & set(true)) for (_, near), (_, true) in zip(taken, base, strict=True))
            report(peer.name, [ms for ms, _ in taken], [ms for ms, _ in base], hits / HITS / len(queries))


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
