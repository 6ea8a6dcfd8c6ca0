"""One of the peers, fed and started inside its own environment; bench/peers.py calls this with that Python.

    python text_servers/server.py fill chroma-mcp FOLDER < texts, a line each
    python text_servers/server.py serve chroma-mcp FOLDER

Neither peer starts on a machine without network: both download an embedding model. Here both use the one that comes
with Soundbite instead, so that all three servers compare the same vectors and pay the same for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

from soundbite_engine.packs.installed import weights_folder
from soundbite_engine.sound.sound_blocks import SPEECH_DIMENSION
from soundbite_engine.text import SentenceEmbedder

COLLECTION = "clips"
_BATCH = 2_000


def embed(texts: Iterable[str]) -> Any:
    """Return the vectors of texts, shape (n, 384)."""
    return SentenceEmbedder.load(weights_folder("minilm-l6-v2")).embed(list(texts))


def feed_chroma() -> None:
    """Let Chroma's default embedding function use it."""
    from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2

    ONNXMiniLM_L6_V2.__call__ = lambda self, input: list(embed(input))  # noqa: A006 - Chroma calls it by that name
    ONNXMiniLM_L6_V2.embed_query = lambda self, input: list(embed(input))  # noqa: A006


class LocalTextEmbedding:
    """Stands where fastembed's model does."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def passage_embed(self, texts: Iterable[str]) -> Iterator[Any]:
        return iter(embed(texts))

    query_embed = passage_embed

    def _get_model_description(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(dim=SPEECH_DIMENSION)


def feed_qdrant() -> None:
    """Let the Qdrant server's embedding provider use it."""
    import mcp_server_qdrant.embeddings.fastembed as provider

    provider.TextEmbedding = LocalTextEmbedding


def fill_chroma(folder: str, texts: list[str]) -> None:
    """Add the clips through Chroma's own client; chroma-mcp takes a document a call."""
    import chromadb

    feed_chroma()
    collection = chromadb.PersistentClient(path=folder).create_collection(COLLECTION)
    for first in range(0, len(texts), _BATCH):
        part = texts[first : first + _BATCH]
        ids = [str(first + number) for number in range(len(part))]
        metadatas: Any = [{"title": f"Recording {number}", "start_sec": 6.0, "end_sec": 12.0} for number in ids]
        collection.add(ids, documents=part, embeddings=embed(part), metadatas=metadatas)


def fill_qdrant(folder: str, texts: list[str]) -> None:
    """Add the clips through Qdrant's own client, as mcp-server-qdrant stores them."""
    from qdrant_client import QdrantClient, models

    name = "fast-all-minilm-l6-v2"
    client = QdrantClient(path=folder)
    size = models.VectorParams(size=SPEECH_DIMENSION, distance=models.Distance.COSINE)
    client.create_collection(COLLECTION, vectors_config={name: size})
    # It commits every point by itself; filling is not what is measured.
    client._client.collections[COLLECTION].storage.storage.execute("PRAGMA synchronous=OFF")  # type: ignore[union-attr]
    for first in range(0, len(texts), _BATCH):
        part = texts[first : first + _BATCH]
        points = [
            models.PointStruct(
                id=first + number,
                vector={name: vector.tolist()},
                payload={"document": text, "metadata": {"title": "Recording", "start_sec": 6.0, "end_sec": 12.0}},
            )
            for number, (text, vector) in enumerate(zip(part, embed(part), strict=True))
        ]
        client.upsert(COLLECTION, points)
    client.close()


def serve_chroma(folder: str) -> None:
    """Run chroma-mcp as its command does."""
    from chroma_mcp.server import main

    feed_chroma()
    sys.argv = ["chroma-mcp", "--client-type", "persistent", "--data-dir", folder]
    main()


def serve_qdrant(folder: str) -> None:
    """Run mcp-server-qdrant as its command does."""
    os.environ |= {"QDRANT_LOCAL_PATH": folder, "COLLECTION_NAME": COLLECTION, "QDRANT_SEARCH_LIMIT": "5"}
    feed_qdrant()
    from mcp_server_qdrant.main import main

    sys.argv = ["mcp-server-qdrant"]
    main()


DOES = {
    ("fill", "chroma-mcp"): fill_chroma,
    ("fill", "mcp-server-qdrant"): fill_qdrant,
    ("serve", "chroma-mcp"): serve_chroma,
    ("serve", "mcp-server-qdrant"): serve_qdrant,
}

if __name__ == "__main__":
    what, name, place = sys.argv[1:4]
    if what == "fill":
        DOES[what, name](place, sys.stdin.read().splitlines())
    else:
        DOES[what, name](place)
