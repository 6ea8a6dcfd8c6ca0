"""A recording that somebody still writes: searchable as it grows, one recording from its first sentence to its end."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import pytest

from soundbite_engine.audio.encode import cut
from soundbite_tools.embed.live.follow import _interruption

SAMPLES = Path(__file__).parents[2] / "samples"
RATE_HZ = 16_000
LONGEST_S = 150.0
FOLLOW = ("add", "--json", "--follow")
# Where nobody may write any more, a file is over soon: for tests that only wait for that.
IMPATIENT = "from soundbite_tools.embed.live import follow; follow._QUIET_UNTOLD_S = 4.0; "


def sound(seconds: float) -> bytes:
    with wave.open(io.BytesIO(cut(lambda _: None, str(SAMPLES / "memos.mp3"), 0.0, seconds, "wav"))) as file:
        return file.readframes(file.getnframes())


def wav_header(size: int) -> bytes:
    """Of a WAV file of 16 kHz with so many bytes of sound, as its writer says."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", 36 + size, b"WAVE") + form + struct.pack("<4sI", b"data", size)


class Recorder:
    """Writes a WAV file whose header is right only once it is closed."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._sound = sound(seconds)
        self._at = 0
        self._file: BinaryIO = path.open("wb", buffering=0)
        self._file.write(wav_header(4 * RATE_HZ))

    def record(self, until_sec: float) -> None:
        last = round(until_sec * RATE_HZ) * 2
        self._file.write(self._sound[self._at : last])
        self._at = last

    def close(self) -> None:
        self._file.seek(0)
        self._file.write(wav_header(min(self._at, len(self._sound))))
        self._file.close()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own, told on its stdin how far to record; the end of that closes the file."""
    code = (
        "import sys; from pathlib import Path; from test_following import Recorder\n"
        "recorder = Recorder(Path(sys.argv[1]), 38.0)\n"
        "for line in sys.stdin: recorder.record(float(line)); print(line, flush=True)\n"
        "recorder.close()"
    )
    command = (sys.executable, "-c", code, str(tmp_path / "talk.wav"))
    with subprocess.Popen(
        command, cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.stdin.close() if process.stdin and not process.stdin.closed else None


@contextmanager
def following_of(path: Path, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that follows a file, after some code; it is gone at the end, and long before the test's own limit."""
    command = (sys.executable, "-c", f"{before}from soundbite_server.cli import main; main()", *FOLLOW, str(path))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        limit = threading.Timer(LONGEST_S, process.kill)
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            process.kill()


def record(recorder: subprocess.Popen[str], until_sec: float) -> None:
    assert recorder.stdin
    assert recorder.stdout
    print(until_sec, file=recorder.stdin, flush=True)
    recorder.stdout.readline()
    recorder.stdout.readline()


def until(process: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """Read what a process says until it can be searched so far."""
    assert process.stdout
    for line in process.stdout:
        said: dict[str, Any] = json.loads(line)
        if said.get("searchable_until_sec", 0.0) >= seconds:
            return said
    raise AssertionError(f"it ended: {process.wait()}")


def clips(run: Any, name: str) -> list[tuple[float, float, str]]:
    shown = json.loads(run("show", name, "--json").out)
    return [(segment["start_sec"], segment["end_sec"], segment["text"]) for segment in shown["segments"]]


def test_a_file_is_searchable_while_it_is_written_and_survives_a_kill(
    shelf: Any, run: Any, tmp_path: Path, recorder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "talk.wav"
    record(recorder, 15.0)
    with following_of(path) as following:
        first = until(following, 12.0)
        assert (first["status"], first["stage"]) == ("processing", "following")
        answers = json.loads(run("search", "two bottles of milk", "--json", "--asset", first["asset_id"]).out)["clips"]
        assert "milk" in answers[0]["text"]
        (listed,) = [one for one in json.loads(run("list", "--json").out)["assets"] if one["title"] == "talk"]
        assert (listed["asset_id"], listed["status"], listed.get("file")) == (first["asset_id"], "processing", None)
        following.kill()
    record(recorder, 30.0)
    with following_of(path) as following:
        assert until(following, 27.0)["asset_id"] == first["asset_id"]
        record(recorder, 38.0)
        assert recorder.stdin
        recorder.stdin.close()
        out, err = following.communicate(timeout=180)
    assert following.returncode == 0, err
    last = json.loads(out.splitlines()[-1])
    assert (last["status"], last["asset_id"], last["task_id"]) == ("ready", first["asset_id"], first["task_id"])
    assert 'Following "talk" was interrupted' in err
    assert any("was interrupted" in note for note in last["notes"])
    assert last["audio_seconds"] == pytest.approx(38.0, abs=0.1)
    assert not list((shelf.home.parent / "live").glob("*"))
    followed = clips(run, "talk")
    assert "there already" in run("add", path).out
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path / "other home"))
    assert run("add", path).code == 0
    assert clips(run, "talk") == followed


def test_ctrl_c_embeds_what_there_is_and_leaves_what_is_still_written_to_the_next_start(
    shelf: Any, run: Any, tmp_path: Path, recorder: subprocess.Popen[str]
) -> None:
    path = tmp_path / "talk.wav"
    record(recorder, 15.0)
    with following_of(path) as following:
        until(following, 12.0)
        following.send_signal(2)
        out, err = following.communicate(timeout=120)
    last = json.loads(out.splitlines()[-1])
    assert (following.returncode, last["stage"]) == (0, "left"), err
    assert last["searchable_until_sec"] == pytest.approx(15.0, abs=0.3)  # what is shorter is no stretch
    assert recorder.stdin
    recorder.stdin.close()
    recorder.wait(timeout=60)
    ran = run("add", path)
    assert (ran.code, "interrupted" in ran.err) == (0, False)
    assert "a_" in ran.out


def test_what_comes_on_stdin_is_a_recording_whose_file_goes_with_it(shelf: Any, run: Any) -> None:
    listen = (sys.executable, "-m", "soundbite_server", "listen", "--json", "--title", "call", "--rate", str(RATE_HZ))
    with subprocess.Popen(listen, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as listening:
        assert listening.stdin
        assert listening.stdout
        listening.stdin.write(sound(15.0))
        listening.stdin.flush()
        for line in listening.stdout:
            if json.loads(line).get("searchable_until_sec", 0.0) >= 12.0:
                break
        out, err = listening.communicate(timeout=LONGEST_S)  # ends the stream
    assert listening.returncode == 0, err
    last = json.loads(out.splitlines()[-1])
    assert (last["status"], last["title"]) == ("ready", "call")
    assert last["audio_seconds"] == pytest.approx(15.0, abs=0.1)
    (answer, *_) = json.loads(run("search", "two bottles of milk", "--asset", last["asset_id"], "--json").out)["clips"]
    assert "milk" in answer["text"]
    (file,) = (Path(os.environ["SOUNDBITE_HOME"]) / "recordings").iterdir()
    with wave.open(str(file)) as kept:
        assert (kept.getframerate(), kept.getnframes()) == (RATE_HZ, 15 * RATE_HZ)
    assert run("rm", "--yes", last["asset_id"]).code == 0
    assert not file.exists()


def test_a_stream_that_no_one_knows_and_a_missing_extra_are_said_in_a_sentence(
    run: Any, shelf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen = (sys.executable, "-m", "soundbite_server", "listen")
    done = subprocess.run(listen, input=b"plain words, no sound", capture_output=True, check=False, timeout=LONGEST_S)
    assert (done.returncode, b"--rate" in done.stderr) == (2, True)
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    ran = run("listen", "--device", "0")
    assert (ran.code, 'pip install "soundbite[live]"' in ran.err) == (2, True)


def test_removing_a_recording_ends_its_following(shelf: Any, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    recorder = Recorder(path, 15.0)
    recorder.record(15.0)
    with following_of(path) as following:
        asset_id = until(following, 12.0)["asset_id"]
        assert run("rm", "--yes", asset_id).code == 0
        following.communicate(timeout=120)
    assert following.returncode != 0
    recorder.close()
    assert "talk" not in run("list").out
    assert path.exists()


def test_what_was_followed_stays_in_the_library_when_its_file_is_deleted(shelf: Any, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    recorder = Recorder(path, 15.0)
    recorder.record(15.0)
    with following_of(path) as following:
        asset_id = until(following, 12.0)["asset_id"]
        path.unlink()
        out, err = following.communicate(timeout=LONGEST_S)
    recorder.close()
    last = json.loads(out.splitlines()[-1])
    assert (following.returncode, last["status"], last["asset_id"]) == (0, "ready", asset_id), err
    assert any("was deleted" in note for note in last["notes"])
    (listed,) = [one for one in json.loads(run("list", "--json").out)["assets"] if one["title"] == "talk"]
    assert (listed["status"], listed["file"], listed["clip_count"]) == ("ready", "gone", len(clips(run, asset_id)))
    assert (
        "milk"
        in json.loads(run("search", "two bottles of milk", "--json", "--asset", asset_id).out)["clips"][0]["text"]
    )


def test_what_was_searchable_stays_when_its_file_is_cut_short(shelf: Any, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    recorder = Recorder(path, 15.0)
    recorder.record(15.0)
    with following_of(path) as following:
        asset_id = until(following, 12.0)["asset_id"]
        os.truncate(path, 90_000)
        recorder.close()
        with path.open("ab") as file:
            file.write(bytes(RATE_HZ))
        out, err = following.communicate(timeout=LONGEST_S)
    last = json.loads(out.splitlines()[-1])
    assert (following.returncode, last["status"], last["asset_id"]) == (0, "ready", asset_id), err
    assert any("cut short" in note and "searched until 0:00:1" in note for note in last["notes"])
    assert last["audio_seconds"] >= 12.0
    answers = json.loads(run("search", "two bottles of milk", "--json", "--asset", asset_id).out)["clips"]
    assert "milk" in answers[0]["text"]
    assert run("add", path).code == 0  # what the file holds now is another recording
    assert clips(run, asset_id)[-1][1] > 12.0


SOUNDDEVICE = """
import os, time
class PortAudioError(Exception): pass
class RawInputStream:
    def __init__(self, rate, *, channels, dtype, device):
        assert (rate, channels, dtype, device) == (16000, 1, "int16", "mic")
        self._sound = open(os.environ["FAKE_MICROPHONE"], "rb")
    def start(self): pass
    def read(self, frames):
        block = self._sound.read(2 * frames)
        if not block: time.sleep(0.1)
        return memoryview(block or bytes(2 * frames // 10)), False
    def __enter__(self): return self
    def __exit__(self, *exc): self._sound.close()
"""


def test_what_a_microphone_hears_outlives_a_kill_that_is_told_of_once(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("modules", "elsewhere"):
        (tmp_path / folder).mkdir()
    (tmp_path / "modules" / "sounddevice.py").write_text(SOUNDDEVICE)
    (tmp_path / "speech.raw").write_bytes(sound(15.0))
    monkeypatch.setenv("SOUNDBITE_ROOTS", str(tmp_path / "elsewhere"))  # the home folder is none that agents may read
    here = {"PYTHONPATH": str(tmp_path / "modules"), "FAKE_MICROPHONE": str(tmp_path / "speech.raw")}
    listen = (sys.executable, "-m", "soundbite_server", "listen", "--json", "--title", "call", "--device", "mic")
    with subprocess.Popen(
        listen, env=os.environ | here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as listening:
        limit = threading.Timer(LONGEST_S, listening.kill)
        limit.start()
        asset_id = until(listening, 12.0)["asset_id"]
        listening.kill()
        limit.cancel()
    ran = run("list", "--json")
    (listed,) = [one for one in json.loads(ran.out)["assets"] if one["title"] == "call"]
    assert (ran.err, listed["status"]) == ("", "processing")
    with following_of(Path(listed["source"]), IMPATIENT) as following:
        out, err = following.communicate(timeout=LONGEST_S)
    last = json.loads(out.splitlines()[-1])
    assert (last["status"], last["asset_id"]) == ("ready", asset_id), err
    assert sum("was interrupted" in note for note in last["notes"]) == 1
    assert (
        "milk"
        in json.loads(run("search", "two bottles of milk", "--json", "--asset", asset_id).out)["clips"][0]["text"]
    )


def test_a_stream_without_sound_leaves_nothing_behind(shelf: Any, run: Any) -> None:
    listen = (sys.executable, "-m", "soundbite_server", "listen")
    done = subprocess.run(listen, input=b"RIFF and no sound", capture_output=True, check=False, timeout=LONGEST_S)
    assert (done.returncode, b"not audio" in done.stderr) == (2, True)
    home = Path(os.environ["SOUNDBITE_HOME"])
    assert [*(home / "recordings").iterdir(), *(home / "live").iterdir()] == []


def test_an_interruption_is_told_once_however_many_processes_followed_until_the_file_grew(tmp_path: Path) -> None:
    path, folder = tmp_path / "talk.wav", tmp_path / "live"
    path.touch()
    folder.mkdir()
    asset: Any = SimpleNamespace(title="talk")
    task: Any = SimpleNamespace(notes_json="[]", counts_json='{"until_sec": 12.0}')
    first = _interruption(folder, path, task, asset)
    assert "was interrupted" in first
    later: Any = SimpleNamespace(notes_json=json.dumps([first]), counts_json='{"until_sec": 14.0}')
    assert not _interruption(folder, path, later, asset)
    os.utime(path, (0, 0))
    assert "was interrupted" in _interruption(folder, path, later, asset)
