"""Sound through a player of this machine."""

from __future__ import annotations

import tempfile
from pathlib import Path

from soundbite.errors import SoundbiteError
from soundbite_server.players import NoPlayer
from soundbite_server.players import play as play_file


def play(sound: bytes) -> None:
    """Play the bytes of a WAV file to their end.

    Raises:
        SoundbiteError: nothing here can.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        path.write_bytes(sound)
        try:
            play_file(path)
        except NoPlayer as exc:
            raise SoundbiteError(str(exc), code="no_player") from exc
