"""get_clip, as agents see it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Annotated, Literal

from mcp_types import AudioContent, CallToolResult
from pydantic import Field

from soundbite_server.mcp_tools.boundary import ToolContext, as_result, guarded, library_of
from soundbite_server.mcp_tools.declaration import declare
from soundbite_tools.results import ClipDetail
from soundbite_tools.workbench import MIME_TYPES

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
Get one clip: what is said in it, and its sound as a small file that a person can play.

Name it by the clip_id of a search result, or by asset_id with start_sec and end_sec. include_audio=true also returns \
the sound itself, for a model that can hear; leave it off otherwise."""


def tool() -> Tool:
    """Return the tool."""
    return declare(get_clip, title="Get a clip", description=DESCRIPTION, is_read_only=True)


async def get_clip(
    ctx: ToolContext,
    clip_id: Annotated[str, Field(description="From search_clips", max_length=100)] = "",
    asset_id: Annotated[str, Field(description="A recording, instead of clip_id", max_length=100)] = "",
    start_sec: Annotated[float, Field(description="With asset_id: from here", ge=0)] = 0.0,
    end_sec: Annotated[float, Field(description="With asset_id: up to here", ge=0)] = 0.0,
    audio_format: Annotated[Literal["mp3", "wav", "opus", "flac"], Field(description="Of the file")] = "mp3",
    include_audio: Annotated[bool, Field(description="Return the sound itself too")] = False,
) -> Annotated[CallToolResult, ClipDetail]:
    """Return one clip."""

    async def call() -> CallToolResult:
        from soundbite_tools.get_clip import get_clip as get

        found = await get(
            await library_of(ctx),
            clip_id=clip_id,
            asset_id=asset_id,
            start_sec=start_sec,
            end_sec=end_sec,
            audio_format=audio_format,
        )
        if not (include_audio and found.sound):
            return as_result(found.detail)
        data = base64.b64encode(found.sound).decode("ascii")
        return as_result(found.detail, AudioContent(type="audio", data=data, mime_type=MIME_TYPES[audio_format]))

    return await guarded(call)
