"""A LangChain retriever; needs langchain-core."""

from __future__ import annotations

from typing import Any

from langchain_core.callbacks import (  # pyright: ignore[reportMissingImports]
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document  # pyright: ignore[reportMissingImports]
from langchain_core.retrievers import BaseRetriever  # pyright: ignore[reportMissingImports]

from soundbite.clips import Facts, content_of, metadata_of
from soundbite.library import AsyncLibrary


class SoundbiteRetriever(BaseRetriever):
    """Clips of a library as documents: what is said is the content; title, time range, score and link the metadata.

    `library` is what `soundbite.open()` gives. One of `async with` is asked by `ainvoke` only; one of `with` by both.
    """

    library: Any
    top_k: int = 4
    filters: dict[str, Any] = {}  # noqa: RUF012 - pydantic copies it

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        if isinstance(self.library, AsyncLibrary):
            raise TypeError("This library was opened by `async with`: call ainvoke, or open it by `with`.")
        return _documents(self.library.search(query, top_k=self.top_k, **self.filters))

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        if isinstance(self.library, AsyncLibrary):
            return _documents(await self.library.search(query, top_k=self.top_k, **self.filters))
        documents: list[Document] = await super()._aget_relevant_documents(query, run_manager=run_manager)
        return documents


def _documents(clips: list[Any]) -> list[Document]:
    return [_document(clip) for clip in clips]


def _document(clip: Facts) -> Document:
    return Document(content_of(clip), id=clip.clip_id, metadata=metadata_of(clip))
