"""A Whisper with random weights in CTranslate2's format, tiny or as wide as asked, and its tokenizer."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

MEL_BANDS = 80
WORDS = [" good", " morning", " hello", " rain", " train", " river", ",", ".", "'", "-"]
SPECIAL = [
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
]


@dataclass(frozen=True)
class Shape:
    """What a Whisper costs; `tokens` are those of its text, at least the few that the tokenizer needs."""

    width: int = 32
    heads: int = 2
    layers: int = 1
    tokens: int = 0


def write_tiny_whisper(folder: Path, shape: Shape | None = None) -> Path:
    """Write model.bin, config.json, vocabulary.json and tokenizer.json."""
    folder.mkdir(parents=True)
    shape = shape or Shape()
    text, stamps = _text_tokens(shape.tokens), [f"<|{n * 0.02:.2f}|>" for n in range(1501)]
    vocabulary = [*text, *SPECIAL, *stamps]
    _write_tokenizer(folder, text, stamps)
    _write_model(folder, vocabulary, shape)
    return folder


def _text_tokens(count: int) -> list[str]:
    # Bytes as the byte-level tokenizers write them, a few whole words, and what fills up.
    pre = importlib.import_module("tokenizers").pre_tokenizers.ByteLevel
    found = [*sorted(pre.alphabet()), *(word.replace(" ", "Ġ") for word in WORDS if len(word) > 1)]
    return [*found, *(f"Ġfiller{number}" for number in range(count - len(found)))]


def _write_tokenizer(folder: Path, text: list[str], stamps: list[str]) -> None:
    tokenizers: Any = importlib.import_module("tokenizers")
    model = tokenizers.models.BPE(vocab={token: number for number, token in enumerate(text)}, merges=[])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([*SPECIAL, *stamps])
    tokenizer.save(str(folder / "tokenizer.json"))


def _write_model(folder: Path, vocabulary: list[str], shape: Shape) -> None:
    specs: Any = importlib.import_module("ctranslate2.specs")
    width = shape.width
    spec = specs.WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    random = np.random.default_rng(7)

    def fill(part: Any, name: str, *sizes: int) -> None:
        setattr(part, name, random.normal(0.0, 0.2, sizes).astype(np.float32))

    def norm(part: Any) -> None:
        part.gamma, part.beta = np.ones(width, np.float32), np.zeros(width, np.float32)

    def linear(part: Any, rows: int, columns: int = width) -> None:
        fill(part, "weight", rows, columns)
        fill(part, "bias", rows)

    def attention(part: Any, is_self: bool) -> None:
        norm(part.layer_norm)
        linear(part.linear[0], 3 * width if is_self else width)
        if not is_self:
            linear(part.linear[1], 2 * width)
        linear(part.linear[-1], width)

    def feed_forward(part: Any) -> None:
        norm(part.layer_norm)
        linear(part.linear_0, 4 * width)
        linear(part.linear_1, width, 4 * width)

    for conv, bands in ((spec.encoder.conv1, MEL_BANDS), (spec.encoder.conv2, width)):
        fill(conv, "weight", width, bands, 3)
        fill(conv, "bias", width)
    fill(spec.encoder.position_encodings, "encodings", 1500, width)
    fill(spec.decoder.position_encodings, "encodings", 448, width)
    fill(spec.decoder.embeddings, "weight", len(vocabulary), width)
    fill(spec.decoder.projection, "weight", len(vocabulary), width)
    norm(spec.encoder.layer_norm)
    norm(spec.decoder.layer_norm)
    for layer in spec.encoder.layer:
        attention(layer.self_attention, is_self=True)
        feed_forward(layer.ffn)
    for layer in spec.decoder.layer:
        attention(layer.self_attention, is_self=True)
        attention(layer.attention, is_self=False)
        feed_forward(layer.ffn)
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [vocabulary.index("<|en|>"), vocabulary.index("<|de|>")]
    spec.config.alignment_heads = [(0, 0), (0, 1)]
    spec.validate()
    spec.optimize(quantization="int8")
    spec.save(str(folder))
