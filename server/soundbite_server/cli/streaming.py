"""soundbite listen, notify, and add --follow: sound that is still coming, searchable seconds later.

It comes from a pipe, a microphone or what the machine plays, into a file; or another program writes the file.
"""

from __future__ import annotations

import importlib
import os
import signal
import struct
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from soundbite_server.cli.failures import INPUT_EXIT_CODE, next_step
from soundbite_server.cli.library import console, json_option, personal_library, print_json_line, run_async
from soundbite_server.cli.options import request_of

if TYPE_CHECKING:
    import anyio

    from soundbite_store import Task
    from soundbite_tools import EmbedRequest, Jobs, TaskResult

_DEVICE_RATE_HZ = 16_000
_UNREADABLE = "asset_failed"
_LOOK_EVERY_S = 1.0
_BYTES_AT_ONCE = 64 * 1024
_BLOCK_SEC = 0.25
_HEADER_BYTES = 44
_UNKNOWN = 0xFFFFFFFF
_NO_DEVICES = 'Microphones are read by the extra `live`: pip install "soundbite[live]".'
_HEADS = {
    b"RIFF": ".wav",
    b"OggS": ".ogg",
    b"fLaC": ".flac",
    b"ID3": ".mp3",
    b"\x1aE\xdf\xa3": ".mkv",
    b"\xff\xf1": ".aac",
    b"\xff\xf9": ".aac",
    b"\xff\xfb": ".mp3",
    b"\xff\xf3": ".mp3",
    b"G": ".ts",
}
_FILE_EVERY_S = 0.5
_ON_UNTIL_CTRL_C = "Listening; Ctrl-C ends it, and embeds the whole once more."


@click.command("listen")
@click.option("--title", default="", help="Of the recording; the time by default.")
@click.option("--tag", "tags", multiple=True, help="A tag of the recording; may be repeated.")
@click.option("--rate", type=click.IntRange(4000, 192_000), help="Samples a second of raw sound on stdin.")
@click.option(
    "--channels", default=1, show_default=True, type=click.IntRange(1, 8), help="Of raw sound, or the device."
)
@click.option("--device", help="A microphone or loopback device, by number or name, instead of stdin.")
@json_option
@run_async
async def listen_command(
    title: str, tags: tuple[str, ...], rate: int | None, channels: int, device: str | None, as_json: bool
) -> None:
    """Record what is heard now, and search it as it comes.

    Sound is taken from stdin, as WAV, Ogg, MP3 and the like or as raw samples (--rate), else from the microphone. It is
    kept in the library's folder, and goes with its recording. Ctrl-C ends it.
    """
    import anyio
    import anyio.to_thread

    from soundbite_server.cli.library import personal_jobs
    from soundbite_tools import EmbedRequest, begin_following, writing

    blocks, pcm, ending = await anyio.to_thread.run_sync(_source, rate, channels, device)
    values: dict[str, Any] = {"title": title or datetime.now().astimezone().strftime("Heard %Y-%m-%d %H:%M")}
    request = request_of(EmbedRequest, **values, tags=tags)
    async with interruptions() as asked, personal_jobs() as jobs:
        folder = jobs.library.config.recordings_folder
        path = await anyio.to_thread.run_sync(_free_path, folder, ending)
        with writing(path, lambda: capture.is_over):
            # Before the file is there: refused, nothing is left behind.
            task = await begin_following(jobs.library, request.model_copy(update={"source": str(path)}))
            capture = await anyio.to_thread.run_sync(Capture, path, blocks, pcm)
            result: TaskResult | None = None
            async with anyio.create_task_group() as group:
                group.start_soon(_stop_when_asked, capture, asked)
                result = await follow_task(jobs, task, None, as_json=as_json)
                group.cancel_scope.cancel()
    if result and result.status == "failed":
        await anyio.to_thread.run_sync(_clear, path, result)
        sys.exit(INPUT_EXIT_CODE)


async def _stop_when_asked(capture: Capture, asked: anyio.Event) -> None:
    await asked.wait()
    capture.stop()


def _source(rate: int | None, channels: int, device: str | None) -> tuple[Iterator[bytes], Pcm | None, str]:
    """The blocks of sound, what they are where they are raw, and the ending of the file."""
    if device is not None or (sys.stdin.isatty() and rate is None):
        pcm = Pcm(rate or _DEVICE_RATE_HZ, channels)
        return device_blocks(device or "", pcm), pcm, ".wav"
    if rate is not None:
        return piped_blocks(), Pcm(rate, channels), ".wav"
    blocks = piped_blocks()
    first = next(blocks, b"")
    return chain([first], blocks), None, ending_of(first)


def _clear(path: Path, result: TaskResult) -> None:
    """Delete a file that holds no sound; any other may be the only one there is of what was heard."""
    if result.error_code == _UNREADABLE and not result.searchable_until_sec:
        path.unlink(missing_ok=True)
    elif path.exists():
        click.echo(f"What was heard is kept in {path}.", err=True)


def _free_path(folder: Path, ending: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (datetime.now().astimezone().strftime("%Y-%m-%d %H.%M.%S.%f") + ending)


@click.command("notify")
@click.argument("words", nargs=-1, required=True)
@click.option("--count", default=0, type=click.IntRange(0), help="End after so many answers; 0 goes on until Ctrl-C.")
@json_option
@run_async
async def notify_command(words: tuple[str, ...], count: int, as_json: bool) -> None:
    """Say when something new answers WORDS, whichever process adds it; --json prints a line of JSON for each answer.

    Weak answers, which `soundbite search` marks so, are left out.
    """
    import anyio

    from soundbite_tools import SearchRequest, StandingQuestion

    told = 0
    async with personal_library() as library:
        question = StandingQuestion(library, request_of(SearchRequest, query=" ".join(words)))
        console(stderr=True).print("Waiting for answers; Ctrl-C ends it.", style="dim")
        while not count or told < count:
            for answer in await question.new_answers():
                told += 1
                if as_json:
                    print_json_line(answer.model_dump(mode="json"))
                else:
                    click.echo(answer.to_text())
            await anyio.sleep(_LOOK_EVERY_S)


@dataclass(frozen=True)
class Pcm:
    """Samples of 16 bits, little-endian, channel by channel."""

    rate_hz: int
    channels: int

    def header(self, size: int | None) -> bytes:
        """Of a WAV file with so many bytes of samples; None is not known yet."""
        step = 2 * self.channels
        known = _UNKNOWN if size is None else size
        form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, self.channels, self.rate_hz, self.rate_hz * step, step, 16)
        return (
            struct.pack("<4sI4s", b"RIFF", min(known + 36, _UNKNOWN), b"WAVE")
            + form
            + struct.pack("<4sI", b"data", known)
        )


class Capture:
    """Writes blocks of sound to a file as they come, on a thread of its own; `stop` or their end finishes the file."""

    def __init__(self, path: Path, blocks: Iterator[bytes], pcm: Pcm | None) -> None:
        self._blocks = blocks
        self._pcm = pcm
        self._file: BinaryIO = path.open("xb", buffering=0)
        if pcm:
            self._file.write(pcm.header(None))
        self._stopping = threading.Event()
        self._turn = threading.Lock()
        # A read from a pipe can't be called off; a daemon does not keep the process.
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the sound has ended."""
        return not self._thread.is_alive() or self._file.closed

    def stop(self) -> None:
        """Finish the file, whatever is still to come."""
        self._stopping.set()
        with self._turn:
            self._finish()

    def _run(self) -> None:
        for block in self._blocks:
            with self._turn:
                if self._stopping.is_set():
                    return
                self._file.write(block)
        with self._turn:
            self._finish()

    def _finish(self) -> None:
        if self._file.closed:
            return
        size = self._file.tell() - _HEADER_BYTES
        if self._pcm and size < _UNKNOWN:
            self._file.seek(0)
            self._file.write(self._pcm.header(size))
        self._file.close()


def piped_blocks() -> Iterator[bytes]:
    """What comes on stdin."""
    while block := os.read(sys.stdin.fileno(), _BYTES_AT_ONCE):
        yield block


def ending_of(head: bytes) -> str:
    """The ending of a file that begins so.

    Raises:
        UsageError: it is no container that is known.
    """
    for begin, ending in _HEADS.items():
        if head.startswith(begin):
            return ending
    raise click.UsageError(
        "What comes on stdin begins like no WAV, Ogg, FLAC, MP3, AAC, Matroska or MPEG-TS stream: name the --rate of "
        "raw samples (16 bits, little-endian), and their --channels."
    )


def device_blocks(name: str, pcm: Pcm) -> Iterator[bytes]:
    """What a microphone or a loopback device hears; the system's own where no `name` is given.

    Raises:
        UsageError: the extra is not installed, or there is no such device.
    """
    try:
        devices: Any = importlib.import_module("sounddevice")
    except (ImportError, OSError) as exc:  # the module, or the library PortAudio below it
        raise click.UsageError(_NO_DEVICES if isinstance(exc, ImportError) else f"{exc}: install PortAudio.") from exc
    device: int | str | None = int(name) if name.isdigit() else name or None
    try:
        stream = devices.RawInputStream(pcm.rate_hz, channels=pcm.channels, dtype="int16", device=device)
        stream.start()
    except (devices.PortAudioError, ValueError) as exc:
        raise click.UsageError(f"No sound can be taken from {name or 'the microphone'}: {exc}") from exc

    def blocks() -> Iterator[bytes]:
        with stream:
            while True:
                data, _ = stream.read(round(_BLOCK_SEC * pcm.rate_hz))
                yield bytes(data)

    return blocks()


@asynccontextmanager
async def interruptions() -> AsyncIterator[anyio.Event]:
    """An event that the first Ctrl-C, or a request to terminate, sets; the second one ends the process as ever."""
    import anyio

    asked = anyio.Event()

    async def wait() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                asked.set()
                return

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        try:
            yield asked
        finally:
            group.cancel_scope.cancel()


async def follow_command(word: str, request: EmbedRequest, *, as_json: bool) -> None:
    """Follow the file of a path until it has ended, or until Ctrl-C.

    Raises:
        ToolProblem: it can't be followed.
    """
    import anyio

    from soundbite_server.cli.library import personal_jobs
    from soundbite_tools import begin_following

    path = Path(await anyio.Path(word).resolve())
    async with interruptions() as asked, personal_jobs([path]) as jobs:
        task = await begin_following(jobs.library, request.model_copy(update={"source": str(path)}))
        result = await follow_task(jobs, task, asked, as_json=as_json)
    if result.status == "failed":
        sys.exit(INPUT_EXIT_CODE)


async def follow_task(jobs: Jobs, task: Task, asked: anyio.Event | None, *, as_json: bool) -> TaskResult:
    """Say how far a recording is until it has ended, or until it is `asked` to stop, and return what it came to.

    Raises:
        ToolProblem: the library can't be read.
    """
    import anyio

    from soundbite_tools import LEFT_STAGE, TaskRequest, end_following, get_task

    jobs.start(task.task_id)
    if not as_json:
        console(stderr=True).print(_ON_UNTIL_CTRL_C, style="dim")
    until_sec, is_asked = 0.0, False
    while True:
        result = await get_task(jobs, TaskRequest(task_id=task.task_id, wait_seconds=0.0))
        if result.status != "processing" or result.stage == LEFT_STAGE:
            break
        if result.searchable_until_sec > until_sec:
            until_sec = result.searchable_until_sec
            _tell(result, as_json=as_json)
        if asked and asked.is_set() and not is_asked:
            is_asked = True
            await end_following(jobs.library, task)
        with anyio.move_on_after(_FILE_EVERY_S):
            await (asked.wait() if asked and not is_asked else anyio.sleep(_FILE_EVERY_S))
    _tell_end(result, as_json=as_json)
    return result.model_copy(update={"searchable_until_sec": until_sec})


def _tell(result: TaskResult, *, as_json: bool) -> None:
    from soundbite_tools import clock

    if as_json:
        print_json_line(result.model_dump(mode="json"))
    else:
        until = clock(result.searchable_until_sec)
        console().print(f"{result.title}: searchable until {until}", markup=False)


def _tell_end(result: TaskResult, *, as_json: bool) -> None:
    from soundbite_tools import LEFT_STAGE, clock_length, count_of

    if as_json:
        print_json_line(result.model_dump(mode="json"))
        return
    out = console()
    if result.stage == LEFT_STAGE:
        out.print(f"{result.title} is still being written: the next start of Soundbite goes on with it.", markup=False)
    elif result.status == "failed":
        todo = next_step(result.error_code, result.next_step)
        console(stderr=True).print(f"{result.title}: {result.error} {todo}", markup=False, style="red")
    else:
        length = clock_length(result.audio_seconds)
        clips = count_of(result.clip_count, "clip")
        out.print(f"{result.title}: {clips}, {length}  {result.asset_id}", markup=False)
        for note in result.notes:
            out.print(f"  {note}", markup=False)
