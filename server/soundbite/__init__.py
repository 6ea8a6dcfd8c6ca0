"""Ears for Python: open the library of recordings, add to it, and search it.

    import soundbite

    with soundbite.open() as library:
        library.add("talk.mp3")
        for clip in library.search("refund"):
            print(clip.title, clip.time_range, clip.text)

`async with soundbite.open() as library` gives the same to coroutines. It is the library that agents and the command
line use, which may have it open at the same time. Nothing heavy is loaded before the library is opened.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from soundbite.clips import AsyncClip, Clip, Recording, Replacement, Speaker
    from soundbite.errors import NotFound, SoundbiteError, SourceError
    from soundbite.library import AsyncLibrary, Library
    from soundbite.opening import open  # noqa: A004 - as in `soundbite.open()`

_MODULE_OF = {
    "AsyncClip": "clips",
    "AsyncLibrary": "library",
    "Clip": "clips",
    "Library": "library",
    "NotFound": "errors",
    "Recording": "clips",
    "Replacement": "clips",
    "SoundbiteError": "errors",
    "SourceError": "errors",
    "Speaker": "clips",
    "open": "opening",
}

__all__ = [
    "AsyncClip",
    "AsyncLibrary",
    "Clip",
    "Library",
    "NotFound",
    "Recording",
    "Replacement",
    "SoundbiteError",
    "SourceError",
    "Speaker",
    "open",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
