"""Pulling a pack: whole and checked or not at all, from wherever it can be had."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import httpx
import pytest
from model_server import Misbehaviour

from soundbite_engine.packs import installed, pulling
from soundbite_engine.packs.installed import PackError, damaged_files, is_installed, remove, staging_of
from soundbite_engine.packs.pulling import Origins, pull
from soundbite_engine.packs.registry import PACKS, Pack

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting between tries is not what is tested."""
    monkeypatch.setattr(pulling.download, "__defaults__", (lambda _: None,))


def test_a_pulled_pack_is_whole_and_a_second_pull_does_nothing(
    models: Path, pack: Pack, mirror: Origins, contents: dict[str, bytes], wrong: Misbehaviour
) -> None:
    told: list[tuple[str, int, int]] = []
    assert not is_installed(models, pack)
    assert pull(models, pack, mirror, lambda *step: told.append(step))
    assert {name: (models / "thing" / name).read_bytes() for name in contents} == contents
    assert is_installed(models, pack)
    assert damaged_files(models, pack) == ()
    assert told[-1] == ("words.txt", 10, 10)
    asked = len(wrong.ranges)
    assert not pull(models, pack, mirror)
    assert len(wrong.ranges) == asked
    assert sorted(path.name for path in models.iterdir()) == [".lock", "thing"]


def test_a_transfer_that_breaks_off_goes_on_where_it_ended(
    models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour
) -> None:
    wrong.breaks_after = [100_000, 50_000, None]
    pull(models, pack, mirror)
    assert damaged_files(models, pack) == ()
    assert wrong.ranges[:3] == ["", "bytes=100000-", "bytes=150000-"]


def test_a_pull_that_gave_up_goes_on_at_the_next(
    models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour
) -> None:
    wrong.breaks_after = [300_000, *[0] * 8]
    with pytest.raises(PackError, match="broke off at 300,000 bytes") as caught:
        pull(models, pack, mirror)
    assert caught.value.code == "pack_interrupted"
    assert not is_installed(models, pack)
    assert not (models / "thing").exists()
    wrong.breaks_after, wrong.ranges = [], []
    pull(models, pack, mirror)
    assert wrong.ranges[0] == "bytes=300000-"
    assert damaged_files(models, pack) == ()


def test_a_server_without_ranges_starts_over(models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour) -> None:
    wrong.breaks_after, wrong.ignores_ranges = [100_000, None], True
    pull(models, pack, mirror)
    assert damaged_files(models, pack) == ()


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(
    models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour
) -> None:
    wrong.statuses = [503, 429]
    assert pull(models, pack, mirror)
    remove(models, pack)
    wrong.statuses, wrong.ranges = [404], []
    with pytest.raises(PackError, match="HTTP status 404"):
        pull(models, pack, mirror)
    assert len(wrong.ranges) == 1


@pytest.mark.parametrize(("said", "endless"), [(999, False), (None, True)])
def test_a_file_of_another_size_is_refused_before_it_fills_the_disk(
    models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour, said: int | None, endless: bool
) -> None:
    wrong.said_size, wrong.is_endless = said, endless
    with pytest.raises(PackError, match="where the file has 1,024,000") as caught:
        pull(models, pack, mirror)
    assert caught.value.code == "pack_mismatch"
    assert sum(path.stat().st_size for path in staging_of(models, pack).iterdir()) == 0


def test_wrong_bytes_of_the_right_size_are_not_kept(models: Path, pack: Pack, mirror: Origins, tmp_path: Path) -> None:
    (tmp_path / "served" / "thing" / "words.txt").write_bytes(b"bark\nmoo!\n")
    with pytest.raises(PackError, match=r"not words\.txt: its sha256 differs"):
        pull(models, pack, mirror)
    assert not is_installed(models, pack)
    assert [path.name for path in staging_of(models, pack).iterdir()] == ["weights.bin"]


def test_an_address_that_nobody_answers_is_named(models: Path, pack: Pack) -> None:
    with pytest.raises(PackError, match=r"http://127\.0\.0\.1:9/thing/weights\.bin"):
        pull(models, pack, Origins(mirror="http://127.0.0.1:9"))


@pytest.mark.parametrize("mirror", ["models.example", "ftp://models.example", "http://[::1", "http://\x00"])
def test_an_address_that_is_none_is_refused_at_once_with_the_variable(models: Path, pack: Pack, mirror: str) -> None:
    with pytest.raises(PackError, match="check SOUNDBITE_MODELS_MIRROR") as refused:
        pull(models, pack, Origins(mirror=mirror))
    assert refused.value.code == "pack_unreachable"


def test_a_server_that_knows_no_beginning_of_the_file_is_given_up_in_the_end(
    models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour
) -> None:
    wrong.statuses = [416] * 8
    with pytest.raises(PackError, match="does not go on from there"):
        pull(models, pack, mirror)


def test_a_folder_is_searched_by_content_and_needs_no_network(
    models: Path, pack: Pack, contents: dict[str, bytes], tmp_path: Path
) -> None:
    stick = tmp_path / "stick" / "deep"
    stick.mkdir(parents=True)
    (stick / "renamed.dat").write_bytes(contents["weights.bin"])
    (stick / "words.txt").write_bytes(b"bark\nmoo!\n")
    with pytest.raises(PackError, match=r"No file in .*stick is words\.txt: it has 10 bytes with sha256"):
        pull(models, pack, Origins(folder=tmp_path / "stick", mirror="http://127.0.0.1:9"))
    (stick / "list").write_bytes(contents["words.txt"])
    assert pull(models, pack, Origins(folder=tmp_path / "stick"))
    assert damaged_files(models, pack) == ()


def test_what_the_hub_left_on_this_machine_is_taken(
    models: Path, pack: Pack, contents: dict[str, bytes], tmp_path: Path
) -> None:
    origins = Origins.from_environment({"HF_HOME": str(tmp_path / "hf"), "HF_ENDPOINT": "http://127.0.0.1:9"})
    kept = tmp_path / "hf" / "hub" / "models--someone--thing" / "snapshots" / "abc" / "onnx"
    kept.mkdir(parents=True)
    for name, content in contents.items():
        (kept / name).write_bytes(content)
    assert pull(models, pack, origins)
    (kept / "words.txt").write_bytes(b"bark\nmoo!\n")
    remove(models, pack)
    with pytest.raises(PackError, match=r"http://127\.0\.0\.1:9/someone/thing/resolve/abc/onnx/words\.txt"):
        pull(models, pack, origins)


def test_a_full_disk_is_seen_before_anything_is_downloaded(
    models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1000))
    with pytest.raises(PackError, match=r"needs 68 MB and .* has 0 MB free") as caught:
        pull(models, pack, mirror)
    assert caught.value.code == "pack_disk"
    assert wrong.ranges == []


def test_a_damaged_installation_is_told_and_replaced(
    models: Path, pack: Pack, mirror: Origins, contents: dict[str, bytes]
) -> None:
    pull(models, pack, mirror)
    weights = models / "thing" / "weights.bin"
    weights.write_bytes(b"y" * len(contents["weights.bin"]))
    assert damaged_files(models, pack) == ("weights.bin",)
    weights.write_bytes(b"short")
    assert not is_installed(models, pack)
    pull(models, pack, mirror)
    assert damaged_files(models, pack) == ()


def test_removing_frees_what_was_installed_and_what_was_begun(
    models: Path, pack: Pack, mirror: Origins, wrong: Misbehaviour
) -> None:
    pull(models, pack, mirror)
    receipt = (models / "thing" / installed.RECEIPT).stat().st_size
    assert remove(models, pack) == pack.size_bytes + receipt
    assert remove(models, pack) == 0
    wrong.breaks_after = [5, *[0] * 8]
    with pytest.raises(PackError):
        pull(models, pack, mirror)
    assert remove(models, pack) == 5


def test_every_registered_file_is_pinned_and_has_an_address() -> None:
    for pack in PACKS.values():
        for file in pack.files:
            assert Origins().address(pack, file).startswith("https://"), file
            assert all(len(build.sha256) == 64 and build.size_bytes > 0 for build in file.builds), file
            assert int(file.build.sha256, 16)
    assert os.sep not in "".join(PACKS)


def test_redirects_of_a_hub_are_followed(models: Path, pack: Pack, mirror: Origins) -> None:
    def hub(request: httpx.Request) -> httpx.Response:
        name = request.url.path.rpartition("/")[2]
        if request.url.host == "hub.example":
            return httpx.Response(302, headers={"Location": f"https://far.example/{name}"})
        content = (models.parent / "served" / "thing" / name).read_bytes()
        return httpx.Response(200, stream=httpx.ByteStream(content))

    partial = models.parent / "weights.partial"
    with httpx.Client(transport=httpx.MockTransport(hub)) as http:
        pulling.download(http, "https://hub.example/weights.bin", partial, [1_024_000], lambda _: None)
    assert partial.stat().st_size == 1_024_000
    assert pulling.HUB.startswith("https://")
