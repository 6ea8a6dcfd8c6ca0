"""cluster_clips, as agents see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from mcp_types import CallToolResult
from pydantic import Field

from soundbite_server.mcp.boundary import ToolContext, answer, library_of
from soundbite_server.mcp.declaration import declare
from soundbite_tools.groups.results import ClusterListing

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
Group clips that are alike, to learn what a library or a recording holds without asking for anything in particular.

Each cluster comes with its size, the words said and sounds heard in it more than elsewhere, and a representative clip \
with its time range. clusters=0 finds how many there are. modality="speech" groups by topic, "sound" by how it sounds. \
The same library always gives the same clusters. Follow up with search_clips(like=clip_id)."""


def tool() -> Tool:
    """Return the tool."""
    return declare(cluster_clips, title="Cluster clips", description=DESCRIPTION, is_read_only=True)


async def cluster_clips(
    ctx: ToolContext,
    clusters: Annotated[int, Field(description="How many; 0 finds out", ge=0, le=20)] = 0,
    modality: Annotated[Literal["any", "speech", "sound"], Field(description="What to compare")] = "any",
    asset_ids: Annotated[list[str], Field(description="Only in these recordings", max_length=100)] = [],  # noqa: B006
    tags: Annotated[list[str], Field(description="Only in recordings with any of these", max_length=20)] = [],  # noqa: B006
    detail: Annotated[
        Literal["concise", "detailed"], Field(description="detailed adds four more clips of each cluster")
    ] = "concise",
) -> Annotated[CallToolResult, ClusterListing]:
    """Return clusters of clips."""

    async def call() -> ClusterListing:
        from soundbite_tools.groups.cluster_clips import cluster_clips as cluster

        return await cluster(
            await library_of(ctx),
            clusters=clusters,
            modality=modality,
            asset_ids=asset_ids,
            tags=tags,
            detail=detail,
        )

    return await answer(call)
