"""The server's reader of media on real sound, in a real worker process."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from soundbite_api import SourceFile
from soundbite_engine.workers.pool import WorkerPool
from soundbite_server.local_media import EngineMediaReader
from soundbite_tools.sources.local_media import MediaProblem

SAMPLE = sorted((Path(__file__).parents[2] / "samples").glob("*.flac"))[0]


async def test_a_window_becomes_a_flac_file_and_its_words_are_recognised(tmp_path: Path) -> None:
    async with WorkerPool(size=1) as pool:
        media_reader, out = EngineMediaReader(pool), tmp_path / "window.flac"
        await media_reader.to_flac(SourceFile.at(SAMPLE), out, 2.0, 6.0)
        with av.open(str(out)) as sound:
            assert (sound.format.name, sound.duration) == ("flac", pytest.approx(4 * av.time_base, rel=0.01))
        heard = await media_reader.transcribe(SourceFile.at(SAMPLE), 2.0, 6.0)
        assert all(2.0 <= word.start_sec < word.end_sec <= 6.5 for word in heard.words)
        with pytest.raises(MediaProblem, match="past the end"):
            await media_reader.to_flac(SourceFile.at(SAMPLE), tmp_path / "nothing.flac", 5000.0, None)
