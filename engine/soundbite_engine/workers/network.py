"""No network for worker processes, where the system allows that: what takes one over can not call home."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

_NEW_USER_NAMESPACE = 0x10000000  # CLONE_NEWUSER and CLONE_NEWNET of <linux/sched.h>
_NEW_NETWORK_NAMESPACE = 0x40000000


def leave_network() -> bool:
    """Move this process, which must have one thread, where there is no network; returns whether that was allowed.

    Containers often forbid it; other systems than Linux don't know it.
    """
    if sys.platform != "linux":
        return False
    # Root goes by its own right only: in a user namespace of its own it could no longer read what belongs to others.
    flags = _NEW_NETWORK_NAMESPACE if os.geteuid() == 0 else _NEW_NETWORK_NAMESPACE | _NEW_USER_NAMESPACE
    try:
        return bool(ctypes.CDLL(None, use_errno=True).unshare(flags) == 0)
    except (OSError, AttributeError):
        return False


def can_leave_network() -> bool:
    """Return whether workers of this system run without network; tried in a process of its own."""
    code = "import sys; from soundbite_engine.workers.network import leave_network; sys.exit(not leave_network())"
    tried = subprocess.run([sys.executable, "-P", "-c", code], stdin=subprocess.DEVNULL, check=False, timeout=30)  # noqa: S603
    return tried.returncode == 0
