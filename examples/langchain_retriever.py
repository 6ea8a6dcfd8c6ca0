"""A LangChain retriever over a Soundbite library in this process.

pip install soundbite langchain-core
python examples/langchain_retriever.py samples/standup.flac "who gets her money back?"
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from soundbite_server import Settings
from soundbite_server.libraries import open_jobs
from soundbite_tools import EmbedRequest, SearchRequest, TaskRequest, embed_audio, get_task, search_clips


class SoundbiteRetriever(BaseRetriever):
    """Clips of the library as documents: the words are the content, title and times the metadata."""

    library: Any
    top_k: int = 4

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun
    ) -> list[Document]:
        found = await search_clips(self.library, SearchRequest(query=query, top_k=self.top_k))
        return [Document(clip.text or clip.sounds, id=clip.clip_id, metadata=clip.model_dump()) for clip in found.clips]

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        raise NotImplementedError("The library is asynchronous: call ainvoke.")


async def main(recording: str, question: str) -> None:
    """Embed a recording and print the documents that answer the question."""
    async with open_jobs(Settings.from_environment()) as jobs:
        task = await embed_audio(jobs, EmbedRequest(source=recording))
        while task.status == "processing":
            task = await get_task(jobs, TaskRequest(task_id=task.task_id, wait_seconds=20))
        for document in await SoundbiteRetriever(library=jobs.library).ainvoke(question):
            print(document.metadata["title"], document.metadata["time_range"], document.page_content)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
