"""get_clip, as agents see it."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from mcp_types import AudioContent, CallToolResult, TextContent
from pydantic import Field

from soundbite_server.http.callers import principal
from soundbite_server.mcp.boundary import ToolContext, as_result, guarded, library_of
from soundbite_server.mcp.declaration import declare

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

    from soundbite_tools.read.get_clip import PlayableClip
    from soundbite_tools.results import ClipDetail

DESCRIPTION = """\
Get one clip: what is said in it, and its sound as a small file that a person can play.

Name it by the clip_id of a search result, or by asset_id with start_sec and end_sec (at most 120 seconds). \
include_audio=true returns the sound itself, up to 1 MB, for a model that can hear; leave it off otherwise. \
mp3 and opus are small, wav is what most speech models take."""

MOST_INLINE_BYTES = 1024 * 1024


def tool() -> Tool:
    """Return the tool."""
    # Read-only, although it keeps the sound it cuts: that is a cache, bounded and made anew at need, and nothing of the
    # library changes by it.
    return declare(get_clip, title="Get a clip", description=DESCRIPTION, is_read_only=True)


# Without an output schema, which would oblige every answer to have structured content: hosts that find some show
# their model nothing else, and the sound would be lost.
async def get_clip(
    ctx: ToolContext,
    clip_id: Annotated[str, Field(description="From search_clips", max_length=100)] = "",
    asset_id: Annotated[str, Field(description="A recording, instead of clip_id", max_length=100)] = "",
    start_sec: Annotated[float, Field(description="With asset_id: from here", ge=0)] = 0.0,
    end_sec: Annotated[float, Field(description="With asset_id: up to here", ge=0)] = 0.0,
    audio_format: Annotated[Literal["mp3", "wav", "opus", "flac"], Field(description="Of the file")] = "mp3",
    include_audio: Annotated[bool, Field(description="Return the sound itself, its facts as text only")] = False,
) -> CallToolResult:
    """Return one clip."""

    async def call() -> CallToolResult:
        from soundbite_tools.read.get_clip import get_clip as get

        found = await get(
            await library_of(ctx),
            clip_id=clip_id,
            asset_id=asset_id,
            start_sec=start_sec,
            end_sec=end_sec,
            audio_format=audio_format,
        )
        found = replace(found, detail=_with_link(ctx, found.detail))
        return _with_sound(found) if include_audio and found.sound else as_result(found.detail)

    return await guarded(call)


def _with_link(ctx: ToolContext, clip: ClipDetail) -> ClipDetail:
    http = ctx.request_context.lifespan_context.http
    if http is None or not clip.path:
        return clip
    from soundbite_server.http.media import clip_link

    url = clip_link(http, (ctx.headers or {}).get("host", ""), principal(), clip)
    return clip.model_copy(update={"url": url, "path": clip.path if http.shows_paths else ""})


def _with_sound(found: PlayableClip) -> CallToolResult:
    if len(found.sound) > MOST_INLINE_BYTES:
        note = (
            f"{len(found.sound) / 2**20:.1f} MB of sound is more than the 1 MB that is returned inline; "
            "ask for a shorter range, or for audio_format mp3 or opus."
        )
        return as_result(found.detail.model_copy(update={"notes": [*found.detail.notes, note]}))
    data = base64.b64encode(found.sound).decode("ascii")
    said = TextContent(type="text", text=found.detail.to_text())
    return CallToolResult(content=[said, AudioContent(type="audio", data=data, mime_type=found.mime_type)])
