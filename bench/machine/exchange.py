"""Exchanges two names again and again, in one step each (`renameat2`), until the process is ended.

Run `python bench/machine/exchange.py FOLDER LINK`, on Linux.
"""

import ctypes
import os
import random
import sys
import time

LONGEST_PAUSE_S = 0.3
_EXCHANGE = 2  # RENAME_EXCHANGE of <linux/fs.h>
_HERE = -100  # AT_FDCWD


def main(first: str, second: str) -> None:
    """Exchange them at random moments."""
    libc, chance = ctypes.CDLL(None, use_errno=True), random.Random(7)
    while True:
        if libc.renameat2(_HERE, os.fsencode(first), _HERE, os.fsencode(second), _EXCHANGE):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        time.sleep(chance.random() ** 4 * LONGEST_PAUSE_S)  # mostly short, so that one try sees several


if __name__ == "__main__":
    main(*sys.argv[1:])
