"""The sound of a recording that is being written, decoded so far: int16, mono, 16 kHz in a file that grows."""

from __future__ import annotations

import array
import base64
import io
import math
import wave
from pathlib import Path

RATE_HZ = 16_000
_BYTES = 2
# Where to cut is looked for in steps of this size, so far back.
_STEP_SEC, _LOOK_BACK_SEC = 0.1, 1.5
# Silence after the end, so that the stretch is a window of what is sent: the words of a window come with its vectors.
_PADDING_SEC = 0.25


class LiveSound:
    """Reads stretches of the file; times are seconds from its beginning."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def seconds(self) -> float:
        """How much there is by now."""
        try:
            return self._path.stat().st_size // _BYTES / RATE_HZ
        except OSError:
            return 0.0

    def pause_before(self, end_sec: float) -> float:
        """The middle of the quietest tenth of a second of the last one and a half before a time."""
        step = round(_STEP_SEC * RATE_HZ)
        begin_sec = max(0.0, end_sec - _LOOK_BACK_SEC)
        samples = array.array("h", self._read(begin_sec, end_sec))
        levels = [math.hypot(*samples[at : at + step : 4]) for at in range(0, len(samples) - step + 1, step)]
        if not levels:
            return end_sec
        # Of equally quiet ones the last.
        quietest = min(range(len(levels)), key=lambda at: (round(levels[at]), -at))
        return begin_sec + (quietest + 0.5) * _STEP_SEC

    def wav(self, start_sec: float, end_sec: float, padding_sec: float = 0.0) -> bytes:
        """A stretch as a WAV file, with so much silence behind it."""
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setparams((1, _BYTES, RATE_HZ, 0, "NONE", ""))
            file.writeframes(self._read(start_sec, end_sec) + bytes(round(padding_sec * RATE_HZ) * _BYTES))
        return out.getvalue()

    def as_window(self, start_sec: float, end_sec: float) -> str:
        """A stretch in base64, and a little silence behind it that is no part of it."""
        return base64.b64encode(self.wav(start_sec, end_sec, _PADDING_SEC)).decode()

    def _read(self, start_sec: float, end_sec: float) -> bytes:
        first, last = (round(seconds * RATE_HZ) * _BYTES for seconds in (start_sec, end_sec))
        with self._path.open("rb") as file:
            file.seek(first)
            return file.read(max(0, last - first) // _BYTES * _BYTES)
