"""What freed memory goes back to the system, and when (glibc; other systems do it by themselves)."""

from __future__ import annotations

import ctypes
import sys

_M_MMAP_THRESHOLD = -3  # of malloc.h


def give_back() -> None:
    """Return freed pages to the system, where that is for us to do (glibc).

    glibc keeps an arena for each few threads, and in each what was freed there: pieces between those in use. It takes
    some milliseconds for each 10 MB, in which threads that allocate may wait.
    """
    if sys.platform == "linux" and (malloc_trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        malloc_trim(ctypes.c_size_t(0))


def give_back_large_blocks_at_once(least_bytes: int) -> None:
    """Have blocks of `least_bytes` and more go back to the system as soon as they are freed (glibc).

    glibc does so up to 32 MB only until one is freed: from then on it keeps blocks of that size, and what comes next
    is put beside them. To take a block from the system costs time for each of its pages.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(_M_MMAP_THRESHOLD, least_bytes)
