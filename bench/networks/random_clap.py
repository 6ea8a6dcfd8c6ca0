"""CLAP's audio encoder in its real width with random weights: what it costs is true, what it says is not.

HTSAT tiny: a picture of 1001 x 64 folded to 256 x 256, patches of 4 x 4, four stages of attention in windows of 8 x 8,
each half as high and wide and twice as deep as the one before. The shift of every other window is left out: it moves
numbers and computes nothing.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

FRAMES, BANDS, OUT = 1001, 64, 512
SIDE, WINDOW, WIDTH = 64, 8, 96  # patches a side, patches a window's side, numbers a patch
STAGES = ((2, 4), (2, 8), (6, 16), (2, 32))  # blocks and heads
OPSET, IR_VERSION = 20, 10


def write_random_clap(folder: Path) -> dict[str, Path]:
    """Write the encoder in single precision and with weights of 8 bits; returns their paths by name."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / name / "audio_model.onnx" for name in ("fp32", "int8")}
    for path in paths.values():
        path.parent.mkdir(exist_ok=True)
    graph = _Graph().audio_encoder()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.save(model, paths["fp32"])
    quantize_dynamic(paths["fp32"], paths["int8"], weight_type=QuantType.QUInt8)
    return paths


class _Graph:
    """Nodes and weights as they come; every step takes the name of a value and returns that of its result."""

    def __init__(self) -> None:
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._random = np.random.default_rng(3)

    def audio_encoder(self) -> onnx.GraphProto:
        folded = 4 * BANDS
        x = self._node("Pad", "input_features", self._ints(0, 0, 0, 0, 0, 0, 4 * folded - FRAMES, 0))
        x = self._reshape(x, -1, 4, folded, BANDS)
        x = self._reshape(self._node("Transpose", x, perm=[0, 2, 1, 3]), -1, 1, folded, folded)
        x = self._node("Conv", x, self._weight(WIDTH, 1, 4, 4), strides=[4, 4], kernel_shape=[4, 4])
        x = self._node("Transpose", x, perm=[0, 2, 3, 1])
        side, width = SIDE, WIDTH
        for stage, (blocks, heads) in enumerate(STAGES):
            if stage:
                side, width = side // 2, 2 * width
                x = self._merged(x, side, width)
            for _ in range(blocks):
                x = self._node("Add", x, self._attention(self._norm(x, width), side, width, heads))
                x = self._node("Add", x, self._feed_forward(self._norm(x, width), width))
        x = self._node("ReduceMean", self._norm(x, width), self._ints(1, 2), keepdims=0)
        self._nodes.append(helper.make_node("MatMul", [x, self._weight(width, OUT)], ["audio_embeds"]))
        picture = helper.make_tensor_value_info("input_features", TensorProto.FLOAT, ["batch", 1, FRAMES, BANDS])
        vectors = helper.make_tensor_value_info("audio_embeds", TensorProto.FLOAT, ["batch", OUT])
        return helper.make_graph(self._nodes, "audio", [picture], [vectors], self._weights)

    def _merged(self, x: str, side: int, width: int) -> str:
        """Four neighbouring patches as one."""
        x = self._reshape(x, -1, side, 2, side, 2, width // 2)
        x = self._reshape(self._node("Transpose", x, perm=[0, 1, 3, 2, 4, 5]), -1, side, side, 2 * width)
        return self._linear(self._norm(x, 2 * width), 2 * width, width)

    def _attention(self, x: str, side: int, width: int, heads: int) -> str:
        across, inside, depth = side // WINDOW, WINDOW * WINDOW, width // heads
        x = self._reshape(x, -1, across, WINDOW, across, WINDOW, width)
        x = self._reshape(self._node("Transpose", x, perm=[0, 1, 3, 2, 4, 5]), -1, inside, width)
        x = self._reshape(self._linear(x, width, 3 * width), -1, inside, 3, heads, depth)
        x = self._node("Transpose", x, perm=[2, 0, 3, 1, 4])
        query, key, value = (self._node("Gather", x, self._index(part), axis=0) for part in range(3))
        scores = self._node("MatMul", query, self._node("Transpose", key, perm=[0, 1, 3, 2]))
        scores = self._node("Softmax", self._node("Mul", scores, self._number(depth**-0.5)), axis=-1)
        x = self._node("Transpose", self._node("MatMul", scores, value), perm=[0, 2, 1, 3])
        x = self._linear(self._reshape(x, -1, inside, width), width, width)
        x = self._reshape(x, -1, across, across, WINDOW, WINDOW, width)
        return self._reshape(self._node("Transpose", x, perm=[0, 1, 3, 2, 4, 5]), -1, side, side, width)

    def _feed_forward(self, x: str, width: int) -> str:
        return self._linear(self._node("Gelu", self._linear(x, width, 4 * width)), 4 * width, width)

    def _norm(self, x: str, width: int) -> str:
        scale, bias = self._constant(np.ones(width, np.float32)), self._constant(np.zeros(width, np.float32))
        return self._node("LayerNormalization", x, scale, bias)

    def _linear(self, x: str, rows: int, columns: int) -> str:
        return self._node("Add", self._node("MatMul", x, self._weight(rows, columns)), self._weight(columns))

    def _reshape(self, x: str, *shape: int) -> str:
        return self._node("Reshape", x, self._ints(*shape))

    def _node(self, kind: str, *entries: str, **attributes: Any) -> str:
        name = f"value{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, list(entries), [name], **attributes))
        return name

    def _weight(self, *shape: int) -> str:
        return self._constant(self._random.normal(0.0, 0.02, shape).astype(np.float32))

    def _ints(self, *values: int) -> str:
        return self._constant(np.array(values, np.int64))

    def _index(self, value: int) -> str:
        return self._constant(np.array(value, np.int64))

    def _number(self, value: float) -> str:
        return self._constant(np.array(value, np.float32))

    def _constant(self, values: np.ndarray) -> str:
        name = f"constant{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(values, name))
        return name
