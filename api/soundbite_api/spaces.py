"""Which space vectors are of, and how the hosted models that make them are asked (contract section 10)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from soundbite_api.embeddings import AudioInput, EmbeddingMetadata, EmbeddingUsage, Segmentation
from soundbite_api.errors import MalformedResponse

HOSTED_MODEL = "marengo3.0"
MARENGO_35 = "marengo3.5"
HOSTED_MODELS = (HOSTED_MODEL, MARENGO_35)
HOSTED_DIMENSION = 512
SPACE_HEADER = "x-soundbite-space"
BLOCKS_HEADER = "x-soundbite-blocks"
SHORTEST_SCENE_SEC = 2
"""The least that Marengo 3.5 makes a segment of where it follows the scenes itself: its own default."""
LONGEST_SINGLE_SEC = 30.0
"""Of a sound that Marengo 3.5 embeds at once, as one vector."""


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


def refusal(model_name: str, options: Collection[str], types: Collection[str]) -> str:
    """Return why a model does not take these together, in a sentence; empty where it does."""
    if model_name != MARENGO_35:
        return ""
    if "transcription" in options:
        return (
            "embedding_option: marengo3.5 has no transcription; its audio vectors hold what is said as well as what is "
            "heard"
        )
    if "fused_embedding" in types:
        return "embedding_type: marengo3.5 fuses only with timed texts of yours, which Soundbite does not send"
    return ""


def audio_body(model_name: str, audio: AudioInput) -> dict[str, Any]:
    """Return the request that embeds a recording.

    Marengo 3.5 says how sure it is of each number of a vector, but not together with one of the whole recording.
    """
    body: dict[str, Any] = {"input_type": "audio", "model_name": model_name}
    if model_name != MARENGO_35:
        return {**body, "audio": audio.to_wire()}
    wire = audio.to_wire()
    cut = audio.segmentation or Segmentation()
    temporal = (
        {"strategy": "dynamic", "dynamic": {"min_duration_sec": SHORTEST_SCENE_SEC}}
        if cut.strategy == "natural"
        else {"strategy": "fixed", "fixed": {"duration_sec": cut.duration_sec}}
    )
    return {
        **body,
        "embedding_dimension": HOSTED_DIMENSION,
        **({"embedding_uncertainty": True} if "asset" not in audio.embedding_scope else {}),
        "audio": {**wire, "segmentation": {"temporal": temporal}},
    }


def text_body(model_name: str, text: str) -> dict[str, Any]:
    """Return the request that embeds a question."""
    if model_name != MARENGO_35:
        return {"input_type": "text", "model_name": model_name, "text": {"input_text": text}}
    return _single(model_name, {"input_text": text})


def sound_body(model_name: str, asset_id: str) -> dict[str, Any]:
    """Return the request that embeds an asset of at most 30 seconds as one vector of Marengo 3.5."""
    return _single(model_name, {"media_sources": [{"media_type": "audio", "asset_id": asset_id}]})


def _single(model_name: str, inputs: dict[str, Any]) -> dict[str, Any]:
    head = {"input_type": "multi_input", "model_name": model_name, "embedding_dimension": HOSTED_DIMENSION}
    return {**head, "multi_input": inputs}


def model_of(metadata: EmbeddingMetadata | None, usage: EmbeddingUsage | None) -> str:
    """Return which hosted model made an answer: only Marengo 3.5 says how many numbers it has, or counts tokens."""
    has_dimension = metadata is not None and metadata.embedding_dimension is not None
    return MARENGO_35 if has_dimension or usage is not None else HOSTED_MODEL
