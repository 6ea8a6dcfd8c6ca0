"""Other ways to find the nearest vectors, each behind the same two functions; those not installed are left out.

`pip install -r bench/storage/peers.txt`, in an environment of its own if need be, installs them. Those that take rows
in parts stop at a deadline.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_ADDED_AT_ONCE = 5_000
Search = Callable[[NDArray[np.float32]], list[int]]
HITS = 10


@dataclass(frozen=True)
class Peer:
    """A way to search; `build` gets vectors, a folder and a deadline, and says how many rows it took until then."""

    name: str
    needs: tuple[str, ...]
    build: Callable[[NDArray[np.float32], Path, float], tuple[Search, int]]

    def missing(self) -> list[str]:
        return [module for module in self.needs if importlib.util.find_spec(module) is None]


def numpy_exact(vectors: NDArray[np.float32]) -> Search:
    """Every product in memory: the limit of what an exact search can do."""

    def search(query: NDArray[np.float32]) -> list[int]:
        scores = vectors @ query
        best = np.argpartition(-scores, HITS)[:HITS]
        return [int(row) for row in best[np.argsort(-scores[best])]]

    return search


def _parts(vectors: NDArray[np.float32], deadline: float) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The rows in parts with the number of the first, until the deadline (by `time.perf_counter`)."""
    for first in range(0, len(vectors), _ADDED_AT_ONCE):
        if first and time.perf_counter() > deadline:
            return
        yield first, vectors[first : first + _ADDED_AT_ONCE]


def _faiss_flat(vectors: NDArray[np.float32], folder: Path, deadline: float) -> tuple[Search, int]:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return lambda query: [int(row) for row in index.search(query[None], HITS)[1][0]], len(vectors)


def _faiss_ivf(vectors: NDArray[np.float32], folder: Path, deadline: float) -> tuple[Search, int]:
    import faiss

    partitions = int(len(vectors) ** 0.5)
    index = faiss.index_factory(vectors.shape[1], f"IVF{partitions},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(vectors[:: max(1, len(vectors) // (40 * partitions))])
    for _, part in _parts(vectors, deadline):
        index.add(part)
    index.nprobe = 20
    return lambda query: [int(row) for row in index.search(query[None], HITS)[1][0]], index.ntotal


def _chroma(vectors: NDArray[np.float32], folder: Path, deadline: float) -> tuple[Search, int]:
    import chromadb

    client = chromadb.PersistentClient(folder, settings=chromadb.Settings(anonymized_telemetry=False))
    collection = client.create_collection("bench", configuration={"hnsw": {"space": "cosine"}})
    for first, part in _parts(vectors, deadline):
        collection.add([str(first + row) for row in range(len(part))], embeddings=part)

    def search(query: NDArray[np.float32]) -> list[int]:
        return [int(row) for row in collection.query(query[None], n_results=HITS, include=[])["ids"][0]]

    return search, collection.count()


def _sqlite_vec(vectors: NDArray[np.float32], folder: Path, deadline: float) -> tuple[Search, int]:
    import apsw  # the sqlite3 of many Pythons cannot load extensions
    import sqlite_vec

    db = apsw.Connection(str(folder / "vectors.db"))
    db.enable_load_extension(True)
    db.load_extension(sqlite_vec.loadable_path())
    db.execute(f"CREATE VIRTUAL TABLE v USING vec0(vector float[{vectors.shape[1]}] distance_metric=cosine)")
    taken_in = 0
    with db:
        for first, part in _parts(vectors, deadline):
            rows = ((first + row, vector.tobytes()) for row, vector in enumerate(part))
            db.executemany("INSERT INTO v (rowid, vector) VALUES (?, ?)", rows)
            taken_in = first + len(part)
    sql = f"SELECT rowid FROM v WHERE vector MATCH ? AND k = {HITS} ORDER BY distance"
    return lambda query: [int(row[0]) for row in db.execute(sql, (query.tobytes(),))], taken_in


PEERS = (
    Peer("faiss flat", ("faiss",), _faiss_flat),
    Peer("faiss ivf sq8", ("faiss",), _faiss_ivf),
    Peer("chromadb", ("chromadb",), _chroma),
    Peer("sqlite-vec", ("sqlite_vec", "apsw"), _sqlite_vec),
)
