"""The Skills extension of the protocol (SEP-2640): how to answer from recordings, for hosts that load skills.

One skill of one file, the same as the plugin for Claude Code holds. To hosts without the extension it is a resource.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from mcp import MCPError
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding, ResourceBinding
from mcp.server.mcpserver.resources import TextResource
from mcp_types import INVALID_PARAMS, PaginatedRequestParams, RequestParams

SKILLS = "io.modelcontextprotocol/skills"
SKILL_URI = "skill://soundbite/SKILL.md"
_VERSIONS = frozenset({"2026-07-28"})
_FRESH_MS = 3_600_000  # it changes with the installed version only

Context = ServerRequestContext[Any, Any]


class SkillParams(RequestParams):
    """What skills/get names."""

    uri: str


class SkillsExtension(Extension):
    """Serves the skill as a resource, and its entry: frontmatter, digest and size."""

    identifier = SKILLS

    def __init__(self) -> None:
        self._text = files("soundbite_server.mcp").joinpath("skill.md").read_text(encoding="utf-8")
        self._frontmatter = _frontmatter(self._text)

    def resources(self) -> Sequence[ResourceBinding]:
        """Return the file of the skill."""
        resource = TextResource(
            uri=SKILL_URI,
            name=self._frontmatter["name"],
            title="How to answer from recordings",
            description=self._frontmatter["description"],
            mime_type="text/markdown",
            text=self._text,
        )
        return [ResourceBinding(resource)]

    def methods(self) -> Sequence[MethodBinding]:
        """Return the methods that hosts ask about skills with."""
        return [
            MethodBinding("skills/list", PaginatedRequestParams, self._list, _VERSIONS),
            MethodBinding("skills/get", SkillParams, self._get, _VERSIONS),
        ]

    async def _list(self, ctx: Context, params: PaginatedRequestParams) -> HandlerResult:
        return _complete({"skills": [self._entry()]})

    async def _get(self, ctx: Context, params: SkillParams) -> HandlerResult:
        if params.uri != SKILL_URI:
            raise MCPError(code=INVALID_PARAMS, message="There is no such skill.")
        return _complete({"skill": self._entry()})

    def _entry(self) -> dict[str, Any]:
        content = self._text.encode()
        file = {"uri": SKILL_URI, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}", "size": len(content)}
        return {"uri": SKILL_URI, "frontmatter": self._frontmatter, "resources": [file]}


def _complete(result: dict[str, Any]) -> dict[str, Any]:
    return {"resultType": "complete", **result, "ttlMs": _FRESH_MS, "cacheScope": "public"}


def _frontmatter(text: str) -> dict[str, str]:
    # Plain texts on one line each, which a test holds it to: no reader of YAML is needed.
    block = text.split("---\n", 2)[1]
    return dict(line.split(": ", 1) for line in block.splitlines())
