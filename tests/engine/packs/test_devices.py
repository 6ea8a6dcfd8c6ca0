"""A graphics processor is used where there is one, and the processor where there is none or it fails."""

from __future__ import annotations

import ctypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ctranslate2
import faster_whisper
import pytest

from soundbite_engine.machine import CPU, CUDA, onnx_providers, speech_device
from soundbite_engine.speech.whisper import Recogniser


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The devices that models were loaded on, with what they computed in; loading one on `cuda` fails."""
    loaded: list[tuple[str, str]] = []

    def load(folder: str, *, device: str, compute_type: str, **_: Any) -> Any:
        loaded.append((device, compute_type))
        if device == "cuda":
            raise RuntimeError("CUDA failed with error out of memory")
        return SimpleNamespace(model=SimpleNamespace(is_multilingual=True, device=device), encode=None)

    monkeypatch.setattr(faster_whisper, "WhisperModel", load)
    monkeypatch.setattr(faster_whisper, "BatchedInferencePipeline", lambda model: model)
    return loaded


def with_graphics(monkeypatch: pytest.MonkeyPatch, *, libraries: bool = True) -> None:
    def open_library(name: str) -> None:
        if not libraries:
            raise OSError(name)

    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(ctypes, "CDLL", open_library)


def test_without_a_graphics_processor_the_processor_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: list[tuple[str, str]]
) -> None:
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: 0)
    assert speech_device() == CPU
    Recogniser.load(str(tmp_path), "")
    assert models == [CPU]


def test_a_graphics_processor_whose_libraries_are_not_there_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with_graphics(monkeypatch, libraries=False)
    assert speech_device() == CPU


def test_a_large_recogniser_is_tried_on_the_graphics_processor_and_falls_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, models: list[tuple[str, str]]
) -> None:
    with_graphics(monkeypatch)
    Recogniser.load(str(tmp_path / "large"), "")
    assert models == [CUDA, CPU]
    Recogniser.load(str(tmp_path / "small"), "en")
    assert models == [CUDA, CPU, CPU]


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        (["AzureExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        (
            ["CPUExecutionProvider", "TensorrtExecutionProvider", "CUDAExecutionProvider"],
            ["CUDAExecutionProvider", "CPUExecutionProvider"],
        ),
    ],
)
def test_sessions_are_given_the_graphics_processor_first_where_it_is_there(there: list[str], wanted: list[str]) -> None:
    assert onnx_providers(SimpleNamespace(get_available_providers=lambda: there)) == wanted
