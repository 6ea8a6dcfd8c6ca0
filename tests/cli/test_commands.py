"""The commands as a person and a program use them, on a real library."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import wave
from contextlib import closing, nullcontext
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import av
import pytest

from soundbite_engine.audio.encode import cut
from soundbite_engine.workers.worker import can_leave_network
from soundbite_server import cluster
from soundbite_server.cli import COMMANDS
from soundbite_server.cli.failures import EXIT_CODES
from soundbite_server.cli.reembed import print_outcome
from soundbite_server.cli.render.hits import print_hits
from soundbite_server.cli.streaming import _tell_end
from soundbite_server.cluster import Embedded
from soundbite_server.settings import Settings
from soundbite_tools import ClipResult, SearchResult, TaskResult

SAMPLES = Path(__file__).parents[2] / "samples"
SLOW = ("mcp", "httpx", "numpy", "lancedb", "rich", "anyio")
OF_REQUESTS = ("add", "search", "list", "speakers")
"""Commands whose options are fields of a request, which is a pydantic model."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, *_: Any) -> None:
        pass


def document(text: str) -> Any:
    return json.loads(text)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_help_of_every_command_comes_without_loading_anything_slow(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom soundbite_server.cli import COMMANDS, cli\n"
        f"for name in sorted(COMMANDS, key={OF_REQUESTS!r}.__contains__):\n"
        f"    assert name in {OF_REQUESTS!r} or 'pydantic' not in sys.modules\n"
        "    assert cli([name, '--help'], standalone_mode=False) == 0\n"
        f"print('loaded', [name for name in {SLOW!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout.splitlines()[-1] == "loaded []", done.stderr
    assert all(f"Usage: -c {name}" in done.stdout for name in COMMANDS)


def test_the_help_says_what_the_exit_codes_mean(run: Any) -> None:
    said = " ".join(run("--help").out.split())
    assert all(f"{code} {meaning}" in said for code, meaning in EXIT_CODES.items())


def test_a_mistyped_command_names_the_nearest(run: Any) -> None:
    ran = run("serach", "milk")
    assert ran.code == 2
    assert "No such command 'serach'. Did you mean 'search'?" in ran.err


def test_what_is_there_is_skipped_without_reading_it_again(
    shelf: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a file that nobody touched was read")

    monkeypatch.setattr("soundbite_tools.sources.sources.read_facts", refuse)
    added = run("add", shelf.folder, "--json")
    assert added.code == 0, added.err
    assert {(Path(each["named"]).name, each["is_reused"]) for each in lines(added.out)} == {
        ("rain.wav", True),
        ("spoken words.wav", True),
    }


def test_titles_are_shown_as_they_are_and_ids_whole_in_any_window(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "a [bold]talk with a rather long name [1].wav"
    odd.write_bytes(shelf.spoken.read_bytes() + b"\0")
    assert run("add", odd).code == 0
    (asset_id,) = [
        each["asset_id"] for each in document(run("list", "--json").out)["assets"] if "talk" in each["title"]
    ]
    monkeypatch.setenv("COLUMNS", "40")
    assert f"{odd.stem}  " in run("list").out
    assert odd.stem in run("tasks").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    (line, *_) = [each for each in run("list").out.splitlines() if "a [bold]talk" in each]
    assert asset_id in line


def test_a_new_tag_reaches_what_is_there(shelf: Any, run: Any) -> None:
    assert run("add", shelf.spoken, "--tag", "Night").code == 0
    assert [each["title"] for each in document(run("list", "--tag", "night", "--json").out)["assets"]] == [
        "spoken words"
    ]


def test_one_bad_file_does_not_stop_the_others(shelf: Any, run: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"no sound")
    added = run("add", broken, shelf.spoken)
    assert added.code == 1
    assert added.err.startswith("broken.mp3 can't be read as audio: it is not audio or video")
    assert added.err.count("\n") == 1
    assert "1 there already, 1 failed" in added.out
    assert run("add", broken).code == 2
    failed = lines(run("add", broken, "--json").out)[0]
    assert (failed["status"], failed["error_code"]) == ("failed", "source_unreadable")


def test_names_that_no_library_keeps_and_loops_of_links_do_not_stop_the_others(
    shelf: Any, run: Any, tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"odd\xff.wav")
    odd.write_bytes(b"sound")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    added = run("add", odd, tmp_path / "loop.wav", shelf.spoken)
    assert added.code == 1, added.err
    assert "1 there already, 2 failed" in added.out
    assert "odd?.wav" in added.err
    assert "Rename the file" in added.err
    assert 'loop.wav" is not a usable path' in added.err


def test_a_file_in_a_hidden_folder_is_added_when_it_is_named(shelf: Any, run: Any, tmp_path: Path) -> None:
    hidden = tmp_path / ".recorder" / "spoken again.wav"
    hidden.parent.mkdir()
    shutil.copy(shelf.spoken, hidden)
    added = run("add", hidden)
    assert added.code == 0, added.err
    # Equal content came in before, and is found by the title it had then.
    assert added.out.startswith("spoken again.wav: there already as spoken words, ")


def test_files_of_equal_content_added_at_once_count_once(run: Any, tmp_path: Path, shelf: Any) -> None:
    sound = cut(lambda _: None, str(SAMPLES / "memos.mp3"), 20.0, 22.0, "wav")
    twins = tmp_path / "twins"
    twins.mkdir()
    for name in ("one.wav", "two.wav"):
        (twins / name).write_bytes(sound)
    added = run("add", twins)
    assert added.code == 0, added.err
    assert "1 added (0.0 minutes of sound), 1 there already." in added.out


def test_why_an_address_could_not_be_added_is_said_once_with_what_to_do(shelf: Any, tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        done = subprocess.run(
            [sys.executable, "-m", "soundbite_server", "add", f"http://{host}/no/such/talk.mp3"],
            env={**os.environ, "SOUNDBITE_ALLOW_URLS": host},
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        server.shutdown()
    assert done.returncode == 2
    (said,) = done.stderr.splitlines()
    assert said.startswith("talk.mp3: The URL answered with status 404. Check that the file plays, or that its address")


def test_why_a_task_failed_is_told_with_what_a_person_does(capsys: pytest.CaptureFixture[str]) -> None:
    asset: Any = SimpleNamespace(title="talk")
    why, todo, code = (
        "The recording was removed.",
        "Call embed_audio with its source to have it again.",
        "recording_removed",
    )
    task: Any = SimpleNamespace(status="failed", error_message=why, error_hint=todo, error_code=code)
    assert not print_outcome(asset, task)
    _tell_end(
        TaskResult(task_id="t", status="failed", title="talk", error=why, next_step=todo, error_code=code),
        as_json=False,
    )
    said = " ".join(capsys.readouterr().err.split())
    assert "embed_audio" not in said
    assert said.count("talk: The recording was removed. `soundbite add` its file") == 2


def test_a_title_that_the_locale_can_not_write_is_listed_all_the_same(shelf: Any, run: Any) -> None:
    assert run("rename", "rain", "会议 🎙").code == 0
    done = subprocess.run(
        [sys.executable, "-m", "soundbite_server", "list"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "会议 🎙" in done.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{tmp}/*.ogg"], "No audio or video file matches"),
        (["{tmp}/a.wav", "{tmp}/b.wav", "--title", "Two"], "exactly one"),
        (["{tmp}/a.wav", "--watch"], "goes with a folder"),
        ([], "Missing argument"),
        ([""], "A name is empty"),
    ],
)
def test_wrong_use_of_add_is_said_and_exits_with_2(arguments: list[str], said: str, run: Any, tmp_path: Path) -> None:
    ran = run("add", *(each.format(tmp=tmp_path) for each in arguments))
    assert ran.code == 2
    assert said in ran.err


def test_search_prints_the_clips_with_times_and_writes_their_sound(shelf: Any, run: Any, tmp_path: Path) -> None:
    found = run("search", "two", "bottles", "of", "milk", "--clip", tmp_path / "clips", "-n", "1")
    assert found.code == 0, found.err
    assert "1. spoken words  00:0" in found.out
    assert "bottles" in found.out
    (written,) = (tmp_path / "clips").iterdir()
    assert str(written) in found.out
    with av.open(str(written)) as sound:
        assert sound.streams.audio[0].codec_context.name.startswith("mp3")
    as_json = document(run("search", "two bottles of milk", "--json").out)
    assert as_json["clips"][0]["title"] == "spoken words"
    assert "files" not in as_json


def test_search_takes_recordings_by_their_titles(shelf: Any, run: Any) -> None:
    only = document(run("search", "milk", "--asset", "spoken", "--json").out)
    assert {each["title"] for each in only["clips"]} == {"spoken words"}
    assert run("search", "--like", "spoken").code == 0
    assert "There is no file thunder.wav" in run("search", "--like", "thunder.wav").err
    unknown = run("search", "milk", "--asset", "thunder")
    assert (unknown.code, "`soundbite list`" in unknown.err) == (2, True)


def test_in_a_pipe_the_words_of_a_clip_are_one_line(shelf: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    (clip, *_) = document(run("search", "milk", "--json").out)["clips"]
    assert f"   {clip['text']}\n" in run("search", "milk").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "or give --like"),
        (["milk", "--from", "5", "--to", "2"], "Give --from below --to"),
        (["milk", "--from", "900"], "passes this filter. Search with fewer or wider filters."),
        (["milk", "--after", "tomorrow"], "Give --after as 2026-01-31"),
    ],
)
def test_what_is_wrong_with_a_search_is_said_in_the_words_of_the_command_line(
    arguments: list[str], said: str, shelf: Any, run: Any
) -> None:
    ran = run("search", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_an_empty_library_says_how_to_fill_it(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path / "new"))
    searched = run("search", "milk")
    assert (searched.code, searched.out) == (0, run("list").out)
    assert document(run("search", "milk", "--json").out)["clips"] == []
    assert run("list").out == "The library is empty. `soundbite add FILE` adds a recording.\n"


def test_a_page_or_a_tag_that_is_not_there_is_said(shelf: Any, run: Any) -> None:
    assert run("list", "--page", "9").out == "There is no page 9; the last is 1.\n"
    assert run("list", "--tag", "hail").out.startswith("No recording has the tag hail;")
    both = run("list", "--tag", "hail", "--title", "thunder").out
    assert both.startswith("No recording has the words 'thunder' and the tag hail;")


def test_a_list_says_that_there_is_more_and_may_be_narrowed_by_words(shelf: Any, run: Any) -> None:
    assert run("list", "--limit", "1").out.endswith("1 more: --page 2 shows them.\n")
    assert "more" not in run("list", "--limit", "1", "--page", "2").out
    assert [each["title"] for each in document(run("list", "--title", "rai", "--json").out)["assets"]] == ["rain"]


def test_a_recording_added_from_a_link_is_played_while_the_engine_keeps_its_file(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=shelf.folder)) as web:
        Thread(target=web.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{web.server_port}"
        monkeypatch.setenv("SOUNDBITE_ALLOW_URLS", host)
        assert run("add", f"http://{host}/rain.wav", "--title", "linked").code == 0
        web.shutdown()
    asked = ("search", "quiet", "--asset", "linked", "--top", "1", "--clip", tmp_path / "clips")
    (written,) = document(run(*asked, "--json").out)["files"]
    assert Path(written).stat().st_size > 1000
    assert "▁" in run("show", "linked").out or "█" in run("show", "linked").out
    for kept in (shelf.home / "engine" / "media").iterdir():
        kept.unlink()
    for file in (shelf.home / "clips").iterdir():
        file.unlink()
    silent = run(*asked)
    assert (silent.code, str(tmp_path / "clips") in silent.out) == (1, False)
    assert "came from a link and its sound is not kept on this machine" in silent.err
    assert "embed a file of it" in run("search", "quiet", "--asset", "linked", "--play").err


def test_a_collection_is_told_of_as_lines_of_json_while_what_is_for_a_person_goes_to_stderr(
    shelf: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def embedded(_: Any, recordings: list[Any], *, tell: Any, **__: Any) -> None:
        rain, spoken = recordings
        tell(Embedded(rain, "", 4.0, is_present=True))
        tell(Embedded(spoken, "Its worker was lost"))

    # What the workers do is tested in tests/ray, with a cluster.
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(cluster, "running_cluster", lambda *_: nullcontext())
    monkeypatch.setattr(cluster, "embed_collection", embedded)
    monkeypatch.setenv("SOUNDBITE_STORE", "s3://talks")
    ran = run("bulk", shelf.folder, "--no-index", "--json")
    assert ran.code == 1
    rain, spoken = lines(ran.out)
    assert (Path(rain["named"]).name, rain["status"], rain["is_reused"]) == ("rain.wav", "ready", True)
    assert (spoken["status"], spoken["error"]) == ("failed", "Its worker was lost")
    assert "0 added, 1 there already, 1 failed." in ran.err
    assert "2/2 spoken words.wav: Its worker was lost" in run("bulk", shelf.folder, "--no-index").out


def test_search_plays_the_best_clip_with_the_player_that_is_there(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player = tmp_path / "bin" / "aplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\necho "ALSA: no card" >&2\ncp "$2" "{tmp_path}/played.wav"\n')
    player.chmod(0o755)
    monkeypatch.setenv("PATH", f"{player.parent}:/bin:/usr/bin")
    monkeypatch.setattr("soundbite_server.players.PLAYERS", (("no-such-player",), ("aplay", "-q")))
    assert run("search", "two bottles of milk", "--play").code == 0
    assert (tmp_path / "played.wav").read_bytes()[:4] == b"RIFF"
    player.write_text("#!/bin/sh\necho 'ALSA: no card' >&2\necho 'can not open the device' >&2\nexit 1\n")
    failed = run("search", "two bottles of milk", "--play")
    assert failed.code == 1
    assert failed.err.count("\n") == 1
    assert failed.err.endswith(".wav (can not open the device).\n")
    monkeypatch.setattr("soundbite_server.players.PLAYERS", (("no-such-player",),))
    silent = run("search", "two bottles of milk", "--play")
    assert silent.code == 1
    assert "No player is installed (looked for no-such-player). The sound is in" in silent.err


def test_what_can_not_be_played_is_named_on_one_line_and_in_words_for_a_person(
    shelf: Any, run: Any, tmp_path: Path
) -> None:
    passing = tmp_path / "passing\nby\x1b.wav"
    shelf.spoken.rename(passing)
    assert run("add", passing).code == 0
    passing.rename(shelf.spoken)
    silent = run("search", "two bottles of milk", "--play")
    assert silent.code == 1
    assert silent.err == (
        'soundbite: "passing?by?.wav" changed or is gone since it was embedded;'
        " its sound can't be played until `soundbite relink FOLDER` finds the file.\n"
    )


def test_show_draws_a_recording_along_its_time(shelf: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run("show", "spoken")
    assert shown.code == 0, shown.err
    assert "spoken words  00:08  [shelf]" in shown.out
    assert "00:06-00:08  (silence)" in shown.out
    assert "━ speech   ┈ silence" in shown.out
    assert "other sound" not in shown.out
    assert "█" in shown.out
    assert "━" in shown.out
    assert "milk" in shown.out
    segments = document(run("show", "spoken", "--json").out)["segments"]
    # For a program a clip has the times that a search gives it; for a person its line ends where the next one begins.
    assert segments[0]["end_sec"] % 1
    assert segments[0]["time_range"] == "00:00-00:07"
    # In a pipe a segment is one line, in a window its words go on below each other.
    monkeypatch.setenv("COLUMNS", "40")
    times, words = "00:00-00:06", segments[0]["text"]
    assert f"{times}  {words}" in run("show", "spoken").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in run("show", "spoken").out.splitlines()]
    first = next(at for at, line in enumerate(lines) if line.startswith(f"{times}  "))
    assert max(map(len, lines[first:])) <= 40
    assert lines[first + 1].startswith(" " * len(f"{times}  "))
    assert " ".join(" ".join(lines[first:])[len(times) :].split()).startswith(" ".join(words.split()))
    assert any("milk" in each["text"] for each in segments)
    assert [each["start_sec"] for each in segments] == sorted(each["start_sec"] for each in segments)


def test_a_speaker_gets_a_name_that_every_command_shows(shelf: Any, run: Any, tmp_path: Path) -> None:
    assert "Speaker 1" in run("speakers").out
    assert run("name-speaker", "spoken", "1", "Ann").out == "Speaker 1 of spoken words is now Ann.\n"
    assert [one["name"] for one in document(run("speakers", "ann", "--json").out)["speakers"]] == ["Ann"]
    # A title is taken too, and says whose voices are in it.
    assert [one["name"] for one in document(run("speakers", "spoken", "--json").out)["speakers"]] == ["Ann"]
    nobody = run("speakers", "Zoe")
    assert (nobody.code, nobody.out) == (2, "")
    assert "Nobody is called 'Zoe'. No recording is called 'Zoe'. `soundbite speakers` shows who" in nobody.err
    assert "Ann: " in run("show", "spoken").out
    assert "Ann" in {each["speaker"] for each in document(run("show", "spoken", "--json").out)["segments"]}
    assert "Ann: " in run("search", "milk", "--speaker", "ANN").out
    run("export", tmp_path / "words.vtt", "--asset", "spoken")
    assert "<v Ann>" in (tmp_path / "words.vtt").read_text()
    unknown = run("search", "milk", "--speaker", "Bob")
    assert (unknown.code, unknown.out) == (2, "")
    assert 'Nobody is called "Bob". There are "Ann". `soundbite speakers` shows who' in unknown.err
    assert "Speaker 1" in run("name-speaker", "spoken", "Ann", "").out


def test_silence_is_called_silence_wherever_it_is_shown(shelf: Any, run: Any, tmp_path: Path) -> None:
    path = tmp_path / "nothing.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000 * 5))
    assert "It is silent from its beginning to its end" in run("add", path).out
    for said in (run("show", "nothing").out, run("search", "silence", "--in", "sound").out):
        assert "(silence)" in said
        assert "other sound" not in said


def test_show_does_without_a_recording_that_is_gone(shelf: Any, run: Any, tmp_path: Path) -> None:
    passing = tmp_path / "passing.wav"
    (shelf.folder / "rain.wav").rename(passing)
    run("add", passing)
    passing.rename(shelf.folder / "rain.wav")
    assert "█" in run("show", "passing").out  # how loud it is was kept
    doctor = run("doctor")
    assert doctor.code == 0
    assert f"gone: the file of passing, {passing}; `soundbite relink FOLDER` finds it" in " ".join(doctor.out.split())

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    nothing = run("relink", elsewhere)
    assert nothing.code == 1
    assert "missing: passing (" in nothing.out
    assert "0 files found, 1 missing." in nothing.out
    (shelf.folder / "rain.wav").rename(elsewhere / "passing by.wav")
    assert (run("relink", elsewhere).code, run("relink", elsewhere).code) == (0, 0)
    (elsewhere / "passing by.wav").rename(shelf.folder / "rain.wav")


def test_add_and_list_say_the_same_length_and_what_is_skipped_counts_as_saved(
    shelf: Any, run: Any, tmp_path: Path
) -> None:
    flac = bytearray(cut(lambda _: None, str(shelf.spoken), 0.0, 5.0, "flac"))
    flac[21] &= 0xF0
    flac[22:26] = (3600 * 24_000).to_bytes(4, "big")  # the number of samples that it states
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "an hour.flac").write_bytes(flac)
    (folder / "five.mp3").write_bytes(cut(lambda _: None, str(shelf.spoken), 0.0, 5.0, "mp3"))
    added = {
        each["title"]: each["audio_seconds"]
        for each in map(json.loads, run("add", tmp_path, "--json").out.splitlines())
    }
    listed = {each["title"]: each for each in document(run("list", "--json").out)["assets"]}
    for title in ("an hour", "five"):
        assert added[title] == listed[title]["audio_seconds"] == pytest.approx(5.0, abs=0.1)
    again = run("add", folder).out
    for title, name in (("an hour", "an hour.flac"), ("five", "five.mp3")):
        assert f"{name}: there already, {listed[title]['length']}" in again
    days = document(run("usage", "--json").out)
    assert all(day[name] == round(day[name], 2) for day in days for name in ("seconds_saved", "seconds_embedded"))
    saved = sum(day["seconds_saved"] for day in days)
    assert saved == pytest.approx(10.0, abs=0.3)


def test_a_name_that_is_unknown_or_not_enough_is_refused(shelf: Any, run: Any) -> None:
    unknown = run("show", "thunder")
    assert (unknown.code, unknown.err) == (
        2,
        "soundbite: No recording is called 'thunder'. `soundbite list` shows what there is.\n",
    )
    assert "2 recordings have 'wav' in the path of their file: " in run("show", "wav").err


def test_tasks_are_listed_with_what_became_of_them(shelf: Any, run: Any) -> None:
    assert run("tasks").out.count("ready") == 2
    assert {each["status"] for each in document(run("tasks", "--json").out)} == {"ready"}
    assert run("tasks", "--status", "failed").out == "No tasks.\n"


@pytest.mark.parametrize("name", ["list", "usage", "tasks", "doctor", "reembed", "models list"])
def test_what_a_command_says_is_there_as_json(name: str, shelf: Any, run: Any) -> None:
    ran = run(*name.split(), "--json")
    assert ran.code == 0, ran.err
    assert document(ran.out)


def test_doctor_as_json_says_how_grave_each_finding_is(shelf: Any, run: Any) -> None:
    said = document(run("doctor", "--json").out)
    assert {"level": "ok", "text": "0 tasks under way"} in said["findings"]
    assert said["problems"] == 0


def test_what_does_not_fit_in_a_window_goes_on_below_its_text(
    shelf: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "(speech, music, silence, noise, loud, quiet); it does" in run("doctor").out  # a line stays one in a pipe
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("FORCE_COLOR", "1")
    for name, texts_at in (("doctor", {0, 6, 15}), ("models list", {0, 14, 16, 29})):
        lines = re.sub(r"\x1b\[[0-9;]*m", "", run(*name.split()).out).splitlines()
        assert {len(line) - len(line.lstrip()) for line in lines} == texts_at
        begun = [line for line in lines if not line.startswith(" ")]
        assert [
            line for line in begun if not re.match("Soundbite |ok |note |Pack|[a-z0-9-]+ +[0-9]+ MB|profile ", line)
        ] == []


def test_doctor_lists_all_weights_with_their_licences(shelf: Any, run: Any) -> None:
    texts = [
        line["text"]
        for line in document(run("doctor", "--json").out)["findings"]
        if line["text"].startswith("weights ")
    ]
    licences = {text.split()[1].rstrip(":"): text.split(" licence")[0].split()[-1] for text in texts}
    assert licences == {
        "whisper-tiny.en": "MIT",
        "minilm-l6-v2": "Apache-2.0",
        "ge2e": "Apache-2.0",
        "silero-vad": "MIT",
    }


def test_doctor_says_whether_decoders_run_without_network(shelf: Any, run: Any) -> None:
    said = [line for line in document(run("doctor", "--json").out)["findings"] if "network" in line["text"]]
    assert [line["level"] for line in said if line["level"] != "setting"] == ["ok" if can_leave_network() else "note"]


def test_doctor_names_a_missing_pack_and_how_to_get_it(run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    for name, value in (("HOME", "home"), ("MODELS", "models")):
        monkeypatch.setenv(f"SOUNDBITE_{name}", str(tmp_path / value))
    monkeypatch.setenv("SOUNDBITE_PROFILE", "sounds")
    told = run("doctor", "--json")
    (lack,) = [line["text"] for line in document(told.out)["findings"] if line["level"] == "lack"]
    assert lack == Settings.from_environment().models.missing("sounds")
    assert "soundbite[sounds]" in lack or "soundbite models pull sounds" in lack
    assert told.code == 78


def test_export_and_import_count_as_json(shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = document(run("export", tmp_path / "all.parquet", "--json").out)
    assert counted["assets"] == 2
    held = [each["text"] for each in document(run("doctor", "--json").out)["findings"]]
    assert any(text.startswith(f"2 recordings, {counted['clips']} vectors in space") for text in held)
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path / "other"))
    assert document(run("import", tmp_path / "all.parquet", "--json").out) == counted


def test_transcripts_are_written_as_files_that_others_read(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "notes"
    written = {
        name: document(run("export", folder, "--format", name, "--json").out)["files"]
        for name in ("vtt", "srt", "md", "json", "txt")
    }
    assert {len(files) for files in written.values()} == {2}
    texts = {name: {Path(file).read_text(encoding="utf-8") for file in files} for name, files in written.items()}
    (sentence, *_), *_ = (held["sentences"] for held in map(json.loads, texts["json"]) if held["sentences"])
    assert sentence["end_sec"] > sentence["start_sec"]
    words = sentence["text"].split()[:3]
    for name in ("vtt", "srt", "md", "txt"):
        assert any(" ".join(words) in text.replace("\\", "") for text in texts[name]), name
    assert all(text.startswith("WEBVTT\n\n") or text == "WEBVTT\n" for text in texts["vtt"])
    assert any(re.match(r"1\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}\n", text) for text in texts["srt"])
    assert all(text.startswith("---\ntitle: ") and "\n---\n" in text for text in texts["md"])
    told = document(run("export", folder, "--format", "txt", "--json").out)["notes"]
    assert told == [
        f"Nothing is said in rain: {next(Path(file).name for file in written['txt'] if 'rain' in file)} has no words."
    ]
    assert all(held["chapters"] for held in map(json.loads, texts["json"]))
    assert {Path(file).name for file in written["txt"]} == {"rain.txt", "spoken-words.txt"}
    (rain,) = [one["asset_id"] for one in document(run("list", "--json").out)["assets"] if one["title"] == "rain"]
    run("rename", rain, "Wet night")
    renamed = document(run("export", folder, "--format", "txt", "--json").out)["files"]
    assert {*map(str, folder.glob("*.txt"))} == {*renamed}
    assert [path.name for path in folder.glob(".*")] == [".soundbite-export.json"]
    # A file of that name that no export wrote stays, and two of one title are told apart by their ids.
    (folder / "Storm.txt").write_text("mine")
    for title in ("Storm", "SPOKEN words"):
        run("rename", rain, title)
        files = document(run("export", folder, "--format", "txt", "--json").out)["files"]
        assert {*map(str, folder.glob("*.txt"))} == {*files, str(folder / "Storm.txt")}
        assert sum("-a_" in file for file in files) == (1 if title == "Storm" else 2)
    assert (folder / "Storm.txt").read_text() == "mine"
    beside = document(run("export", shelf.folder, "--format", "txt", "--json").out)["files"]
    assert all("-a_" in file for file in beside)  # not to be taken for a transcript that was brought
    for path in (*map(Path, beside), shelf.folder / ".soundbite-export.json"):
        path.unlink()
    run("rename", rain, "Wet night")
    assert "00:00-00:08" in run("chapters", "spoken").out
    one = tmp_path / "one.srt"  # by the end of its name, and by the recording's title
    titles = [asset["title"] for asset in document(run("list", "--json").out)["assets"]]
    for title in titles:
        assert document(run("export", one, "--asset", title, "--json").out)["files"] == [str(one)]
        assert one.read_text(encoding="utf-8") in texts["srt"]
    for words in ((), ("--format", "srt")):
        assert "name its recording" in run("export", tmp_path / "all.srt", *words).err
    assert not (tmp_path / "all.srt").exists()
    nobody = run("export", tmp_path / "x.vtt", "--format", "vtt", "--asset", "a_none")
    assert nobody.code != 0
    assert "No recording is called 'a_none'" in nobody.err
    assert run("export", tmp_path / "x.parquet", "--asset", "a_none").code == 2
    # To standard output, and into no file of that name.
    monkeypatch.chdir(tmp_path)
    printed = run("export", "-", "--format", "txt", "--asset", "spoken words")
    assert (printed.code, printed.out in texts["txt"], printed.err) == (0, True, "")
    assert run("export", "-", "--format", "txt").code == 2
    assert run("export", "-", "--format", "parquet").code == 2
    # What has no ending, or one of no format, is written only as what is named.
    for name in ("library.docx", "library"):
        refused = run("export", name)
        assert (refused.code, "(parquet, vtt, srt, md, json, txt)" in refused.err) == (2, True), refused
    assert not {"-", "library.docx", "library"} & {path.name for path in tmp_path.iterdir()}
    assert run("export", "library", "--format", "parquet").code == 0


def test_what_is_no_export_and_what_can_not_be_written_is_said_with_what_to_do(
    shelf: Any, run: Any, tmp_path: Path
) -> None:
    no_export = run("import", shelf.spoken)
    assert (no_export.code, no_export.err) == (
        2,
        f"soundbite: {shelf.spoken} is not a Soundbite export. `soundbite export FILE` makes one.\n",
    )
    unwritable = run("export", tmp_path / "nowhere" / "all.parquet")
    assert unwritable.code == 2
    assert "cannot be written: No such file or directory. Name a file in a folder that exists" in unwritable.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_for_that_shell(shell: str, run: Any) -> None:
    said = run("completion", shell).out
    assert f"_SOUNDBITE_COMPLETE={shell}_complete" in said
    assert "soundbite" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("soundbite se", {"plain,serve", "plain,search"}),
        ("soundbite search --pl", {"plain,--play"}),
        ("soundbite add meet", {"file,meet"}),
        ("soundbite bulk tal", {"file,tal"}),
        ("soundbite search --like so", {"file,so"}),
        ("soundbite models pull so", {"plain,sounds"}),
    ],
)
def test_a_shell_completes_commands_options_files_and_packs(
    words: str, expected: set[str], run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_SOUNDBITE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    assert set(run().out.splitlines()) == expected


def test_a_shell_completes_titles_and_where_there_are_several_of_one_ids(
    shelf: Any, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ids = {each["title"]: each["asset_id"] for each in document(run("list", "--json").out)["assets"]}

    def completed(line: str, shell: str = "bash") -> list[str]:
        monkeypatch.setenv("_SOUNDBITE_COMPLETE", f"{shell}_complete")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", line.split(" ")[-1] if shell == "fish" else str(len(line.split(" ")) - 1))
        ran = run()
        assert ran.err == ""
        return [line for line in ran.out.splitlines() if line]

    before = {path.name for path in shelf.home.iterdir()}
    # Two backslashes, of which the script's `read` leaves one.
    assert completed("soundbite show Spo") == [r"plain,spoken\\ words"]
    assert completed('soundbite show "spo') == ["plain,spoken words"]
    for command in ("search storm --asset", "export words.vtt --asset", "rm", "erase", "plot recording"):
        assert completed(f"soundbite {command} ra") == ["plain,rain"], command
    assert completed("soundbite show spo", "fish") == [f"plain,spoken words\t{ids['spoken words']}"]
    assert {path.name for path in shelf.home.iterdir()} == before
    with closing(sqlite3.connect(shelf.home / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE assets SET title = 'Rain' WHERE title = 'spoken words'")
    assert sorted(completed("soundbite show ra")) == sorted(f"plain,{asset_id}" for asset_id in ids.values())
    monkeypatch.setenv("SOUNDBITE_HOME", str(tmp_path / "nothing"))
    assert completed("soundbite show spo") == []
    assert not (tmp_path / "nothing").exists()


def test_watching_ends_with_ctrl_c_and_130(shelf: Any, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "soundbite_server", "add", str(shelf.folder), "--watch", "--json"],
        env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Where the tests themselves run in the background, what they start would not hear of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr
    while "Watching" not in (line := process.stderr.readline()):
        assert line, "the command ended before it watched"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert len(lines(out)) == 2


def test_rm_removes_a_recording_and_leaves_its_file(shelf: Any, run: Any) -> None:
    unasked = run("rm", "rain")
    assert unasked.code == 2
    assert "say --yes" in unasked.err
    removed = lines(run("rm", "rain", "--yes", "--json").out)
    assert [(each["title"], each["is_removed"]) for each in removed] == [("rain", True)]
    assert [each["title"] for each in document(run("list", "--json").out)["assets"]] == ["spoken words"]
    assert (shelf.folder / "rain.wav").exists()
    assert run("rm", "rain", "--yes").code == 2


def test_a_damaged_database_of_the_engine_is_one_sentence_with_what_to_do(shelf: Any, run: Any) -> None:
    database = shelf.home / "engine" / "engine.db"
    whole = database.read_bytes()
    database.write_bytes(b"no database" * 1000)
    for command in (("search", "storm"), ("doctor",)):
        failed = run(*command)
        assert failed.code == 1
        assert "move it away" in failed.err
        assert "Traceback" not in failed.err
    database.unlink()  # and what the sentence promises is true
    assert run("search", "storm").out
    assert run("add", shelf.spoken).code == 0
    assert database.read_bytes() != whole


def test_tags_and_titles_change_and_searches_follow(shelf: Any, run: Any) -> None:
    changed = json.loads(run("tag", "rain", "Weather", "--remove", "shelf", "--json").out)
    assert run("tag", "rain", "night").out == "rain, tags: weather, night\n"
    assert changed["tags"] == ["weather"]
    assert run("rename", "rain", "Rain on the roof").out == "Rain on the roof, tags: weather, night\n"
    found = json.loads(run("search", "storm", "--limit", "9", "--tag", "weather", "--json").out)["clips"]
    assert {clip["title"] for clip in found} <= {"Rain on the roof"}
    assert json.loads(run("list", "--tag", "shelf", "--json").out)["total_assets"] == 1
    for wrong in (("tag", "rain"), ("rename", "rain", " "), ("tag", "no such", "a")):
        assert run(*wrong).code == 2


def test_what_was_asked_for_and_not_done_is_a_failure(shelf: Any, run: Any, tmp_path: Path) -> None:
    away = shelf.folder.with_name("away")
    shutil.copytree(shelf.folder, tmp_path / "kept")
    shelf.folder.rename(away)
    try:
        done = run("search", "storm", "--clip", tmp_path / "clips")
    finally:
        away.rename(shelf.folder)
    assert done.code == 1
    assert "no clip to play or to write" in done.err


def test_words_that_may_be_misheard_are_named_below_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    clip = ClipResult(
        clip_id="c_1",
        asset_id="a_1",
        title="Field log",
        start_sec=20.48,
        end_sec=25.89,
        time_range="00:20-00:26",
        score=0.7,
        text="the river is rising",
        unsure=["river"],
    )
    print_hits(SearchResult(clips=[clip], query="water"), "water", [])
    assert "   unsure: river\n" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("--asset", "spoken", "--format", "txt"), ("--format", "parquet")])
def test_an_export_is_not_written_over_a_recording_whatever_that_is_called(
    words: tuple[str, ...], shelf: Any, run: Any, tmp_path: Path
) -> None:
    own, named, made = tmp_path / "own.txt", tmp_path / "own.parquet", tmp_path / "all.parquet"
    own.write_bytes(shelf.spoken.read_bytes() + b"\0\0")
    named.write_bytes(b"PAR1")
    assert run("add", own).code == 0
    assert "is a recording of the library" in run("export", *words, own).err
    assert run("export", *words, named).code == 2
    assert named.read_bytes() == b"PAR1"
    for _ in range(2):
        assert run("export", made).code == 0


def test_what_is_alike_and_lasts_is_one_row(shelf: Any, run: Any, tmp_path: Path) -> None:
    long = tmp_path / "long.wav"
    with wave.open(str(long), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * 8000 * 600))
    assert run("add", long).code == 0
    shown = run("show", "long").out
    rows = [line for line in shown.splitlines() if "(silence)" in line]
    assert len(rows) == 1
    assert rows[0].startswith("00:00-10:00")
    assert re.search(r"\(silence\) \d+ segments", rows[0])
    assert len(json.loads(run("show", "long", "--json").out)["segments"]) > 5


def test_relink_tells_changed_files_from_missing_ones_on_a_line_each(shelf: Any, run: Any, tmp_path: Path) -> None:
    name = tmp_path / "two\nlines.wav"
    name.write_bytes(shelf.spoken.read_bytes() + b"\0\0")
    assert run("add", name).code == 0
    os.utime(name, (1, 1))
    (tmp_path / "folder").mkdir()
    told = run("relink", tmp_path / "folder")
    assert (told.code, told.out.splitlines()[-1]) == (0, "0 files found, 0 missing, 1 changed.")
    assert told.out.startswith("changed: two lines (")
    assert len(told.out.splitlines()) == 2
    name.unlink()
    told = run("relink", tmp_path / "folder", "--json")
    assert (told.code, len(json.loads(told.out)["missing"]), json.loads(told.out)["changed"]) == (1, 1, [])
    assert len(run("relink", tmp_path / "folder").out.splitlines()) == 2


def test_a_locale_that_cannot_write_a_name_gets_an_answer_or_one_sentence(tmp_path: Path) -> None:
    recording = tmp_path / "réunion 🎧.wav"
    shutil.copy(next(SAMPLES.glob("*.wav"), SAMPLES / "standup.flac"), recording)
    code = "from soundbite_server.cli import main; main()"
    home = {**os.environ, "SOUNDBITE_HOME": str(tmp_path / "home")}

    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], env={**home, **extra}, capture_output=True, check=False
        )

    assert run("add", str(recording)).returncode == 0
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0"}
    listed = run("list", **ascii_only)
    assert listed.returncode == 0, listed.stderr
    named = run("show", "réunion 🎧", **ascii_only)
    assert (named.returncode, b"PYTHONUTF8=1" in named.stderr, b"Traceback" in named.stderr) == (2, True, False)
