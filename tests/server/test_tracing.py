"""Spans around calls, jobs and store operations, and logs as JSON lines."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

from soundbite_server.logs import JsonLines

# The API alone is installed, so the spans are counted by a provider of the test's own, in a process of its own.
COUNTED = """
import asyncio, math, struct, sys, wave
from contextlib import contextmanager
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, INVALID_SPAN_CONTEXT

names = []

class Tracer(trace.NoOpTracer):
    @contextmanager
    def start_as_current_span(self, name, *args, **kwargs):
        names.append(name)
        yield NonRecordingSpan(INVALID_SPAN_CONTEXT)

class Provider(trace.TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return Tracer()

trace.set_tracer_provider(Provider())
from mcp import Client
from pathlib import Path
from soundbite_server import Settings, build_server

root = Path(sys.argv[1])
with wave.open(str(root / "a.wav"), "wb") as sound:
    sound.setparams((1, 2, 8000, 0, "NONE", ""))
    sound.writeframes(b"".join(struct.pack("<h", round(9000 * math.sin(n / 3))) for n in range(16000)))

async def main():
    async with Client(build_server(Settings(home=root / "home", roots=(root,), workers=1))) as client:
        result = await client.call_tool("embed_audio", {"source": str(root / "a.wav"), "embedding_option": ["audio"]})
        assert not result.is_error, result.content
        await client.call_tool("search_clips", {"query": "noise"})

asyncio.run(main())
print(sorted(set(names)))
"""


def test_calls_jobs_and_store_operations_have_spans(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTED, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    for name in ("tools/call embed_audio", "tools/call search_clips", "embedding job", "store upsert", "store count"):
        assert f"'{name}'" in done.stdout, (name, done.stdout)


def test_a_log_line_as_json_holds_the_event_and_its_traceback() -> None:
    try:
        raise ValueError("wrong")
    except ValueError:
        record = logging.LogRecord(
            "soundbite_server.x", logging.ERROR, "x.py", 1, "%s\nlines", ("two",), sys.exc_info()
        )
    line = JsonLines().format(record)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["level"], said["logger"], said["message"]) == ("ERROR", "soundbite_server.x", "two\nlines")
    assert "ValueError: wrong" in said["exception"]
