"""How well the offline recogniser understands the sample recordings: `python bench/samples_wer.py`.

Every spoken line of truth.json is cut out of its recording and given to the recogniser of the base profile.
"""

import json
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from retrieval.words import spoken_words, word_errors

from soundbite_engine.audio.spectra import as_floats
from soundbite_engine.profiles import base_profile
from soundbite_engine.speech.whisper import Recogniser

SAMPLES = Path(__file__).parent.parent / "samples"
RATE_HZ = 16_000
LIMIT = 0.15  # a recording whose speech is recognised worse than this makes a poor demonstration


def main() -> int:
    """Print the word error rate of every recording; 1 when one is over the limit."""
    chosen = base_profile().recogniser
    recogniser = Recogniser.load(str(chosen.folder), chosen.language)
    worst = 0.0
    for recording in json.loads((SAMPLES / "truth.json").read_text(encoding="utf-8"))["recordings"]:
        sound = decoded(SAMPLES / recording["file"])
        lines = [event for event in recording["events"] if event["kind"] == "speech"]
        rate = recording_wer(recogniser, sound, lines, verbose="-v" in sys.argv)
        worst = max(worst, rate)
        print(f"{recording['file']:20} {len(lines):3} lines  WER {rate:6.1%}")
    return int(worst > LIMIT)


def recording_wer(
    recogniser: Recogniser, sound: npt.NDArray[np.int16], lines: list[dict[str, Any]], verbose: bool
) -> float:
    """Errors over words said, summed over the lines of one recording."""
    errors = words = 0
    for line in lines:
        start, end = (round(line[key] * RATE_HZ) for key in ("start_sec", "end_sec"))
        heard = recognised(recogniser, sound[max(0, start - RATE_HZ // 5) : end + RATE_HZ // 5])
        said = spoken_words(line["text"])
        missed = word_errors(said, spoken_words(heard))
        errors, words = errors + missed, words + len(said)
        if verbose and missed:
            print(f"  {missed} of {len(said)}: {line['text']}\n          {heard}")
    return errors / words


def recognised(recogniser: Recogniser, sound: npt.NDArray[np.int16]) -> str:
    """What the recogniser hears in a stretch of 16 kHz mono."""
    return " ".join(phrase.text for phrase in recogniser.phrases(as_floats(sound), sound.size / RATE_HZ))


def decoded(path: Path) -> npt.NDArray[np.int16]:
    """A whole recording as 16 kHz mono, 16 bit."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)
    with av.open(str(path)) as container:
        frames = [part for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


if __name__ == "__main__":
    raise SystemExit(main())
