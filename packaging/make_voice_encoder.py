"""Write the speaker encoder of `soundbite_engine/weights/ge2e` from the weights of Resemblyzer 0.1.4, without torch.

    pip download --no-deps resemblyzer==0.1.4
    python packaging/make_voice_encoder.py Resemblyzer-0.1.4-py3-none-any.whl

The wheel's `pretrained.pt` is a checkpoint of torch's first format: a few pickles, then the numbers of each storage.
The network is an LSTM of three layers and a linear layer. All weights but those of the first layer, whose input is
power and not its logarithm, are kept in 7 bits, which every processor multiplies alike: over real speech the vectors
are .998 like those of full precision, in half of the time.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, checker, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

LAYERS, HIDDEN, BANDS, FRAMES = 3, 256, 40, 160
TARGET = Path(__file__).parents[1] / "engine/soundbite_engine/weights/ge2e/encoder.onnx"

_Numbers = npt.NDArray[np.float32]


class _Storage:
    """The place of a tensor's numbers, whose bytes follow the pickles."""

    def __init__(self, key: str) -> None:
        self.key = key


class _Tensor:
    """A view of a storage."""

    def __init__(self, storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...]) -> None:
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride

    def numbers(self, storages: dict[str, _Numbers]) -> _Numbers:
        flat = storages[self.storage.key][self.offset :]
        strides = [step * flat.itemsize for step in self.stride]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(flat, self.shape, strides))


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_: Any
) -> _Tensor:
    return _Tensor(storage, offset, shape, stride)


class _Unpickler(pickle.Unpickler):
    """Reads the pickles of a checkpoint; anything but tensors and dictionaries is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild_tensor
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name.endswith("Storage"):
            return name
        raise pickle.UnpicklingError(f"{module}.{name} is not expected in a checkpoint")

    def persistent_load(self, pid: Any) -> _Storage:
        kind, of_type, key, *_ = pid
        if kind != "storage" or of_type != "FloatStorage":
            raise pickle.UnpicklingError(f"a {kind} of {of_type} is not expected")
        return _Storage(f"{of_type}:{key}")


def checkpoint(data: bytes) -> dict[str, _Numbers]:
    """The tensors of the model in a checkpoint, by name."""
    file = io.BytesIO(data)
    magic, protocol, _system = (_Unpickler(file).load() for _ in range(3))
    if magic != 0x1950A86A20F9469CFC6C or protocol != 1001:
        raise SystemExit("this is no checkpoint of torch's first format")
    content = _Unpickler(file).load()
    keys = _Unpickler(file).load()
    storages: dict[str, _Numbers] = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        storages[f"FloatStorage:{key}"] = np.frombuffer(file.read(4 * count), "<f4")
    return {name: tensor.numbers(storages) for name, tensor in content["model_state"].items()}


def network(tensors: dict[str, _Numbers]) -> Any:
    """The encoder as ONNX: `mels` (windows, 160, 40) to `voices` (windows, 256), of unit length."""
    nodes, weights = [helper.make_node("Transpose", ["mels"], ["layer0"], perm=[1, 0, 2])], []

    def constant(name: str, numbers: _Numbers) -> str:
        weights.append(numpy_helper.from_array(numbers, name))
        return name

    for layer in range(LAYERS):
        parts = {
            kind: _onnx_gates(tensors[f"lstm.{kind}_l{layer}"])
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        inputs = [
            f"layer{layer}",
            constant(f"w{layer}", parts["weight_ih"][None]),
            constant(f"r{layer}", parts["weight_hh"][None]),
            constant(f"b{layer}", np.concatenate([parts["bias_ih"], parts["bias_hh"]])[None]),
        ]
        nodes.append(
            helper.make_node("LSTM", inputs, [f"all{layer}", f"last{layer}"], name=f"lstm{layer}", hidden_size=HIDDEN)
        )
        nodes.append(helper.make_node("Squeeze", [f"all{layer}", "one"], [f"layer{layer + 1}"]))
    weights.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    weights.append(numpy_helper.from_array(np.array([0], np.int64), "zero"))
    nodes += [
        helper.make_node("Squeeze", [f"last{LAYERS - 1}", "zero"], ["state"]),
        helper.make_node(
            "Gemm",
            ["state", constant("w", tensors["linear.weight"]), constant("b", tensors["linear.bias"])],
            ["raw"],
            transB=1,
        ),
        helper.make_node("Relu", ["raw"], ["positive"]),
        helper.make_node("LpNormalization", ["positive"], ["voices"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "ge2e",
        [helper.make_tensor_value_info("mels", TensorProto.FLOAT, ["windows", FRAMES, BANDS])],
        [helper.make_tensor_value_info("voices", TensorProto.FLOAT, ["windows", HIDDEN])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="")
    checker.check_model(model, full_check=True)
    return model


def _onnx_gates(rows: _Numbers) -> _Numbers:
    """Rows of the gates in ONNX's order (input, output, forget, cell) from torch's (input, forget, cell, output)."""
    entry, forget, cell, out = np.split(rows, 4)
    return np.concatenate([entry, out, forget, cell])


if __name__ == "__main__":
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        tensors = checkpoint(wheel.read("resemblyzer/pretrained.pt"))
        (licence,) = (name for name in wheel.namelist() if name.endswith("/LICENSE"))
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.with_name("LICENSE").write_bytes(wheel.read(licence))
    quantize_dynamic(
        network(tensors),
        TARGET,
        weight_type=QuantType.QInt8,
        per_channel=True,
        reduce_range=True,
        nodes_to_exclude=["lstm0"],
    )
