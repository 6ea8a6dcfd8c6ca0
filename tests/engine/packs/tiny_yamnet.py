"""A network in YAMNet's shape whose answers can be foretold: scores = |first 521 samples of the frame|."""

from __future__ import annotations

import csv
import importlib
from pathlib import Path
from typing import Any

import numpy as np

from soundbite_engine.packs.installed import write_receipt
from soundbite_engine.packs.registry import PACKS, Build
from soundbite_engine.sound.yamnet import CLASS_COUNT, CLASS_MAP

FRAME_SAMPLES = 15_600
KNOWN = ("Speech", "Silence", "Dog", "Bark", "Rain", "Siren", "Vehicle horn, car horn, honking", "Motorcycle")

_OTHERS = (
    *("Accordion", "Banjo", "Bagpipes", "Cello", "Clarinet", "Cymbal", "Flute", "Gong", "Harp", "Mandolin", "Marimba"),
    *("Blues", "Disco", "Folk music", "Hip hop music", "Jazz", "Opera", "Punk rock", "Reggae", "Techno", "Waltz"),
    *(
        "Blender",
        "Cash register",
        "Coin (dropping)",
        "Cutlery",
        "Frying (food)",
        "Scissors",
        "Sewing machine",
        "Zipper",
    ),
    *("Burping", "Gargling", "Hiccup", "Snoring", "Throat clearing", "Wheeze", "Whistling", "Yodeling"),
)


def install_tiny_yamnet(models: Path) -> None:
    """Install the pack `yamnet` with the tiny network and a class map that begins with `KNOWN`."""
    folder = models / "yamnet"
    folder.mkdir(parents=True)
    (folder / "yamnet.tflite").write_bytes(_network())
    with (folder / CLASS_MAP).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("index", "mid", "display_name"))
        names = [*KNOWN, *(_OTHERS[n % len(_OTHERS)] for n in range(CLASS_COUNT - len(KNOWN)))]
        writer.writerows((number, f"/m/{number}", name) for number, name in enumerate(names))
    builds = {file.name: file.build for file in PACKS["yamnet"].files}
    write_receipt(folder, {name: Build((folder / name).stat().st_size, builds[name].sha256) for name in builds})


def _network() -> bytes:
    schema: Any = importlib.import_module("ai_edge_litert.schema_py_generated")
    flatbuffers: Any = importlib.import_module("flatbuffers")
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT() for _ in range(3)]
    for buffer, values in zip(model.buffers[1:], ((0,), (CLASS_COUNT,)), strict=True):
        buffer.data = np.array(values, np.int32).tobytes()
    floats, integers = schema.TensorType.FLOAT32, schema.TensorType.INT32
    graph = schema.SubGraphT()
    graph.tensors = [
        _tensor(schema, "frame", (FRAME_SAMPLES,), floats, 0),
        _tensor(schema, "begin", (1,), integers, 1),
        _tensor(schema, "size", (1,), integers, 2),
        _tensor(schema, "first", (CLASS_COUNT,), floats, 0),
        _tensor(schema, "scores", (CLASS_COUNT,), floats, 0),
    ]
    operators = schema.BuiltinOperator
    model.operatorCodes = [_code(schema, operators.SLICE), _code(schema, operators.ABS)]
    graph.operators = [_operator(schema, 0, (0, 1, 2), 3), _operator(schema, 1, (3,), 4)]
    graph.inputs, graph.outputs = [0], [4]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _tensor(schema: Any, name: str, shape: tuple[int, ...], kind: int, buffer: int) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, buffer
    return tensor


def _code(schema: Any, builtin: int) -> Any:
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = builtin, min(builtin, 127), 1
    return code


def _operator(schema: Any, code: int, inputs: tuple[int, ...], output: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, list(inputs), [output]
    return operator
