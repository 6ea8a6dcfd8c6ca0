"""The official SDK's two clients, their pagers, raw answers and upload helpers against the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import twelvelabs
from twelvelabs import TwelveLabs

BOUND_SEC = 60
SOUND = {"embedding_option": ["audio"]}


def on_asynchronous_client(base_url: str, use: Callable[[Any], Awaitable[Any]]) -> Any:
    """What a function makes of the asynchronous client of an engine."""

    async def bounded() -> Any:
        client = twelvelabs.AsyncTwelveLabs(api_key="tlk_TEST", base_url=base_url)
        try:
            return await asyncio.wait_for(use(client), BOUND_SEC)
        finally:
            await client._client_wrapper.httpx_client.httpx_client.aclose()

    return asyncio.run(bounded())


def test_the_asynchronous_client_runs_the_guides_steps(engine: Any, media: Any, spans: Callable[..., Any]) -> None:
    async def steps(client: Any) -> Any:
        asset = await client.assets.create(method="url", url=media.url("beeps.wav"))
        request = {"media_source": {"asset_id": asset.id}, **SOUND}
        task = await client.embed.v_2.tasks.create(input_type="audio", model_name="marengo3.0", audio=request)
        while task.status == "processing":
            task = await client.embed.v_2.tasks.retrieve(task_id=task.id)
        at_once = await client.embed.v_2.create(input_type="audio", model_name="marengo3.0", audio=request)
        return task, at_once

    task, at_once = on_asynchronous_client(engine.base_url, steps)
    assert task.status == "ready"
    assert spans(task) == spans(at_once)
    assert len(task.data) == 4


def test_pagers_of_both_clients_give_each_once_and_end(engine: Any, sdk: TwelveLabs, media: Any) -> None:
    for _ in range(3):
        with (media.folder / "beeps.wav").open("rb") as file:
            sdk.assets.create(method="direct", file=file, filename="paged.wav")

    async def listed(client: Any) -> list[str]:
        return [asset.id async for asset in await client.assets.list(page_limit=2, filename="paged")]

    found = [asset.id for asset in sdk.assets.list(page_limit=2, filename="paged")]
    assert len(set(found)) == len(found) == 3
    assert on_asynchronous_client(engine.base_url, listed) == found
    pages = [len(page.items or []) for page in sdk.assets.list(page_limit=2, filename="paged").iter_pages()]
    assert pages[:2] == [2, 1]


def test_the_pager_of_tasks_ends(sdk: TwelveLabs, plain_task: Any) -> None:
    found = [task.id for task in sdk.embed.v_2.tasks.list(page_limit=1, status="ready")]
    assert plain_task.id in found
    assert len(set(found)) == len(found)


def test_raw_answers_show_the_headers(engine: Any, sdk: TwelveLabs, beeps_id: str) -> None:
    request = {"media_source": {"asset_id": beeps_id}, **SOUND}
    made = {"input_type": "audio", "model_name": "marengo3.0", "audio": request}
    raw = sdk.embed.v_2.tasks.with_raw_response.create(**made)  # type: ignore[arg-type]
    assert raw.headers["x-api-version"] == "1.3"
    assert raw.headers["location"] == f"{engine.base_url}/embed-v2/tasks/{raw.data.id}"

    async def embedded(client: Any) -> Any:
        return await client.embed.v_2.with_raw_response.create(**made)

    answer = on_asynchronous_client(engine.base_url, embedded)
    assert answer.headers["x-api-version"] == "1.3"
    assert len(answer.data.data) == 4


@pytest.mark.parametrize("is_asynchronous", [False, True], ids=["synchronous", "asynchronous"])
def test_the_upload_helper_sends_a_file_in_parts(
    is_asynchronous: bool, engine: Any, sdk: TwelveLabs, media: Any, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    whole = (media.folder / "beeps.wav").read_bytes()
    # Two parts of the engine's 5 MB, and a bit.
    path.write_bytes(whole + bytes(11 * 2**20 - len(whole)))
    done: list[float] = []
    if is_asynchronous:

        async def upload(client: Any) -> Any:
            return await client.multipart_upload.upload_file(str(path), file_type="audio")

        result = on_asynchronous_client(engine.base_url, upload)
    else:
        result = sdk.multipart_upload.upload_file(
            str(path), file_type="audio", progress_callback=lambda progress: done.append(progress.percentage)
        )
        assert done[-1] == 100
    asset = sdk.assets.retrieve(asset_id=result.asset_id)
    assert (asset.method, asset.status, asset.technical_metadata.file_size_bytes) == ("multipart", "ready", 11 * 2**20)
