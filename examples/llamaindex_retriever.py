"""A LlamaIndex retriever over a Soundbite library in this process.

pip install soundbite llama-index-core
python examples/llamaindex_retriever.py samples/standup.flac "who gets her money back?"
"""

from __future__ import annotations

import sys

import soundbite
from soundbite.llama_index import SoundbiteRetriever


def main(recording: str, question: str) -> None:
    """Embed a recording and print the nodes that answer the question."""
    with soundbite.open() as library:
        library.add(recording)
        for found in SoundbiteRetriever(library).retrieve(question):
            print(found.node.metadata["title"], found.node.metadata["time_range"], found.node.get_content())


if __name__ == "__main__":
    main(*sys.argv[1:3])
