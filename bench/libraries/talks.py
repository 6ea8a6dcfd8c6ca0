"""A made-up library as people have it, written straight into the store: many short recordings, and one of an hour.

What is said is of a few topics, embedded as the engine does; the sound is hum in the rhythm of the sentences, a pitch
for each speaker, so that it can be played and its waveform looked at.
"""

from __future__ import annotations

import hashlib
import json
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from libraries.recordings import made_clip
from numpy.typing import NDArray

from soundbite_engine.profiles import Profile, base_profile
from soundbite_engine.sound.sound_blocks import joined
from soundbite_store import Asset, Clip, Envelope, Space, StoredTranscript, TimedText
from soundbite_tools import Jobs

RATE_HZ = 4000
PEAKS = 4096
FIRST_DAY = datetime(2026, 1, 5, 9, tzinfo=UTC)
HOUR_TITLE = "Harbour council, public hearing on the north quay"
HOUR_SEC = 3600.0
VOICES = 7
TOPICS = (
    ("the ferry timetable", "sailing", "passengers", "the morning crossing"),
    ("the budget", "loan", "invoices", "the second quarter"),
    ("flood protection", "barrier", "engineers", "the spring tide"),
    ("the new crane", "foundation", "inspectors", "the winter storms"),
    ("parking at the quay", "permit", "residents", "market days"),
    ("the fish market", "auction", "fishermen", "the cold store"),
    ("noise at night", "complaint", "neighbours", "the loading hours"),
    ("school visits", "guided tour", "teachers", "the summer term"),
    ("the old warehouse", "roof", "architects", "the fire report"),
)
PHRASES = (
    "Let us turn to {0}, which has been on our table since {3}.",
    "The {1} costs more than we were told, and the {2} would like to know why.",
    "I have spoken with the {2} about {0}, and nobody disagrees.",
    "Yes.",
    "As far as {3} is concerned, we can't promise a {1} before the autumn, whatever the newspapers have written of it.",
    "Who is going to tell the {2}?",
    "I would rather wait until the {1} is settled than decide on {0} today.",
    "My proposal is that we pay half of the {1} now, and the other half when the {2} have seen that it works.",
)
TITLES = (
    "Standup {0:%d %B}",
    "Call with the insurance, {0:%A}",
    "Voice memo",
    "Interview with the harbour master about the north quay, the floods of last winter and what became of the plans",
    "{0:%Y-%m-%dT%H_%M_%S}_recording_of_the_weekly_meeting_final_version_corrected",
    "Entrevista con la señora Ibáñez",
    "Запись разговора {0:%d.%m}",
    "Lecture: tides and barriers, part {1}",
)
TAGS = ((), ("work",), ("calls", "work"), ("memos",), ("harbour",), ("work", "weekly", "north quay"))


@dataclass(frozen=True)
class Talk:
    """A recording to be: its sentences in order, a tone between two of them as music, times in seconds."""

    title: str
    tags: tuple[str, ...]
    length_sec: float
    sentences: tuple[TimedText, ...]
    music: tuple[float, float] | None
    created_at: datetime


def talks(count: int, hour_sec: float = HOUR_SEC) -> Iterator[Talk]:
    """So many short recordings of 15 to 150 s, and one of `hour_sec` in the middle of the list."""
    chance = np.random.default_rng(7)
    for number in range(count):
        made = FIRST_DAY + timedelta(hours=31 * number)
        length_sec = float(np.exp(chance.uniform(np.log(15), np.log(150))))
        title = TITLES[number % len(TITLES)].format(made, number // len(TITLES) + 1)
        yield _talk(title, TAGS[int(chance.integers(len(TAGS)))], length_sec, 1 + number % 3, made, chance)
        if number == count // 2 and hour_sec:
            yield _talk(HOUR_TITLE, ("harbour", "public"), hour_sec, VOICES, made + timedelta(hours=1), chance)


def _talk(
    title: str, tags: tuple[str, ...], length_sec: float, voices: int, made: datetime, chance: np.random.Generator
) -> Talk:
    sentences, at_sec, speaker, music = list[TimedText](), 0.6, 0, None
    while True:
        topic = TOPICS[int(at_sec // 390 + made.day) % len(TOPICS)]
        if chance.random() < 0.35:
            speaker = int(chance.integers(voices))
        text = PHRASES[int(chance.integers(len(PHRASES)))].format(*topic)
        end_sec = at_sec + 0.5 + 0.062 * len(text)
        if end_sec > length_sec - 0.5:
            return Talk(title, tags, length_sec, tuple(sentences), music, made)
        name = str(speaker + 1) if voices > 1 else ""
        sentences.append(TimedText(value=text, start_sec=round(at_sec, 2), end_sec=round(end_sec, 2), speaker=name))
        at_sec = end_sec + float(chance.exponential(0.5))
        if music is None and at_sec > length_sec / 2 and length_sec > 100:
            music = (round(at_sec + 1, 2), round(at_sec + 13, 2))
            at_sec += 22.0


def sound_of(talk: Talk) -> NDArray[np.float32]:
    """Its sound, float32 from -1 to 1 at 4 kHz."""
    chance = np.random.default_rng(3)
    samples = chance.normal(0, 0.004, round(talk.length_sec * RATE_HZ)).astype(np.float32)
    spans = [
        (one.start_sec, one.end_sec, 85.0 + 21.0 * int(one.speaker or 4), len(one.value)) for one in talk.sentences
    ]
    if talk.music:
        spans.append((*talk.music, 330.0, 0))
    for start_sec, end_sec, pitch_hz, letters in spans:
        first, last = round(start_sec * RATE_HZ), round(end_sec * RATE_HZ)
        seconds = np.arange(last - first, dtype=np.float32) / RATE_HZ
        tone = sum(np.sin(2 * np.pi * pitch_hz * part * seconds) / part for part in (1, 2, 3))
        rhythm = np.abs(np.sin(np.pi * 3.4 * seconds + letters)) * (0.6 + 0.4 * np.sin(1.3 * seconds + letters))
        samples[first:last] += (0.08 + 0.3 * chance.random() ** 2) * tone * (rhythm if letters else 0.5)
    return np.clip(samples, -1, 1)


def write_sound(samples: NDArray[np.float32], path: Path) -> None:
    """Write it as a WAV file of eight bits."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, RATE_HZ, 0, "NONE", ""))
        file.writeframes((128 + 127 * samples).astype(np.uint8).tobytes())


async def fill(jobs: Jobs, folder: Path, made: Sequence[Talk]) -> list[str]:
    """Write the recordings as embeddings would, with their sound below `folder`; returns their ids in order."""
    space, profile = (await jobs.library.spaces.current()).space, base_profile()
    texts = list(dict.fromkeys(one.value for talk in made for one in talk.sentences))
    speech = dict(zip(texts, joined(None, profile.texts.model.embed(texts), profile.blocks), strict=True))
    ids, clips = list[str](), list[Clip]()
    for number, talk in enumerate(made):
        asset_id, more = await _written(jobs, space, profile, talk, folder / f"{number:03}.wav", speech)
        ids.append(asset_id)
        clips.extend(more)
    await (await jobs.library.store()).upsert(space, clips)
    return ids


async def _written(
    jobs: Jobs, space: Space, profile: Profile, talk: Talk, path: Path, speech: dict[str, NDArray[np.float32]]
) -> tuple[str, list[Clip]]:
    samples = sound_of(talk)
    write_sound(samples, path)
    asset = _asset(talk, path)
    ledger = await jobs.library.ledger()
    await ledger.put_asset(asset)
    task = await ledger.create_task(asset_id=asset.asset_id, space=space.id, platform="embedded")
    await ledger.put_transcript(
        StoredTranscript(
            asset_id=asset.asset_id, source="embedded", start_sec=0.0, end_sec=talk.length_sec,
            words=tuple(word for one in talk.sentences for word in _words(one)), sentences=talk.sentences,
        )
    )  # fmt: skip
    edges = np.linspace(0, len(samples), PEAKS + 1).astype(int)[:-1]
    peaks = (255 * np.maximum.reduceat(np.abs(samples), edges)).astype(np.uint8).tobytes()
    await ledger.put_envelope(asset, Envelope(duration_sec=talk.length_sec, peaks=peaks))
    figures = {"start_sec": 0.0, "end_sec": talk.length_sec, "dimension": space.dimension}
    await ledger.update_task(task.task_id, status="ready", progress=1.0, counts_json=json.dumps(figures))
    sounds = {name: joined(profile.sounds.embed(name)[None], None, profile.blocks)[0] for name in ("speech", "music")}
    spans = [(one.start_sec, one.end_sec, one.value, one.speaker, "") for one in talk.sentences]
    if talk.music:
        spans.append((*talk.music, "", "", "music"))
    return asset.asset_id, [
        made_clip(
            asset,
            task.task_id,
            (start_sec, end_sec),
            option,
            vector,
            transcript=words,
            sound_words=heard,
            speaker=speaker or None,
        )
        for start_sec, end_sec, words, speaker, heard in spans
        for option, vector in (("audio", sounds[heard or "speech"]), ("transcription", speech.get(words)))
        if vector is not None
    ]


def _words(sentence: TimedText) -> list[TimedText]:
    words = sentence.value.split()
    edges = np.linspace(sentence.start_sec, sentence.end_sec, len(words) + 1).round(3).tolist()
    return [
        TimedText(value=word, start_sec=start_sec, end_sec=end_sec, speaker=sentence.speaker)
        for word, start_sec, end_sec in zip(words, edges[:-1], edges[1:], strict=True)
    ]


def _asset(talk: Talk, path: Path) -> Asset:
    facts = path.stat()
    content_hash = hashlib.sha256(path.read_bytes()).hexdigest()
    return Asset(
        asset_id=f"a_{content_hash[:20]}",
        content_hash=content_hash,
        title=talk.title,
        source_uri=str(path),
        source_kind="file",
        size_bytes=facts.st_size,
        mtime_ns=facts.st_mtime_ns,
        duration_sec=talk.length_sec,
        tags=talk.tags,
        metadata_json="{}",
        created_at=talk.created_at,
        language="en",
    )
