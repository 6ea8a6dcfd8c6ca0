"""Workers have no network where the system allows it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from soundbite_engine.workers.worker import can_leave_network

CALL_HOME = """
import socket, sys
from soundbite_engine.workers.worker import leave_network
server = socket.create_server(("127.0.0.1", 0))
assert leave_network()
try:
    socket.create_connection(server.getsockname(), timeout=5)
except OSError:
    sys.exit(0)
sys.exit("connected")
"""


def test_a_process_that_left_the_network_reaches_nobody() -> None:
    if not can_leave_network():
        pytest.skip("this system does not let processes leave the network")
    done = subprocess.run([sys.executable, "-c", CALL_HOME], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
