"""The table of clients is what its script writes, and its conversation sees what is wrong; no client is needed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

conversation, matrix = load("conversation", "clients"), load("matrix", "clients")

WORDS = "agreed to spend no more than $4,000 on advertising"
ANSWERS = {
    "embed_audio": "Task t_0123 is processing.",
    "get_task": "Task t_0123 is ready.",
    "search_clips": f'1. "standup" 00:37-00:46, score 0.88\n   "{WORDS}"\n   clip_id a_9f:37250-45120, asset_id a_9f',
    "get_clip": f'clip_id a_9f:37250-45120\nSaid: "{WORDS}"\nSound file: {{path}}',
}


class Scripted:
    """A client that answers by the table above, with one answer changed."""

    def __init__(self, path: Path, **changes: str) -> None:
        self._answers = {name: text.replace("{path}", str(path)) for name, text in {**ANSWERS, **changes}.items()}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def tools(self) -> dict[str, str]:
        return dict.fromkeys(self._answers, "What it does.")

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        self.asked.append((name, arguments))
        return self._answers[name]


@pytest.fixture
def place(tmp_path: Path) -> Any:
    (tmp_path / "clip.mp3").write_bytes(bytes(2000))
    return conversation.Place([], {}, "", "standup.flac", 36.0, 46.0, "")


async def steps(client: Scripted, place: Any) -> list[str]:
    return [step async for step in conversation.converse(client, place)]


async def test_a_conversation_goes_from_the_list_of_tools_to_the_sound(place: Any, tmp_path: Path) -> None:
    client = Scripted(tmp_path / "clip.mp3")
    assert await steps(client, place) == list(conversation.STEPS)
    assert client.asked[1] == ("get_task", {"task_id": "t_0123", "wait_seconds": 15})
    assert client.asked[3] == ("get_clip", {"clip_id": "a_9f:37250-45120"})


@pytest.mark.parametrize(
    "changes",
    [
        {"embed_audio": "An error occurred."},
        {"get_task": "Task t_0123 is processing. Call get_task until the status is ready."},
        {"search_clips": "0 clips."},
        {"get_clip": f'Said: "{WORDS}"'},
        {"get_clip": "Sound file: {path}"},
    ],
)
async def test_an_answer_that_lacks_what_it_has_to_tell_ends_the_conversation(
    place: Any, tmp_path: Path, changes: dict[str, str]
) -> None:
    with pytest.raises(conversation.StepFailed):
        await steps(Scripted(tmp_path / "clip.mp3", **changes), place)


async def test_a_file_without_sound_is_not_a_clip(place: Any, tmp_path: Path) -> None:
    (tmp_path / "clip.mp3").write_bytes(b"")
    with pytest.raises(conversation.StepFailed, match="0 bytes"):
        await steps(Scripted(tmp_path / "clip.mp3"), place)


def test_the_page_has_a_row_for_every_client_and_transport_as_the_script_writes_them() -> None:
    page = matrix.PAGE.read_text(encoding="utf-8")
    table = page.partition(matrix.BEGIN)[2].partition(matrix.END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines() if line[:1] == "|"]
    assert rows[0][:3] == ["client", "version", "over"]
    assert [(row[0], row[2]) for row in rows[2:]] == [
        (client.name, transport) for client in matrix.CLIENTS for transport in matrix.TRANSPORTS
    ]
    for row, client in zip(rows[2::2], matrix.CLIENTS, strict=True):
        assert row[1].split(" ")[0] == re.split("==|@", client.packages[0])[-1], "a pin that was not run"
    assert all(re.fullmatch(r"\d+\.\d s|no \(its own\)", cell) for row in rows[2:] for cell in row[3:])


def test_what_goes_wrong_is_told_in_the_table_and_below_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(command: list[str]) -> None:
        raise OSError(f"no network for {command[-1]}")

    monkeypatch.setattr(matrix, "_installed", refuse)
    (row,) = matrix.run(matrix.CLIENTS[0], tmp_path, 1)
    failed = replace(row, transport="HTTP", seconds={"list": 1.25}, failed_step="embed", error="refused")
    table = matrix.page_table([row, failed, replace(failed, is_own=True)])
    assert "| mcp==1.9.4 | - | - |" in table
    assert "install: no network" in table
    assert "| 1.2 s | **no** | - | - | - | - |" in table
    assert "| 1.2 s | no (its own) |" in table
    page = matrix.with_table(f"before {matrix.BEGIN} old {matrix.END} after", table)
    assert (page.startswith("before "), page.endswith(" after"), " old " in page) == (True, True, False)


def test_a_table_can_be_made_in_several_runs(tmp_path: Path) -> None:
    first, second = (
        matrix.Row(client.name, "1", "HTTP", dict.fromkeys(conversation.STEPS, 1.0)) for client in matrix.CLIENTS[:2]
    )
    kept = tmp_path / "folder" / "rows.json"
    assert matrix.with_earlier(kept, [second]) == [second]
    assert matrix.with_earlier(kept, [first]) == [first, second]
    assert matrix.with_earlier(kept, [replace(second, version="2")]) == [first, replace(second, version="2")]


def test_a_pinned_client_is_installed_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    commands: list[list[str]] = []

    def install(command: list[str]) -> None:
        commands.append(command)
        (tmp_path / "mcp-1.9.4").mkdir(exist_ok=True)

    monkeypatch.setattr(matrix, "_installed", install)
    pins: Callable[[], Path] = lambda: matrix.environment(tmp_path, ("mcp==1.9.4", "pydantic==2.11.7"))  # noqa: E731
    assert pins() == pins() == tmp_path / "mcp-1.9.4" / "bin" / "python"
    assert [command[-2:] for command in commands[1:]] == [["mcp==1.9.4", "pydantic==2.11.7"]]
