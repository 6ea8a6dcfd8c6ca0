"""A share of a bucket, embedded as a worker of a cluster does it, in this process."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import anyio
import httpx
from s3_service import S3Service

from soundbite_engine.audio.encode import cut
from soundbite_server import Settings
from soundbite_server.cluster import Recording, embed_share
from soundbite_store import ClipStore, StoreAccess

SAMPLES = Path(__file__).parents[2] / "samples"
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request, Signature=0"}


def put(service: S3Service, store: str) -> Recording:
    """Four seconds of rain in the bucket of the store."""
    sound = cut(lambda _: None, str(SAMPLES / "field-log.flac"), 8.0, 12.0, "wav")
    path = f"{urlsplit(store).netloc}/incoming/rain.wav"
    httpx.put(f"{service.address}/{path}", content=sound, headers=SIGNED, timeout=60).raise_for_status()
    return Recording(f"s3://{path}", len(sound))


async def forget_clips(store: str, access: StoreAccess) -> None:
    async with await ClipStore.open(store, access=access) as opened:
        [info] = await opened.spaces()
        async for clips, _ in opened.everything(info.space):
            for asset_id in {clip.asset_id for clip in clips}:
                await opened.delete_asset(asset_id)


def test_a_recording_that_is_known_is_there_only_while_its_clips_are(
    s3: S3Service, bucket: str, access: StoreAccess, tmp_path: Path
) -> None:
    recording = put(s3, bucket)
    settings = Settings(home=tmp_path, store=bucket, store_endpoint=s3.address)
    [first] = embed_share(settings, [recording], ("rain",))
    assert (first.error, first.is_present) == ("", False)
    [again] = embed_share(settings, [recording], ())
    assert (again.error, again.is_present) == ("", True)
    anyio.run(forget_clips, bucket, access)
    [renewed] = embed_share(settings, [recording], ())
    assert (renewed.error, renewed.is_present) == ("", False)
