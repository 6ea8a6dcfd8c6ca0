"""Word errors of the read speech: as it is, through a telephone, under noise; and words heard where nobody speaks.

Calls are left out: their reference text is rough. Words are compared as `folded_words` has them: numbers in digits and
in words, ordinals, and spellings that are said alike are equal, also what is written as one word or two. Invented are
all words of a recording without speech; besides the sounds of the folder there are some made here: silence, faint
noise, white and pink noise, the hum of the mains, music.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from acoustics.lines import PHONE_RATE_HZ, through_phone, under_noise, write_wave
from acoustics.scenes import RATE_HZ, Floats, pink_noise, read_sound
from mcp import Client
from retrieval.embedded_library import Library, ToolCallError, call, embed_all, settings_for
from retrieval.evaluation_set import EvalSet, Recording
from retrieval.words import folded_words, spoken_words, word_errors

from soundbite_server import build_server

MADE_SEC = 20.0
HUM_HZ = (50.0, 60.0)
CHORDS_HZ = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))


@dataclass(frozen=True)
class WordErrors:
    """Insertions, deletions and substitutions, and the words that were spoken; by source of the recording."""

    by_source: dict[str, tuple[int, int]]

    @property
    def errors(self) -> int:
        return sum(errors for errors, _ in self.by_source.values())

    @property
    def spoken(self) -> int:
        return sum(spoken for _, spoken in self.by_source.values())

    @property
    def rate(self) -> float:
        """Errors for each word spoken."""
        return self.errors / self.spoken


@dataclass(frozen=True)
class Invented:
    """Of the recordings without speech, those in which words were heard, each with its words."""

    recordings: int
    texts: dict[str, str]

    @property
    def share(self) -> float:
        """Recordings with words for each recording."""
        return len(self.texts) / self.recordings


async def errors_in(client: Client, recordings: Sequence[Recording], library: Library) -> WordErrors:
    """The errors in the transcripts of recordings that are in the library."""
    errors: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for recording in recordings:
        if recording.path in library.asset_ids:
            spoken = folded_words(recording.transcript)
            text = await recognised(client, library.asset_ids[recording.path])
            errors[recording.source] += word_errors(spoken, folded_words(text))
            total[recording.source] += len(spoken)
    return WordErrors({source: (errors[source], words) for source, words in total.items()})


async def recognised(client: Client, asset_id: str) -> str:
    """What the product understood of a recording: its words alone, without who says them."""
    lines, start_sec = list[str](), 0.0
    while True:
        try:
            page = await call(client, "read_transcript", asset_id=asset_id, start_sec=start_sec)
        except ToolCallError as exc:
            if "has no transcript" in str(exc):
                return ""
            raise
        lines += [line["text"] for line in page["lines"]]
        if not page.get("next_step"):
            return " ".join(lines)
        start_sec = page["end_sec"]


async def errors_through(
    eval_set: EvalSet, profile: str, *, is_phone: bool, noise_db: Sequence[float]
) -> dict[str, WordErrors]:
    """The errors in the speech of a folder through a telephone, and under white noise of each ratio."""
    lines: dict[str, tuple[int, Callable[[Floats, int], Floats]]] = {}
    if is_phone:
        lines["phone"] = (PHONE_RATE_HZ, lambda sound, seed: through_phone(sound))
    for snr_db in noise_db:
        lines[f"noise {snr_db:g} dB"] = (RATE_HZ, lambda sound, seed, snr_db=snr_db: under_noise(sound, snr_db, seed))
    found = {}
    for name, (rate_hz, line) in lines.items():
        with tempfile.TemporaryDirectory(prefix="soundbite-lines-") as folder:
            sounds = Path(folder).resolve() / "sounds"
            for recording in eval_set.speech:
                path = sounds / recording.path
                path.parent.mkdir(parents=True, exist_ok=True)
                heard = line(read_sound(eval_set.folder / recording.path), crc32(recording.path.encode()))
                write_wave(path.with_suffix(".wav"), heard, rate_hz)
            found[name] = await _errors_of_folder(eval_set, sounds, Path(folder) / "home", profile)
    return found


async def _errors_of_folder(eval_set: EvalSet, sounds: Path, home: Path, profile: str) -> WordErrors:
    paths = {str(Path(recording.path).with_suffix(".wav")): recording.path for recording in eval_set.speech}
    async with Client(build_server(settings_for(home, sounds, profile))) as client:
        library = await embed_all(client, sounds, list(paths))
        library.asset_ids = {paths[path]: asset_id for path, asset_id in library.asset_ids.items()}
        return await errors_in(client, eval_set.speech, library)


async def invented_words(client: Client, eval_set: EvalSet, library: Library, folder: Path) -> Invented:
    """Words heard in the sounds of the folder, which the library holds, and in sounds made in `folder`."""
    paths = [recording.path for recording in eval_set.sounds]
    asset_ids = dict(library.asset_ids)
    for name, sound in made_sounds():
        write_wave(folder / f"{name}.wav", sound)
        paths.append(name)
    made = await embed_all(client, folder, [f"{name}.wav" for name, _ in made_sounds()])
    asset_ids |= {path.removesuffix(".wav"): asset_id for path, asset_id in made.asset_ids.items()}
    # What can't be embedded, since it holds no sound at all, has no words either.
    silent = {path.removesuffix(".wav"): "" for path in made.failures}
    texts = silent | {path: await recognised(client, asset_ids[path]) for path in paths if path in asset_ids}
    return Invented(len(texts), {path: text for path, text in texts.items() if spoken_words(text)})


def made_sounds() -> Iterator[tuple[str, Floats]]:
    """Sounds that no recording of the folder has, 20 s each, 16 kHz."""
    rng = np.random.default_rng(7)
    count = round(MADE_SEC * RATE_HZ)
    seconds = np.arange(count, dtype=np.float32) / RATE_HZ
    yield "silence", np.zeros(count, np.float32)
    yield "faint noise", 1e-4 * rng.standard_normal(count).astype(np.float32)
    yield "white noise", 0.1 * rng.standard_normal(count).astype(np.float32)
    yield "pink noise", 0.1 * pink_noise(count, rng)
    for hz in HUM_HZ:
        overtones = (np.sin(2 * np.pi * hz * order * seconds) / order for order in range(1, 9))
        yield f"hum of {hz:g} Hz", (0.1 * np.sum(list(overtones), axis=0)).astype(np.float32)
    yield "music", _music(seconds)


def _music(seconds: Floats) -> Floats:
    """Chords of plucked tones, one a second."""
    decay = np.exp(-3.0 * (seconds % 1.0))
    sound = np.zeros_like(seconds)
    for index, chord in enumerate(CHORDS_HZ):
        is_on = (seconds.astype(int) % len(CHORDS_HZ)) == index
        tones = (np.sin(2 * np.pi * hz * order * seconds) / order**2 for hz in chord for order in (1, 2, 3))
        sound += is_on * np.sum(list(tones), axis=0)
    return (0.2 * decay * sound).astype(np.float32)
