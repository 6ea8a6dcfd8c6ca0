"""Folders that are watched: a file is taken once nothing writes to it any more."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from soundbite_server.sources import files_in, is_media
from soundbite_tools import TRANSCRIPT_ENDINGS, written_files

QUIET_S = 4.0
"""A file that has not grown for so long may be settled."""
LONGEST_QUIET_S = 600.0
_UNFINISHED_QUIET_S = 60.0
_PAUSES = 3.0
_LATER_S = 60.0
_MOST_BOXES = 10_000
_State = tuple[int, int]


@dataclass
class _Growth:
    """How a file has changed since it was first looked at; times of the clock in seconds."""

    state: _State
    changed_s: float
    longest_pause_s: float = 0.0


class FolderWatch:
    """Finds recordings that are new or changed, once they are settled.

    One is settled when it has not changed for three times its longest pause so far (between `quiet_s` and ten
    minutes), no other process has it open for writing, where that can be known (on Linux), and its container is whole;
    one whose container is not is taken after a minute, as it is.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        quiet_s: float = QUIET_S,
        clock: Callable[[], float] = time.monotonic,
        written: Callable[[Iterable[Path]], set[Path]] | None = None,
    ) -> None:
        self._folders = folders
        self._quiet_s = quiet_s
        self._clock = clock
        self._written = written or written_files
        self._growths: dict[Path, _Growth] = {}
        self._taken: dict[Path, _State] = {}

    def take(self, paths: Sequence[Path]) -> None:
        """Count files as taken as they are now, with the transcripts beside them."""
        texts = (path.with_suffix(ending) for path in paths for ending in TRANSCRIPT_ENDINGS)
        self._taken |= {path: state for path in (*paths, *texts) if (state := _state(path))}

    def without_growing(self, paths: Iterable[Path]) -> list[Path]:
        """Return the files that may be taken at once: nobody writes to them, and they have not just changed."""
        now_ns = time.time_ns()
        still = [path for path in paths if (state := _state(path)) and not 0 <= now_ns - state[1] < self._quiet_s * 1e9]
        written = self._written(still)
        return [path for path in still if path not in written]

    def look(self) -> list[Path]:
        """Return the files that are new or changed and settled, or have another transcript, each once in each state."""
        now = self._clock()
        growths: dict[Path, _Growth] = {}
        files = [path.absolute() for folder in self._folders for path in files_in(folder)]
        spoken = {path.with_suffix(""): path for path in files if is_media(path)}
        texts = {
            path: spoken[path.with_suffix("")]
            for path in files
            if path.suffix.lower() in TRANSCRIPT_ENDINGS and path.with_suffix("") in spoken
        }
        for path in (*spoken.values(), *texts):
            state = _state(path)
            if state and state[0]:
                growths[path] = self._grown(path, state, now)
        self._growths = growths
        quiet = [
            path
            for path, growth in growths.items()
            if growth.state != self._taken.get(path) and now - growth.changed_s >= self._wait_s(path, growth)
        ]
        written = self._written(quiet) if quiet else set()
        settled = [path for path in quiet if path not in written and _state(path) == growths[path].state]
        self._taken |= {path: growths[path].state for path in settled}
        # A transcript of a recording that is not settled yet is taken with that.
        return list(dict.fromkeys(path for one in settled if (path := texts.get(one, one)) in self._taken))

    def _grown(self, path: Path, state: _State, now: float) -> _Growth:
        before = self._growths.get(path)
        if before is None:
            return _Growth(state, now)
        if before.state == state:
            return before
        pause_s = now - before.changed_s
        if before.state == self._taken.get(path) and pause_s > _LATER_S:
            return _Growth(state, now)  # another content, not a pause of the one who wrote the first
        return _Growth(state, now, max(before.longest_pause_s, pause_s))

    def _wait_s(self, path: Path, growth: _Growth) -> float:
        least_s = self._quiet_s if is_whole(path) else self._quiet_s * _UNFINISHED_QUIET_S / QUIET_S
        return min(max(least_s, _PAUSES * growth.longest_pause_s), max(least_s, LONGEST_QUIET_S))


def _state(path: Path) -> _State | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def is_whole(path: Path) -> bool:
    """Return whether a WAV or MP4 file is as long as it says it is; of other formats nothing is said that could differ.

    Sources: Multimedia Programming Interface and Data Specifications 1.0, "RIFF"; ISO/IEC 14496-12, 4.2.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(12)
            if head[:4] == b"RIFF" and head[8:] == b"WAVE":
                announced = int(struct.unpack("<I", head[4:8])[0])
                return size >= announced + 8 or announced in (0, 0xFFFFFFFF)
            if head[4:8] != b"ftyp":
                return True
            at, has_index = 0, False
            for _ in range(_MOST_BOXES):
                if at >= size:
                    break
                file.seek(at)
                box = file.read(16)
                if len(box) < 8:
                    return False
                length, kind = struct.unpack(">I4s", box[:8])
                if length == 1 and len(box) == 16:
                    (length,) = struct.unpack(">Q", box[8:])
                has_index = has_index or kind == b"moov"
                if length < 8:
                    return has_index  # to the end of the file, or none at all
                at += int(length)
            return has_index and at <= size
    except OSError:
        return True
