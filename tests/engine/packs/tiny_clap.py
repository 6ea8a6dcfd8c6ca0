"""Two encoders in CLAP's shapes with random weights, as ONNX files, and a tokenizer that goes with them."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION, BANDS, HIDDEN = 512, 64, 16
WORDS = ("<s>", "<pad>", "</s>", "<unk>", "a", "dog", "rain", "the", "sound", "of", "thunder")


def write_tiny_clap(folder: Path, out: int = DIMENSION) -> Path:
    """Write audio_model.onnx, text_model.onnx and tokenizer.json; `out` numbers come out of both."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(3)
    onnx: Any = importlib.import_module("onnx")
    _write(onnx, folder / "audio_model.onnx", _audio(onnx, random, out))
    _write(onnx, folder / "text_model.onnx", _text(onnx, random, out))
    tokenizers: Any = importlib.import_module("tokenizers")
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def _write(onnx: Any, path: Path, graph: Any) -> None:
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _audio(onnx: Any, random: np.random.Generator, out: int) -> Any:
    """(batch, 1, frames, 64) -> mean over time -> a matrix."""
    node, value, floats = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    nodes = [
        node("ReduceMean", ["input_features"], ["mean"], axes=[1, 2], keepdims=0),
        node("MatMul", ["mean", "matrix"], ["audio_embeds"]),
    ]
    return onnx.helper.make_graph(
        nodes,
        "audio",
        [value("input_features", floats, ["batch", 1, 1001, BANDS])],
        [value("audio_embeds", floats, ["batch", out])],
        [_matrix(onnx, "matrix", random.normal(size=(BANDS, out)))],
    )


def _text(onnx: Any, random: np.random.Generator, out: int) -> Any:
    """(batch, tokens) -> rows of a table -> mean over the tokens of the mask -> a matrix."""
    node, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    floats, integers = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    nodes = [
        node("Gather", ["table", "input_ids"], ["rows"]),
        node("Cast", ["attention_mask"], ["weights"], to=floats),
        node("Unsqueeze", ["weights", "last"], ["column"]),
        node("Mul", ["rows", "column"], ["masked"]),
        node("ReduceMean", ["masked"], ["mean"], axes=[1], keepdims=0),
        node("MatMul", ["mean", "matrix"], ["text_embeds"]),
    ]
    initial = [
        _matrix(onnx, "table", random.normal(size=(len(WORDS), HIDDEN))),
        _matrix(onnx, "matrix", random.normal(size=(HIDDEN, out))),
        onnx.numpy_helper.from_array(np.array([2], np.int64), "last"),
    ]
    entries = [value(name, integers, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")]
    return onnx.helper.make_graph(nodes, "text", entries, [value("text_embeds", floats, ["batch", out])], initial)


def _matrix(onnx: Any, name: str, values: np.ndarray) -> Any:
    return onnx.numpy_helper.from_array(values.astype(np.float32), name)
