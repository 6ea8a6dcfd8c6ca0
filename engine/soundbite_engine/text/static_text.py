"""Sentences to vectors by looking word pieces up in a table: numpy only, no neural network at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from soundbite_engine.text.wordpiece import WordPieces

__all__ = ["StaticTextEmbedder"]

_TABLE = Path(__file__).parents[1] / "data" / "text_table"


@dataclass(frozen=True, eq=False)
class StaticTextEmbedder:
    """A Model2Vec table: a text is the weighted sum of its word pieces' rows, scaled to unit length.

    Immutable after loading, so one instance serves any number of threads. How the table was made is told by
    PROVENANCE.md beside it.
    """

    dimension: ClassVar[int] = 256

    _pieces: WordPieces
    _rows: NDArray[np.int8]  # (pieces, dimension), each row scaled to fill the 8 bits
    _weights: NDArray[np.float32]  # (pieces,), what a row is multiplied by: its own scale times the word's importance

    @classmethod
    def load(cls) -> Self:
        """Read the packaged table: about 0.1 s and 10 MB, so keep the instance."""
        return cls.from_folder(_TABLE)

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Read a Model2Vec folder: config.json, tokenizer.json, model.safetensors.

        Raises:
            ValueError: the table isn't `dimension` wide, or its rows don't match the tokenizer's vocabulary.
        """
        # Imported here: a server that never embeds speech must not pay for it.
        from safetensors.numpy import load_file

        pieces = WordPieces.from_file(folder / "tokenizer.json")
        tensors = load_file(folder / "model.safetensors")
        expected = (len(pieces.vocabulary), cls.dimension)
        if tensors["embeddings"].shape != expected:
            raise ValueError(f"text table in {folder} has shape {tensors['embeddings'].shape}, not {expected}")
        return cls(pieces, tensors["embeddings"], tensors["weights"])

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, float32 of shape (len(texts), 256); a text without any known word piece is a zero row."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            ids = self._pieces.ids(text)
            vector[:] = self._weights[ids] @ self._rows[ids].astype(np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        np.divide(vectors, lengths, out=vectors, where=lengths > 0)
        return vectors
