"""What the engine keeps of an asset is silent where it is told so, and what it made of the sound before is gone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.audio.decode import decoded_blocks


async def test_a_kept_asset_is_silenced_and_what_was_made_of_it_leaves_the_files(
    opened: Callable[..., Any], spoken: Path, asking: Any, finished: Any, tmp_path: Path
) -> None:
    async with opened() as (engine, http):
        made = await http.post(
            "assets", data={"method": "direct"}, files={"file": (spoken.name, spoken.read_bytes(), "audio/wav")}
        )
        asset_id = made.json()["_id"]
        task = await http.post("embed-v2/tasks", json=asking({"asset_id": asset_id}))
        assert (await finished(http, task.json()["_id"]))["status"] == "ready"
        words = (await http.get(f"assets/{asset_id}/transcription", params={"include": "words"})).json()["words"]
        word = max((one["value"].strip(".,") for one in words), key=len).encode()
        files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert any(word in path.read_bytes() for path in files)

        await engine.silence(asset_id, ((1.0, 4.0),))
        await engine.scrub()
        files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
        assert not any(word in path.read_bytes() for path in files)
        assert (await http.get(f"embed-v2/tasks/{task.json()['_id']}")).status_code == 404
        [media] = (tmp_path / "home" / "media").iterdir()
        kept = await engine.kept_file(asset_id)
        assert kept
        assert kept.path == media
        heard, before = (np.concatenate(list(decoded_blocks(path))) for path in (media, spoken))
        assert np.abs(heard[16_000:64_000]).max() == 0
        assert abs(heard.size - before.size) < 16_000 // 10
        assert np.abs(heard[70_000:]).max() > 500
        again = await http.post("embed-v2", json=asking({"asset_id": asset_id}))
        assert again.status_code == 200
        await engine.silence(asset_id, ((1.0, 4.0), (5.0, 6.0)))
        assert [path.name for path in (tmp_path / "home" / "media").iterdir()] == [media.name]
        assert np.abs(np.concatenate(list(decoded_blocks(media)))[80_000:]).max() == 0
