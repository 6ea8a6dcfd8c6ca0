"""A Whisper of the right shapes with random weights, in CTranslate2's format, and a tokenizer that goes with it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEADS, LAYERS, MEL_BANDS = 32, 2, 1, 80
WORDS = [" good", " morning", " hello", " rain", " train", " river", ",", ".", "'", "-"]
SPECIAL = [
    *("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>"),
    *("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"),
]


def write_tiny_whisper(folder: Path) -> Path:
    """Write model.bin, config.json, vocabulary.json and tokenizer.json."""
    folder.mkdir(parents=True)
    text, stamps = _text_tokens(), [f"<|{n * 0.02:.2f}|>" for n in range(1501)]
    vocabulary = [*text, *SPECIAL, *stamps]
    _write_tokenizer(folder, text, stamps)
    _write_model(folder, vocabulary)
    return folder


def _text_tokens() -> list[str]:
    # Bytes as the byte-level tokenizers write them, and a few whole words.
    pre = importlib.import_module("tokenizers").pre_tokenizers.ByteLevel
    return [*sorted(pre.alphabet()), *(word.replace(" ", "Ġ") for word in WORDS if len(word) > 1)]


def _write_tokenizer(folder: Path, text: list[str], stamps: list[str]) -> None:
    tokenizers: Any = importlib.import_module("tokenizers")
    model = tokenizers.models.BPE(vocab={token: number for number, token in enumerate(text)}, merges=[])
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.add_special_tokens([*SPECIAL, *stamps])
    tokenizer.save(str(folder / "tokenizer.json"))


def _write_model(folder: Path, vocabulary: list[str]) -> None:
    specs: Any = importlib.import_module("ctranslate2.specs")
    spec = specs.WhisperSpec(LAYERS, HEADS, LAYERS, HEADS)
    random = np.random.default_rng(7)

    def fill(part: Any, name: str, *shape: int) -> None:
        setattr(part, name, random.normal(0.0, 0.2, shape).astype(np.float32))

    def norm(part: Any) -> None:
        part.gamma, part.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def linear(part: Any, rows: int, columns: int = WIDTH) -> None:
        fill(part, "weight", rows, columns)
        fill(part, "bias", rows)

    def attention(part: Any, is_self: bool) -> None:
        norm(part.layer_norm)
        linear(part.linear[0], 3 * WIDTH if is_self else WIDTH)
        if not is_self:
            linear(part.linear[1], 2 * WIDTH)
        linear(part.linear[-1], WIDTH)

    def feed_forward(part: Any) -> None:
        norm(part.layer_norm)
        linear(part.linear_0, 4 * WIDTH)
        linear(part.linear_1, WIDTH, 4 * WIDTH)

    for conv, bands in ((spec.encoder.conv1, MEL_BANDS), (spec.encoder.conv2, WIDTH)):
        fill(conv, "weight", WIDTH, bands, 3)
        fill(conv, "bias", WIDTH)
    fill(spec.encoder.position_encodings, "encodings", 1500, WIDTH)
    fill(spec.decoder.position_encodings, "encodings", 448, WIDTH)
    fill(spec.decoder.embeddings, "weight", len(vocabulary), WIDTH)
    fill(spec.decoder.projection, "weight", len(vocabulary), WIDTH)
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
