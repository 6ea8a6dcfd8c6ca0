"""A LlamaIndex retriever over a Soundbite library in this process.

pip install soundbite llama-index-core
python examples/llamaindex_retriever.py samples/standup.flac "who gets her money back?"
"""

from __future__ import annotations

import asyncio
import sys

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from soundbite_server import Settings
from soundbite_server.libraries import open_jobs
from soundbite_tools import EmbedRequest, Library, SearchRequest, TaskRequest, embed_audio, get_task, search_clips


class SoundbiteRetriever(BaseRetriever):
    """Clips of the library as nodes: the words are the text, title and times the metadata."""

    def __init__(self, library: Library, top_k: int = 4) -> None:
        self._library, self._top_k = library, top_k
        super().__init__()

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = await search_clips(self._library, SearchRequest(query=query_bundle.query_str, top_k=self._top_k))
        return [
            NodeWithScore(
                node=TextNode(text=clip.text or clip.sounds, id_=clip.clip_id, metadata=clip.model_dump()),
                score=clip.score,
            )
            for clip in found.clips
        ]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        raise NotImplementedError("The library is asynchronous: call aretrieve.")


async def main(recording: str, question: str) -> None:
    """Embed a recording and print the nodes that answer the question."""
    async with open_jobs(Settings.from_environment()) as jobs:
        task = await embed_audio(jobs, EmbedRequest(source=recording))
        while task.status == "processing":
            task = await get_task(jobs, TaskRequest(task_id=task.task_id, wait_seconds=20))
        for found in await SoundbiteRetriever(jobs.library).aretrieve(question):
            print(found.node.metadata["title"], found.node.metadata["time_range"], found.node.get_content())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
