"""What a library lost is named by `soundbite doctor` and repaired; called well is only what was compared.

These are some of the kinds of damage that `bench/damage.py` does, all of them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

kinds, libraries = load("damages.kinds"), load("damages.library")
DAMAGES = {damage.name: damage for damage in kinds.DAMAGES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return libraries.make_library(tmp_path_factory.mktemp("library"), 9, has_address=False)


@pytest.fixture
def library(whole: Any, tmp_path: Path) -> Any:
    return whole.copy(tmp_path)


def check_named_and_repaired(library: Any, name: str) -> None:
    DAMAGES[name].do(library)
    named = library.run("doctor", "--deep")
    assert (named.exit_code, DAMAGES[name].says in named.text) == (1, True), named.text
    repaired = library.run("doctor", "--deep", "--repair")
    is_lost = "were in the ledger only" in repaired.text
    assert (repaired.exit_code, is_lost) == ((1, True) if DAMAGES[name].loses_words else (0, False)), repaired.text
    again = library.run("doctor", "--deep")
    assert again.exit_code == 0, again.text
    listing = library.run("list").text
    assert "talk" in listing
    assert "rain" in listing


@pytest.mark.parametrize(
    "name",
    [
        "newest manifests emptied",
        "all manifests emptied",
        "older copy of the store",
        "removed recording came back",
        "ledger cut",
        "one bit of a row id",
    ],
)
def test_damage_is_named_and_repaired_and_never_called_well(library: Any, name: str) -> None:
    check_named_and_repaired(library, name)


def test_a_plain_doctor_names_recordings_that_the_store_lost(library: Any) -> None:
    assert library.run("doctor").exit_code == 0
    DAMAGES["newest manifests deleted"].do(library)
    lost = library.run("doctor")
    assert lost.exit_code == 1
    assert "lost: rain (a_" in lost.text
    assert str(library.recordings / "rain.wav") in lost.text


def test_a_plain_doctor_names_recordings_that_the_ledger_does_not_know(library: Any) -> None:
    DAMAGES["ledger deleted"].do(library)
    unknown = library.run("doctor")
    assert unknown.exit_code == 1
    assert "not in the ledger: talk (a_" in unknown.text


def test_a_loss_whose_source_is_gone_too_is_named_and_ends_with_1(library: Any, whole: Any, tmp_path: Path) -> None:
    DAMAGES["store deleted"].do(library)
    rain = whole.recordings / "rain.wav"
    aside = rain.rename(tmp_path / "aside.wav")
    try:
        repaired = library.run("doctor", "--deep", "--repair")
    finally:
        aside.rename(rain)
    assert repaired.exit_code == 1
    assert '"rain.wav" changed or went away before it was embedded. Add it again.' in repaired.text
    assert "Call embed_audio" not in repaired.text
    assert "lost: rain (a_" in repaired.text
    assert "lost: talk" not in repaired.text


def test_what_was_healed_at_open_is_told_once_by_the_next_doctor_and_is_not_called_complete(library: Any) -> None:
    library.manifests()[0].write_bytes(b"")
    healed = library.run("list")
    assert "everything acknowledged" not in healed.text
    told = library.run("doctor")
    assert "healed:" in told.text
    assert "were set aside" in told.text
    assert "healed:" not in library.run("doctor").text


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_the_files_of_a_library_are_private_in_a_home_that_others_can_read(library: Any) -> None:
    library.home.chmod(0o755)
    library.ledger.chmod(0o644)
    (library.home / "store").chmod(0o755)
    told = library.run("doctor")
    assert "other users of this machine could read store" in told.text
    assert "other users" not in library.run("doctor").text
    assert library.home.stat().st_mode & 0o777 == 0o755
    open_ones = [path for path in library.home.iterdir() if path.stat().st_mode & 0o077]
    assert open_ones == []
