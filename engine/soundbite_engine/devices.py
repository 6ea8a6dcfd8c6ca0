"""Where large networks run: on a graphics processor that can be used, else on the processor."""

from __future__ import annotations

import ctypes
import importlib
from typing import Any

CPU, CUDA = ("cpu", "int8"), ("cuda", "float16")
"""What CTranslate2 calls a device, and the numbers it computes with there."""
_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
# CTranslate2 loads them at the first sound, and ends the process where one is not there.
_CUDA_LIBRARIES = ("libcublas.so.12", "libcudnn.so.9")


def onnx_providers(runtime: Any) -> list[str]:
    """The providers of an onnxruntime that a session is given, the one to be taken first."""
    return [name for name in _PROVIDERS if name in runtime.get_available_providers()]


def speech_device() -> tuple[str, str]:
    """`CUDA` where there is a graphics processor with all that CTranslate2 needs for it, else `CPU`."""
    try:
        count = importlib.import_module("ctranslate2").get_cuda_device_count()
        for name in _CUDA_LIBRARIES if count else ():
            ctypes.CDLL(name)
    except (OSError, RuntimeError):
        return CPU
    return CUDA if count else CPU
