"""The guide's first two steps: a client, and an asset (rows S01 to S07, S53, S54)."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import twelvelabs
from twelvelabs import TwelveLabs
from twelvelabs.core.api_error import ApiError
from twelvelabs.types import TextInputRequest

from soundbite_engine.audio.encode import cut

Embed = Callable[..., Any]
MIB = 1024 * 1024


@pytest.mark.guide("S01")
def test_s01_the_sdk_needs_the_right_key_where_one_is_demanded(
    start_engine: Callable[..., AbstractContextManager[Any]],
    connect: Callable[..., AbstractContextManager[TwelveLabs]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def embed(client: TwelveLabs) -> Any:
        return client.embed.v_2.create(
            input_type="text", model_name="marengo3.0", text=TextInputRequest(input_text="rain")
        )

    with start_engine(tmp_path, SOUNDBITE_ENGINE_KEY="the-right-key") as engine:
        # The address comes from the environment, as a reader of the guide sets it.
        monkeypatch.setenv("TWELVELABS_BASE_URL", engine.base_url)
        with connect("", "the-right-key") as client:
            assert embed(client).data
        with connect("", "a-wrong-key") as client, pytest.raises(ApiError) as refused:
            embed(client)
        assert (refused.value.status_code, refused.value.body["code"]) == (401, "api_key_invalid")
        # The SDK itself refuses to go without a key.
        assert httpx.get(f"{engine.base_url}/assets", headers={"x-api-key": ""}).status_code == 401


@pytest.mark.guide("S02")
def test_s02_one_upload_serves_several_operations(embed: Embed, sdk: TwelveLabs, beeps_id: str, spans: Any) -> None:
    first, second = (embed(asset_id=beeps_id, embedding_option=["audio"]) for _ in range(2))
    assert spans(first) == spans(second)
    assert sdk.assets.retrieve(asset_id=beeps_id).status == "ready"


@pytest.mark.guide("S03")
def test_s03_a_url_becomes_an_asset(sdk: TwelveLabs, media: Any, statuses: list[int]) -> None:
    asset = sdk.assets.create(method="url", url=media.url("beeps.wav"))
    assert (asset.method, asset.filename, statuses) == ("url", "beeps.wav", [201])
    assert sdk.assets.retrieve(asset_id=str(asset.id)).duration == pytest.approx(13)


@pytest.mark.guide("S04")
def test_s04_a_local_file_becomes_an_asset_of_its_name(sdk: TwelveLabs, media: Any) -> None:
    with (media.folder / "beeps.wav").open("rb") as file:
        asset = sdk.assets.create(method="direct", file=file)
    assert (asset.method, asset.filename) == ("direct", "beeps.wav")


@pytest.mark.guide("S05")
def test_s05_an_asset_is_found_again_by_its_id(sdk: TwelveLabs, beeps_id: str) -> None:
    assert beeps_id
    assert sdk.assets.retrieve(asset_id=beeps_id).id == beeps_id


@pytest.mark.guide("S07")
def test_s07_a_page_in_place_of_media_is_told_from_it(sdk: TwelveLabs, media: Any) -> None:
    asset = sdk.assets.retrieve(asset_id=str(sdk.assets.create(method="url", url=media.url("page.html")).id))
    assert asset.status == "failed"
    assert "web page" in asset.error.message


@pytest.mark.guide("S53")
@pytest.mark.parametrize("fmt", ["wav", "mp3", "flac"])
def test_s53_the_guides_formats_are_taken(fmt: Any, sdk: TwelveLabs, media: Any) -> None:
    content = cut(lambda _: None, str(media.folder / "beeps.wav"), 0.0, 3.0, fmt)
    asset = sdk.assets.create(method="direct", file=(f"sound.{fmt}", io.BytesIO(content)))
    found = sdk.assets.retrieve(asset_id=str(asset.id))
    assert (found.status, found.technical_metadata.audio_channels) == ("ready", 1)
    assert found.duration == pytest.approx(3, abs=0.1)


@pytest.mark.guide("S53")
def test_s53_what_is_no_sound_is_refused_with_a_reason(sdk: TwelveLabs, embed: Embed, media: Any) -> None:
    with (media.folder / "notes.txt").open("rb") as file:
        asset = sdk.assets.create(method="direct", file=file)
    assert sdk.assets.retrieve(asset_id=str(asset.id)).status == "failed"
    with pytest.raises(twelvelabs.BadRequestError) as refused:
        embed(asset_id=asset.id)
    assert "notes.txt" in refused.value.body["message"]


@pytest.mark.guide("S54")
def test_s54_a_direct_upload_ends_at_200_mb(sdk: TwelveLabs, tmp_path: Path) -> None:
    path = tmp_path / "huge.wav"
    with path.open("wb") as file:
        file.truncate(200 * MIB + 1)
    with path.open("rb") as file, pytest.raises(ApiError) as refused:
        sdk.assets.create(method="direct", file=file)
    assert refused.value.status_code == 413
    assert "200 MB" in refused.value.body["error"]["message"]
    assert "multipart" in refused.value.body["error"]["message"]


@pytest.mark.guide("S54")
@pytest.mark.parametrize(("gigabytes", "status"), [(10, 201), (10.1, 413)])
def test_s54_an_upload_in_parts_ends_at_10_gb(gigabytes: float, status: int, engine: Any) -> None:
    body = {"filename": "long.wav", "type": "audio", "total_size": int(gigabytes * 1024 * MIB)}
    assert httpx.post(f"{engine.base_url}/assets/multipart-uploads", json=body).status_code == status
