"""Which space the platform's vectors are in right now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from soundbite_store import Space

if TYPE_CHECKING:
    from soundbite_api import EmbeddedSpace, PlatformClient

# Any text does: only the space of the answer and the length of its vector are looked at.
_PROBE = "sound"


@dataclass(frozen=True)
class CurrentSpace:
    """A space, and the widths of the blocks its vectors are made of (empty where the platform does not say)."""

    space: Space
    blocks: Mapping[str, int]


class SpaceFinder:
    """Asks the platform once which space it embeds into; answers that come later correct it."""

    def __init__(self, client: PlatformClient) -> None:
        self._client = client
        self._asking = anyio.Lock()
        self._current: CurrentSpace | None = None

    async def current(self) -> CurrentSpace:
        """Return the space of what the platform embeds now.

        Raises:
            PlatformError: the platform does not say.
        """
        async with self._asking:
            if self._current is None:
                answer = await self._client.embed_text(_PROBE)
                self._current = current_space(answer.space, len(answer.vector))
        return self._current

    def seen(self, current: CurrentSpace) -> None:
        """Take note of the space of an answer."""
        self._current = current


def current_space(space: EmbeddedSpace, dimension: int) -> CurrentSpace:
    """Return the space of an answer; blocks that do not add up to the vector are no blocks."""
    blocks = space.blocks if sum(space.blocks.values()) == dimension else {}
    return CurrentSpace(Space(space.id, dimension), blocks)
