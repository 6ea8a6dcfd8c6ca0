"""Which vectors an answer holds, and the refusal of vectors that can't be of that space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from soundbite_api.errors import MalformedResponse

HOSTED_MODEL = "marengo3.0"
MARENGO_35 = "marengo3.5"
HOSTED_MODELS = (HOSTED_MODEL, MARENGO_35)
HOSTED_DIMENSION = 512
SPACE_HEADER = "x-soundbite-space"
BLOCKS_HEADER = "x-soundbite-blocks"


@dataclass(frozen=True)
class EmbeddedSpace:
    """Which vectors an answer holds.

    `blocks` are the widths of the parts of a joint vector, in order, by name; empty where the platform does not say.
    """

    id: str
    blocks: Mapping[str, int] = field(default_factory=dict)


def named_space(headers: Mapping[str, str], model_name: str) -> EmbeddedSpace:
    """Return the space an answer names in its headers, else the model's own."""
    named = headers.get(SPACE_HEADER)
    return EmbeddedSpace(named, _read_blocks(headers.get(BLOCKS_HEADER, ""))) if named else EmbeddedSpace(model_name)


class Dimensions:
    """How many numbers the vectors of each space have: known, announced, or as first seen."""

    def __init__(self) -> None:
        self._known: dict[str, int] = dict.fromkeys(HOSTED_MODELS, HOSTED_DIMENSION)

    def check(self, space: EmbeddedSpace, vectors: Iterable[list[float]]) -> None:
        """Refuse vectors of another length than those of their space.

        Raises:
            MalformedResponse: there is one; its code is `wrong_dimension`.
        """
        announced = sum(space.blocks.values())
        for vector in vectors:
            expected = announced or self._known.setdefault(space.id, len(vector))
            if len(vector) != expected or not vector:
                raise MalformedResponse(
                    f"A vector of {len(vector)} numbers came, where space {space.id} has {expected or 'some'}.",
                    code="wrong_dimension",
                    hint="Check that TWELVELABS_BASE_URL points at the platform that made the library's vectors.",
                )


def _read_blocks(header: str) -> dict[str, int]:
    blocks: dict[str, int] = {}
    for part in header.split(","):
        name, _, width = part.strip().partition("=")
        if name and width.isascii() and width.isdigit() and len(width) < 7:
            blocks[name] = int(width)
    return blocks
