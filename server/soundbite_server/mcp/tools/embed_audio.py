"""embed_audio, as agents see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from mcp_types import CallToolResult
from pydantic import Field

from soundbite_server.mcp.boundary import ToolContext, allowance, answer, jobs_of, library_of, reporter
from soundbite_server.mcp.declaration import declare
from soundbite_tools.errors import SourceProblem
from soundbite_tools.results import TaskResult

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
Add a recording to the library, so that search_clips can find what is said and heard in it.

Give exactly one source: `source` takes a file path, an https link to a media file, or an asset_id; `base64_string` \
takes the bytes of a short file. Video files count: their sound is embedded. The answer is a task. When its status is \
processing, go on with other work and call get_task; when it is ready, call search_clips. Embedding the same content \
again costs nothing and says so. From another machine, name your file as source: the refusal \
gives an address to send it to. The defaults are right for searching; change them only when asked to."""

_NOT_HERE = frozenset({"path_refused", "path_relative", "file_missing", "upload_unknown"})
_MOST_CHARACTERS = 50_400_000  # 36 MiB in base64; `source` may hold a data: URI


def tool() -> Tool:
    """Return the tool."""
    return declare(embed_audio, title="Embed audio", description=DESCRIPTION, is_read_only=False, is_open_world=True)


async def embed_audio(
    ctx: ToolContext,
    source: Annotated[str, Field(description="File path, https link, or asset_id", max_length=_MOST_CHARACTERS)] = "",
    url: Annotated[str, Field(description="Direct link to a media file, instead of source", max_length=2048)] = "",
    base64_string: Annotated[
        str, Field(description="Bytes of a file, at most 36 MB, instead of source", max_length=_MOST_CHARACTERS)
    ] = "",
    asset_id: Annotated[
        str, Field(description="A recording known to the platform, instead of source", max_length=100)
    ] = "",
    title: Annotated[str, Field(description="Shown in results; the file's name if empty", max_length=200)] = "",
    tags: Annotated[
        list[str], Field(description="Words to filter searches by, for example a project", max_length=20)
    ] = [],  # noqa: B006 - a list in the schema, never changed
    start_sec: Annotated[float, Field(description="Embed from here", ge=0)] = 0.0,
    end_sec: Annotated[float, Field(description="Embed up to here; 0 means the end", ge=0)] = 0.0,
    segmentation: Annotated[
        Literal["auto", "natural", "fixed"],
        Field(description="natural cuts at pauses and changes of sound, fixed every segment_sec; auto chooses"),
    ] = "auto",
    segment_sec: Annotated[int, Field(description="Seconds of a fixed segment", ge=2, le=10)] = 6,
    embedding_option: Annotated[
        list[Literal["audio", "transcription"]], Field(description="audio: what is heard; transcription: what is said")
    ] = ["audio", "transcription"],  # noqa: B006
    embedding_scope: Annotated[
        list[Literal["clip", "asset"]], Field(description="clip: one vector a segment; asset: one for the whole")
    ] = ["clip", "asset"],  # noqa: B006
    embedding_type: Annotated[
        list[Literal["separate_embedding", "fused_embedding"]],
        Field(description="fused_embedding adds one vector for both options; it needs both"),
    ] = ["separate_embedding"],  # noqa: B006
    wait_seconds: Annotated[float, Field(description="Wait this long for the task to finish", ge=0, le=25)] = 20.0,
) -> Annotated[CallToolResult, TaskResult]:
    """Start or reuse an embedding task."""

    async def call() -> TaskResult:
        from soundbite_tools.embed.embed_audio import embed_audio as embed

        embedding = embed(
            await jobs_of(ctx),
            source=source,
            url=url,
            base64_string=base64_string,
            asset_id=asset_id,
            title=title,
            tags=tags,
            start_sec=start_sec,
            end_sec=end_sec,
            segmentation=segmentation,
            segment_sec=segment_sec,
            embedding_option=embedding_option,
            embedding_scope=embedding_scope,
            embedding_type=embedding_type,
            wait_seconds=wait_seconds,
            on_progress=reporter(ctx),
            allowance=allowance(ctx),
        )
        try:
            return await embedding
        except SourceProblem as exc:
            raise await _with_upload(ctx, exc, source) from exc

    return await answer(call)


async def _with_upload(ctx: ToolContext, problem: SourceProblem, source: str) -> SourceProblem:
    http = ctx.request_context.lifespan_context.http
    if http is None or problem.code not in _NOT_HERE:
        return problem
    from soundbite_server.http.media import upload_step
    from soundbite_tools.embed.housekeeping import forget_unused
    from soundbite_tools.sources.files import SCHEME

    await forget_unused(await library_of(ctx))
    step = upload_step(http, (ctx.headers or {}).get("host", ""), source.removeprefix(SCHEME))
    return SourceProblem(problem.message, f"{problem.next_step} {step}", code=problem.code)
