"""Folders looked at again and again for recordings that are new or changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from soundbite_server.named_media import media_in

_State = tuple[int, int]


class FolderWatch:
    """Finds recordings that are new or changed, once they have stopped growing."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._seen: dict[Path, _State] = {}
        self._taken: dict[Path, _State] = {}

    def take(self, paths: Sequence[Path]) -> None:
        """Count files as taken as they are now."""
        self._taken |= {path: state for path in paths if (state := _state(path))}

    def look(self) -> list[Path]:
        """Return the files that are new or changed and have not changed since the look before this one."""
        now = {
            path.absolute(): state
            for folder in self._folders
            for path in media_in(folder)
            if (state := _state(path)) and state[0]
        }
        # A file that somebody still copies or records looks different every time.
        settled = [path for path, state in now.items() if self._seen.get(path) == state != self._taken.get(path)]
        self._seen = now
        self._taken |= {path: now[path] for path in settled}
        return settled


def _state(path: Path) -> _State | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
