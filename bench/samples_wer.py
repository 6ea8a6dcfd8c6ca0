"""How well the product understands the sample recordings: `python bench/samples_wer.py [-v]`.

The samples are embedded as an agent would have them embedded, and what was recognised is compared with the spoken lines
of truth.json. -v prints both texts. Ends with 1 when a recording is over the limit.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path

from mcp import Client
from retrieval.embedded_library import embed_all, settings_for
from retrieval.word_errors import recognised
from retrieval.words import folded_words, word_errors

from soundbite_server import build_server

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
LIMIT = 0.15  # a recording whose speech is recognised worse than this makes a poor demonstration


async def main(is_verbose: bool) -> int:
    """Print the word error rate of every recording; 1 when one is over the limit."""
    recordings = json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["recordings"]
    worst = 0.0
    with tempfile.TemporaryDirectory(prefix="soundbite-samples-") as home:
        async with Client(build_server(settings_for(Path(home), SAMPLES, "base"))) as client:
            library = await embed_all(client, SAMPLES, [recording["file"] for recording in recordings])
            for recording in recordings:
                text = await recognised(client, library.asset_ids[recording["file"]])
                spoken = " ".join(event.get("text", "") for event in recording["events"])
                words = folded_words(spoken)
                rate = word_errors(words, folded_words(text)) / len(words)
                worst = max(worst, rate)
                print(f"{recording['file']:20} {len(words):4} words  WER {rate:6.1%}")
                if is_verbose:
                    print(f"  said: {spoken}\n  text: {text}")
    return int(worst > LIMIT)


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main("-v" in sys.argv[1:])))
