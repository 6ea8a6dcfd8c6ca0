"""`soundbite models`, as a person types it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from model_server import Misbehaviour, serving

from soundbite_engine.packs.installed import PROFILES
from soundbite_server.cli.models import models_command


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("SOUNDBITE_MODELS", "SOUNDBITE_PROFILE", "HF_HUB_CACHE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models_command, arguments)


def test_where_follows_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("where").output.strip() == str(tmp_path / "home" / "models")
    monkeypatch.setenv("SOUNDBITE_MODELS", str(tmp_path / "elsewhere"))
    assert run("where").output.strip() == str(tmp_path / "elsewhere")


def test_the_list_names_every_pack_and_what_each_profile_lacks() -> None:
    listed = " ".join(run("list").output.split())
    for name in ("yamnet", "clap-int8", "clap-fp32", "whisper-tiny", "whisper-base", "whisper-small"):
        assert name in listed
    assert "profile base: nothing to pull. Ready." in listed
    assert "soundbite models pull sounds" in listed or "soundbite[sounds]" in listed


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    done = run("pull", "huge")
    assert done.exit_code == 2
    assert f"'huge' is none of {', '.join(PROFILES)}, yamnet" in done.output


def test_a_folder_without_the_files_ends_with_one_sentence(tmp_path: Path) -> None:
    done = run("pull", "sounds", "--from", str(tmp_path))
    assert done.exit_code == 1
    assert "is yamnet.tflite: it has 4,126,810 bytes with sha256 4d8b4a53" in done.output
    assert run("remove", "sounds").output == "Nothing of sounds was here.\n"


def test_the_real_pack_is_pulled_from_a_mirror_checked_and_removed(
    eval_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = tmp_path / "served" / "yamnet"
    served.mkdir(parents=True)
    shutil.copyfile(eval_folder / "models" / "yamnet_521_int8.tflite", served / "yamnet.tflite")
    shutil.copyfile(eval_folder / "models" / "yamnet_class_map.csv", served / "yamnet_class_map.csv")
    with serving(served.parent, Misbehaviour(breaks_after=[1_000_000])) as address:
        monkeypatch.setenv("SOUNDBITE_MODELS_MIRROR", address)
        done = run("pull", "sounds")
    assert done.exit_code == 0, done.output
    assert "yamnet: installed in" in done.output
    assert "yes, checked" in run("list", "--check").output
    with (tmp_path / "home" / "models" / "yamnet" / "yamnet.tflite").open("r+b") as file:
        file.write(b"damage")
    checked = run("list", "--check")
    assert checked.exit_code == 1
    assert "damaged: yamnet.tflite" in " ".join(checked.output.split())
    assert run("remove", "sounds").output == "4.1 MB freed.\n"
