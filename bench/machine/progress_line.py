"""A line on stderr that counts, where stderr is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_line(total: int) -> Iterator[Callable[[int], None]]:
    """What to tell how many of `total` recordings are embedded."""

    def on_done(count: int) -> None:
        if sys.stderr.isatty():
            print(f"\rembedded {count} of {total}", end="", file=sys.stderr, flush=True)

    yield on_done
    if sys.stderr.isatty():
        print(file=sys.stderr)
