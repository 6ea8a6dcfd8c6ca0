"""A LangChain retriever over a Soundbite library in this process.

pip install soundbite langchain-core
python examples/langchain_retriever.py samples/standup.flac "who gets her money back?"
"""

from __future__ import annotations

import sys

import soundbite
from soundbite.langchain import SoundbiteRetriever


def main(recording: str, question: str) -> None:
    """Embed a recording and print the documents that answer the question."""
    with soundbite.open() as library:
        library.add(recording)
        for document in SoundbiteRetriever(library=library).invoke(question):
            print(document.metadata["title"], document.metadata["time_range"], document.page_content)


if __name__ == "__main__":
    main(*sys.argv[1:3])
