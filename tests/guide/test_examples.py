"""The guide's two complete programs on the official SDK, of three ages, against `soundbite engine`."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).parent / "examples"
OLD_VERSIONS = ("1.1.0", "1.2.8")
VERSIONS = (*OLD_VERSIONS, "newest")
PLACEHOLDER = "<YOUR_AUDIO_URL>"
SUMMARY = re.compile(r"EMBEDDINGS SUMMARY: (\d+) total embeddings")
ITEM = re.compile(
    r"\[\d+/\d+\] (AUDIO|TRANSCRIPTION|FUSED) \| (CLIP|ASSET)\n"
    r"├─ Time range: [\d.]+s - [\d.]+s\n├─ Dimensions: 512\n└─ First 10 values: \[(?:[-\d.e]+, ){9}[-\d.e]+\]\n"
)


def _sdk_folder(version: str) -> Path:
    """The folder of an old SDK, installed once and kept in the work folder of the checkout."""
    folder = ROOT / ".work" / "sdk" / version
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / f"twelvelabs-{version}.dist-info" / "RECORD").exists():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
            done = subprocess.run(
                [*pip, "--target", str(folder), f"twelvelabs=={version}"],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            if done.returncode:
                reason = f"pip can't install twelvelabs {version}: {done.stderr.strip()[-300:]}"
                assert not os.environ.get("CI"), reason
                pytest.skip(reason)
    return folder


def _run(code: str, version: str, base_url: str, tmp_path: Path) -> str:
    """What a program prints when it is run by itself, as a reader of the guide would."""
    program = tmp_path / "program.py"
    program.write_text(code, encoding="utf-8")
    environment = {**os.environ, "TWELVELABS_BASE_URL": base_url, "PYTHONIOENCODING": "utf-8"}
    if version in OLD_VERSIONS:
        environment["PYTHONPATH"] = str(_sdk_folder(version))
    done = subprocess.run(
        [sys.executable, str(program)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _example(name: str, url: str) -> str:
    code = (EXAMPLES / f"{name}.txt").read_text(encoding="utf-8")
    return code.replace(PLACEHOLDER, url).replace("<YOUR_API_KEY>", "tlk_TEST")


def _check(printed: str) -> list[tuple[str, str]]:
    """The option and scope of every embedding in a summary, which must hold as many as it says."""
    assert re.search(r"^Created asset: id=[0-9a-f]{24}$", printed, re.MULTILINE)
    total = SUMMARY.search(printed)
    assert total
    found = ITEM.findall(printed)
    assert len(found) == int(total[1])
    return sorted(found)


DEFAULT = [("AUDIO", "ASSET"), ("AUDIO", "CLIP"), ("TRANSCRIPTION", "ASSET"), ("TRANSCRIPTION", "CLIP")]
EVERYTHING = sorted([*DEFAULT, ("FUSED", "ASSET"), ("FUSED", "CLIP")])


@pytest.mark.guide("S56")
@pytest.mark.parametrize("version", VERSIONS)
def test_s56_the_first_program_runs_as_it_is(version: str, engine: Any, media: Any, tmp_path: Path) -> None:
    printed = _run(_example("asynchronous", media.url("speech.wav")), version, engine.base_url, tmp_path)
    assert re.search(r"^Task ID: [0-9a-f]{24}$", printed, re.MULTILINE)
    assert "Task completed\n" in printed
    assert _check(printed) == DEFAULT


@pytest.mark.guide("S56")
@pytest.mark.parametrize("version", VERSIONS)
def test_s56_the_second_program_runs_as_it_is(version: str, engine: Any, media: Any, tmp_path: Path) -> None:
    printed = _run(_example("synchronous", media.url("speech.wav")), version, engine.base_url, tmp_path)
    assert _check(printed) == DEFAULT


@pytest.mark.parametrize("version", OLD_VERSIONS)
def test_an_old_sdk_is_the_one_that_runs(version: str) -> None:
    code = "import importlib.metadata; print(importlib.metadata.version('twelvelabs'))"
    environment = {**os.environ, "PYTHONPATH": str(_sdk_folder(version))}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == version


def _with_option(code: str, *names: str) -> str:
    """A program with commented options of the guide taken out of their comments."""
    for name in names:
        code, count = re.subn(rf"^( *)# ({name}=.*)$", r"\1\2", code, count=1, flags=re.MULTILINE)
        assert count == 1, name
    return code


def _with_segmentation(code: str, *, names_strategy: bool) -> str:
    block = re.search(r"^ +# segmentation=.*?^ +# \),$", code, re.MULTILINE | re.DOTALL)
    assert block
    bare = re.sub(r"^( +)# ", r"\1", block[0], flags=re.MULTILINE)
    if names_strategy:
        bare = bare.replace("fixed=", 'strategy="fixed", fixed=')
    imports = re.sub(r"^( +)# (AudioSegmentation(?:Fixed)?,?)$", r"\1\2", code, flags=re.MULTILINE)
    return imports.replace(block[0], bare)


LISTS = ("embedding_option", "embedding_scope", "embedding_type")


@pytest.mark.guide("S27")
@pytest.mark.parametrize("version", VERSIONS)
def test_s27_the_program_runs_with_every_option(version: str, engine: Any, media: Any, tmp_path: Path) -> None:
    # SDKs from 1.2 on demand the strategy that the guide leaves out.
    code = _with_option(_example("synchronous", media.url("speech.wav")), "start_sec", "end_sec", *LISTS)
    code = _with_segmentation(code, names_strategy=version != "1.1.0")
    assert _check(_run(code, version, engine.base_url, tmp_path)) == EVERYTHING


def _sourced(code: str, source: str) -> str:
    """A program whose media source is another of the guide's three."""
    return _with_option(code, source).replace("asset_id=asset.id,", "")


def _variants(media: Any) -> dict[str, Callable[[str], str]]:
    data = base64.b64encode((media.folder / "beeps.wav").read_bytes()).decode()
    path = (media.folder / "beeps.wav").as_posix()
    return {
        "file": lambda code: re.sub(
            r'method="url",\n +url="[^"]*",?', f'method="direct", file=open({path!r}, "rb"),', code, count=1
        ),
        "url": lambda code: _sourced(code, "url"),
        "base64": lambda code: _sourced(code, "base_64_string").replace("<BASE_64_ENCODED_DATA>", data),
        "start_sec": lambda code: _with_option(code, "start_sec"),
        "end_sec": lambda code: _with_option(code, "end_sec"),
        "segmentation": lambda code: _with_segmentation(code, names_strategy=True),
        **{name: (lambda code, name=name: _with_option(code, name)) for name in LISTS},
    }


SEPARATE = [("AUDIO", "ASSET"), *[("AUDIO", "CLIP")] * 3]
FUSED = [("FUSED", "ASSET"), *[("FUSED", "CLIP")] * 3]


@pytest.mark.parametrize(
    "variant",
    ["file", "url", "base64", "start_sec", "end_sec", "segmentation", *LISTS],
    ids=lambda name: f"with {name}",
)
def test_each_commented_option_runs(
    variant: str, engine: Any, media: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TWELVELABS_BASE_URL", engine.base_url)
    plain = _example("synchronous", media.url("beeps.wav"))
    code = _variants(media)[variant](plain)
    assert code != plain
    # In this process: importing the SDK nine times more would take longer than all else here.
    with contextlib.ExitStack() as opened:  # the guide never closes its file
        program: dict[str, Any] = {"open": lambda path, mode: opened.enter_context(Path(path).open(mode))}
        try:
            exec(compile(code, "program.py", "exec"), program)
        finally:
            program["client"]._client_wrapper.httpx_client.httpx_client.close()
    expected = sorted(SEPARATE + FUSED) if variant == "embedding_type" else SEPARATE
    assert _check(capsys.readouterr().out) == expected
