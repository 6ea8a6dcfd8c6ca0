"""The programs of this machine that play a sound file."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

# The first that is there; each ends by itself when the sound does.
PLAYERS: tuple[tuple[str, ...], ...] = (
    ("afplay",),  # macOS
    ("ffplay", "-v", "error", "-nodisp", "-autoexit"),
    ("mpv", "--really-quiet", "--no-video"),
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("play", "-q"),  # SoX
)


class NoPlayer(Exception):
    """No program that plays sound was found; the message names some."""


def play(path: Path) -> None:
    """Play a WAV file to its end.

    Raises:
        NoPlayer: nothing here can, or it failed.
    """
    if sys.platform == "win32":
        import winsound

        winsound.PlaySound(str(path), winsound.SND_FILENAME)
        return
    command = next((player for player in PLAYERS if shutil.which(player[0])), None)
    if command is None:
        names = ", ".join(player[0] for player in PLAYERS)
        raise NoPlayer(f"No player is installed (looked for {names}). The sound is in {path}.")
    try:
        done = subprocess.run(  # noqa: S603 - from the list above
            [*command, str(path)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # without a sound device, lines of each library below the player
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as exc:
        raise NoPlayer(f"{command[0]} can't be started: {exc.strerror}. The sound is in {path}.") from exc
    if done.returncode:
        last = next((f" ({line.strip()})" for line in reversed(done.stderr.splitlines()) if line.strip()), "")
        raise NoPlayer(f"{command[0]} could not play {path}{last}.")
