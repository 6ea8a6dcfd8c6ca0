"""Writes examples/pictures.ipynb; run it after a change of the cells below."""

from __future__ import annotations

import json
from pathlib import Path

CELLS = (
    """# Pictures of a library

Embeds a recording on this machine, asks it something and draws what was found.""",
    """import os
from pathlib import Path
from tempfile import mkdtemp

from soundbite_server import Settings
from soundbite_server.libraries import open_jobs
from soundbite_server.plots.recording import draw_answers, draw_recording
from soundbite_tools import (
    EmbedRequest, SearchRequest, TaskRequest, contents_of, embed_audio, get_task, search_clips
)

try:
    from IPython.display import SVG, display
except ImportError:  # run as plain Python
    SVG, display = str, lambda picture: print(len(picture), "characters of SVG")

recording = Path(os.environ.get("RECORDING", "../samples/memos.mp3")).resolve()
settings = Settings(home=Path(mkdtemp()), roots=(recording.parent,))""",
    """The library is open as long as the block lasts; an unfinished job goes on at the next opening.""",
    """async with open_jobs(settings) as jobs:
    task = await embed_audio(jobs, EmbedRequest(source=str(recording)))
    while task.status == "processing":
        task = await get_task(jobs, TaskRequest(task_id=task.task_id, wait_seconds=20))
    asset = await (await jobs.library.ledger()).get_asset(task.asset_id)
    contents = await contents_of(jobs.library, asset, level_count=900)
    found = await search_clips(jobs.library, SearchRequest(query="tickets for the concert"))""",
    "display(SVG(draw_recording(contents).to_svg()))",
    'display(SVG(draw_answers(contents, "tickets for the concert", found.clips).to_svg()))',
)


def notebook() -> str:
    """Return the notebook as JSON, without outputs."""
    cells = []
    for number, source in enumerate(CELLS):
        is_code = number not in (0, 2)
        cells.append(
            {
                "cell_type": "code" if is_code else "markdown",
                "id": f"cell-{number}",
                "metadata": {},
                **({"execution_count": None, "outputs": []} if is_code else {}),
                "source": source.splitlines(keepends=True),
            }
        )
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("pictures.ipynb").write_text(notebook(), encoding="utf-8")
