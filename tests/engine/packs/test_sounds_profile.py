"""The `sounds` profile through the server, as an agent uses it, over the tiny network."""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mcp import Client
from tiny_yamnet import KNOWN

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import Models
from soundbite_engine.profiles import load_profile
from soundbite_engine.sound.yamnet import HOP_SAMPLES
from soundbite_server import Settings, build_server


def write_sound(path: Path, *heard: str) -> None:
    """Six seconds in which the tiny network hears these classes."""
    sound = np.zeros(96_000, np.int16)
    for name in heard:
        sound[KNOWN.index(name) :: HOP_SAMPLES] = 32_000
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(sound.tobytes())


async def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return result.structured_content


async def test_sounds_are_named_stored_and_found_by_their_names(
    tmp_path: Path, tiny_yamnet: Callable[[Path], None]
) -> None:
    home, root = tmp_path / "home", tmp_path / "recordings"
    tiny_yamnet(home / "models")
    root.mkdir()
    write_sound(root / "one.wav", "Dog", "Bark")
    write_sound(root / "two.wav", "Rain")
    settings = Settings(home=home, roots=(root,), workers=1, profile="sounds")
    async with Client(build_server(settings)) as client:
        for name in ("one.wav", "two.wav"):
            arguments = {"source": str(root / name), "segmentation": "fixed", "embedding_option": ["audio"]}
            task = await call(client, "embed_audio", wait_seconds=20, **arguments)
            while task["status"] == "processing":
                task = await call(client, "get_task", task_id=task["task_id"], wait_seconds=20)
            assert task["status"] == "ready", task
        found = (await call(client, "search_clips", query="a dog barking"))["clips"]
        assert [clip["title"] for clip in found] == ["one"]
        assert sorted(found[0]["sounds"].split("; ")) == ["bark", "dog"]
        assert [clip["title"] for clip in (await call(client, "search_clips", query="rain"))["clips"]] == ["two"]


def test_a_space_of_its_own_is_named_by_the_build_of_the_model(
    models: Path, tiny_yamnet: Callable[[Path], None]
) -> None:
    tiny_yamnet(models)  # its receipt claims the published digests, at sizes of its own
    profile = load_profile("sounds", Models(models))
    assert profile.space == "soundbite-sounds-3-4d8b4a53-cdf24d19"
    assert dict(profile.blocks) == {"sound": 656, "speech": 384}
    assert profile.dimension == 1040
    query = profile.embed_text("a dog")
    assert query[:656].any()
    assert query[656:].any()


def test_without_its_files_the_profile_says_what_to_run(models: Path) -> None:
    pytest.importorskip("ai_edge_litert", reason="the extra soundbite[sounds] is not installed")
    with pytest.raises(EngineError, match="run `soundbite models pull sounds`"):
        load_profile("sounds", Models(models))


@pytest.mark.parametrize("command", [["serve"], ["engine"], ["list"]])
def test_a_missing_pack_stops_the_start_with_one_sentence(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "soundbite_server", *command],
        env={"SOUNDBITE_HOME": str(tmp_path), "SOUNDBITE_PROFILE": "full", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == 78
    [line] = done.stderr.strip().splitlines()
    assert line.startswith("soundbite: SOUNDBITE_PROFILE=full can't be used: ")
    assert "soundbite models pull full" in line
    assert done.stdout == ""
