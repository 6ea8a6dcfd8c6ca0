"""classify_clips, as agents see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from mcp_types import CallToolResult
from pydantic import Field

from soundbite_server.mcp.boundary import ToolContext, answer, library_of
from soundbite_server.mcp.declaration import declare
from soundbite_tools.groups.results import ClassifyResult

if TYPE_CHECKING:
    from mcp.server.mcpserver.tools import Tool

DESCRIPTION = """\
Sort clips by labels of yours: for each clip the label that fits best by what is said or heard, or "none of these".

Give 2 to 30 labels in a few plain words each, such as "a complaint", "music", "someone laughs". per="asset" sums the \
seconds of each label over a recording instead of listing clips. The answer begins with how much of the whole each \
label fits. A score is how well a label fits, 0 to 1, the same as in search_clips; under 0.5 is a weak fit. To find \
the few clips that answer one question use search_clips; to see which groups there are, cluster_clips."""


def tool() -> Tool:
    """Return the tool."""
    return declare(classify_clips, title="Classify clips", description=DESCRIPTION, is_read_only=True)


async def classify_clips(
    ctx: ToolContext,
    labels: Annotated[
        list[Annotated[str, Field(max_length=100)]], Field(description="In words", min_length=1, max_length=30)
    ],
    per: Annotated[Literal["clip", "asset"], Field(description="Label clips, or sum over each recording")] = "clip",
    modality: Annotated[Literal["any", "speech", "sound"], Field(description="What to compare with")] = "any",
    asset_ids: Annotated[list[str], Field(description="Only in these recordings", max_length=100)] = [],  # noqa: B006
    tags: Annotated[list[str], Field(description="Only in recordings with any of these", max_length=20)] = [],  # noqa: B006
    min_score: Annotated[float, Field(description="Fits worse than this are none; 0 means 0.3", ge=0, le=1)] = 0.0,
    page: Annotated[int, Field(description="From 1", ge=1, le=100_000)] = 1,
    page_limit: Annotated[int, Field(description="Clips or recordings on a page", ge=1, le=50)] = 20,
) -> Annotated[CallToolResult, ClassifyResult]:
    """Return the labels of clips."""

    async def call() -> ClassifyResult:
        from soundbite_tools.groups.classify_clips import classify_clips as classify

        return await classify(
            await library_of(ctx),
            labels,
            per=per,
            modality=modality,
            asset_ids=asset_ids,
            tags=tags,
            min_score=min_score,
            page=page,
            page_limit=page_limit,
        )

    return await answer(call)
