"""What the C library keeps of freed memory, given back from time to time, so that a server at work does not grow."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Return freed pages to the system, where that is for us to do (glibc); others do it by themselves.

    glibc keeps an arena for each few threads, and in each what was freed there: pieces between those in use. It takes
    some milliseconds for each 10 MB, in which threads that allocate may wait.
    """
    if sys.platform == "linux" and (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        malloc_trim(ctypes.c_size_t(0))
