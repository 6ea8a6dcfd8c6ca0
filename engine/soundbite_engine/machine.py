"""The machine: a graphics processor where one can be used, and what freed memory goes back to the system (glibc)."""

from __future__ import annotations

import ctypes
import importlib
import sys
from typing import Any

CPU, CUDA = ("cpu", "int8"), ("cuda", "float16")
"""What CTranslate2 calls a device, and the numbers it computes with there."""
_PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
# CTranslate2 loads them at the first sound, and ends the process where one is not there.
_CUDA_LIBRARIES = ("libcublas.so.12", "libcudnn.so.9")
_M_MMAP_THRESHOLD = -3  # of malloc.h


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


def give_back() -> None:
    """Return freed pages to the system, where that is for us to do (glibc).

    glibc keeps an arena for each few threads, and in each what was freed there: pieces between those in use. It takes
    some milliseconds for each 10 MB, in which threads that allocate may wait.
    """
    if sys.platform == "linux" and (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        malloc_trim(ctypes.c_size_t(0))


def give_back_large_blocks_at_once(least_bytes: int) -> None:
    """Have blocks of `least_bytes` and more go back to the system as soon as they are freed (glibc).

    glibc does so up to 32 MB only until one is freed: from then on it keeps blocks of that size, and what comes next
    is put beside them. To take a block from the system costs time for each of its pages.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, least_bytes)
