"""Makes the sample recordings and their ground truth from the scripts beside this file.

Run `python samples/make_samples.py` with flite, sox (Debian packages) and the project's environment. The result is
committed, so only someone who changes a script needs to run this.
"""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from screenplay import Cue, Screenplay, Silence, Sound, Speech, read_screenplay
from synthesis import RATE_HZ, Samples, loud_noise, missing_programs, noise_bed, sound, speak

HERE = Path(__file__).parent
GAP_SEC = 0.45  # between two cues: a breath before the next one speaks
_CODECS = {".flac": ("flac", 0), ".opus": ("libopus", 32_000), ".mp3": ("libmp3lame", 48_000)}


@dataclass(frozen=True)
class Event:
    """What happens between two times of a recording, in seconds."""

    id: str
    start_sec: float
    end_sec: float
    kind: str
    label: str
    voice: str
    line: str
    text: str


def main() -> int:
    """Write every recording and truth.json; 2 when a program is missing."""
    if missing := missing_programs():
        print(f"Install {' and '.join(missing)} first (Debian: apt-get install flite sox).", file=sys.stderr)
        return 2
    truth = []
    for path in sorted((HERE / "scripts").glob("*.txt")):
        play = read_screenplay(path)
        mix, events = perform(play)
        encode(mix, HERE / play.file, play.title)
        seconds = round(len(mix) / RATE_HZ, 3)
        truth.append(describe(play, seconds, events))
        print(f"{play.file:20} {seconds:7.1f} s {(HERE / play.file).stat().st_size / 1e3:7.0f} kB")
    document = json.dumps({"recordings": truth}, indent=1)
    (HERE / "truth.json").write_text(document + "\n", encoding="utf-8")
    return 0


def perform(play: Screenplay) -> tuple[Samples, list[Event]]:
    """Lay the cues one after the other; the events carry the exact times of each."""
    parts: list[Samples] = []
    events: list[Event] = []
    position = 0
    for cue in play.cues:
        made = _made(cue)
        events.append(_event(cue, position / RATE_HZ, (position + len(made)) / RATE_HZ, play.noise_db is not None))
        gap = np.zeros(0 if isinstance(cue, Silence) else round(GAP_SEC * RATE_HZ), dtype=np.float32)
        parts += [made, gap]
        position += len(made) + len(gap)
    mix = np.concatenate(parts)
    if play.bed_db is not None:
        mix = mix + noise_bed(len(mix) / RATE_HZ, play.bed_db)[: len(mix)]
    if play.noise_db is not None:
        mix = mix + loud_noise(len(mix) / RATE_HZ, play.noise_db)[: len(mix)]
    return mix, events


def encode(samples: Samples, path: Path, title: str) -> None:
    """Write a recording in the format its ending names: 16 bit FLAC, Opus or MP3, mono."""
    codec, bit_rate = _CODECS[path.suffix]
    container_format = "ogg" if path.suffix == ".opus" else None
    pcm = np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)
    # bitexact: else the Ogg serial number is random.
    with av.open(str(path), "w", format=container_format, options={"fflags": "+bitexact"}) as container:
        container.metadata["title"] = title
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if bit_rate:
            stream.bit_rate = bit_rate
        resampler = av.AudioResampler(format=stream.format.name, layout="mono", rate=RATE_HZ, frame_size=0)
        source = av.AudioFrame.from_ndarray(pcm[np.newaxis], format="s16", layout="mono")
        source.sample_rate = RATE_HZ
        for frame in [*resampler.resample(source), None]:
            container.mux(stream.encode(frame))


def describe(play: Screenplay, seconds: float, events: list[Event]) -> dict[str, object]:
    """The recording's entry in truth.json."""
    listed = [{k: v for k, v in vars(event).items() if v != ""} for event in events]
    return {"file": play.file, "title": play.title, "tags": play.tags, "seconds": seconds, "events": listed}


def _made(cue: Cue) -> Samples:
    match cue:
        case Speech():
            return speak(cue.voice, cue.text, cue.line)
        case Sound():
            return sound(cue.label, cue.seconds)
        case Silence():
            return np.zeros(round(cue.seconds * RATE_HZ), dtype=np.float32)


def _event(cue: Cue, start_sec: float, end_sec: float, is_noisy: bool) -> Event:
    kind = "noise" if is_noisy and isinstance(cue, Silence) else type(cue).__name__.lower()
    label = cue.label if isinstance(cue, Sound) else kind
    voice, line, text = (cue.voice, cue.line, cue.text) if isinstance(cue, Speech) else ("", "", "")
    return Event(cue.event_id, round(start_sec, 3), round(end_sec, 3), kind, label, voice, line, text)


if __name__ == "__main__":
    raise SystemExit(main())
