"""A LlamaIndex retriever; needs llama-index-core."""

from __future__ import annotations

import asyncio
from typing import Any

from llama_index.core.retrievers import BaseRetriever  # pyright: ignore[reportMissingImports]
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode  # pyright: ignore[reportMissingImports]

from soundbite.clips import Facts, content_of, metadata_of
from soundbite.library import AsyncLibrary, Library


class SoundbiteRetriever(BaseRetriever):
    """Clips of a library as nodes: what is said is the text; title, time range, score and link the metadata.

    `library` is what `soundbite.open()` gives. One of `async with` is asked by `aretrieve` only; one of `with` by both.
    """

    def __init__(self, library: Library | AsyncLibrary, *, top_k: int = 4, **filters: Any) -> None:
        self._library, self._top_k, self._filters = library, top_k, filters
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if isinstance(self._library, AsyncLibrary):
            raise TypeError("This library was opened by `async with`: call aretrieve, or open it by `with`.")
        clips = self._library.search(query_bundle.query_str, top_k=self._top_k, **self._filters)
        return [_node(clip) for clip in clips]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if isinstance(self._library, Library):
            return await asyncio.to_thread(self._retrieve, query_bundle)
        clips = await self._library.search(query_bundle.query_str, top_k=self._top_k, **self._filters)
        return [_node(clip) for clip in clips]


def _node(clip: Facts) -> NodeWithScore:
    node = TextNode(text=content_of(clip), id_=clip.clip_id, metadata=metadata_of(clip))
    return NodeWithScore(node=node, score=clip.score)
