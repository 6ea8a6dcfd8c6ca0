"""Makes the raw material of the sample recordings: flite reads lines, sox synthesises sounds.

Everything is mono, 16 kHz, float32 in -1..1, and the same on every run: sox runs with `-R`, flite has no randomness.
"""

import io
import shutil
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

RATE_HZ = 16_000
Samples = npt.NDArray[np.float32]

SPEECH_RMS_DB = -21.0
_FADE_SEC = 0.01
_MELODY = ("C4 E4 G4", "A3 C4 E4", "F3 A3 C4", "G3 B3 D4", "C4 E4 G4", "E4 G4 B4", "F3 A3 C4", "G3 B3 D4")

# One effects chain a sound; `{sec}` is its length. Short patterns repeat and are cut to length.
_RECIPES = {
    "alarm": "synth 0.25 square 980 lowpass 4500 pad 0 0.25 repeat 60",
    "engine": "synth {sec} sawtooth 52 sawtooth mix 78 brownnoise mix lowpass 900 tremolo 13 45",
    "rain": "synth {sec} whitenoise highpass 900 lowpass 6500 tremolo 0.4 25",
    "drill": "synth {sec} square 140 square mix 213 whitenoise mix highpass 300 tremolo 31 60",
    "phone": "synth 1.4 sine 440 sine mix 480 tremolo 20 70 pad 0 0.8 repeat 20",
    "knock": "synth 0.09 brownnoise fade l 0 0.09 0.085 pad 0 0.35 repeat 30",
}
# Formats and effects to go through one after the other; a telephone carries 300 to 3400 Hz as 8 bits by the mu-law.
_LINES = {"": (), "telephone": (("-r 8000 -e mu-law", "sinc 300-3400"), (f"-r {RATE_HZ} -b 16 -e signed", ""))}
_SOUND_RMS_DB = {"alarm": -19.0, "engine": -20.0, "rain": -24.0, "drill": -19.0, "phone": -20.0, "knock": -24.0}


def missing_programs() -> list[str]:
    """The programs this module needs which the machine lacks."""
    return [name for name in ("flite", "sox") if shutil.which(name) is None]


def speak(voice: str, text: str, line: str = "") -> Samples:
    """Read a line aloud, cut to the first and last audible sample; `line` is what it is heard through.

    Raises:
        KeyError: nothing is known of that line.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "line.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True, capture_output=True)
        for number, options in enumerate(_LINES[line]):
            through = path.with_name(f"{number}.wav")
            subprocess.run(["sox", "-R", str(path), *options[0].split(), str(through), *options[1].split()], check=True)
            path = through
        spoken = _read_wav(path.read_bytes())
    return at_level(_trimmed(spoken), SPEECH_RMS_DB)


def sound(label: str, seconds: float) -> Samples:
    """Synthesise a sound of the given length in seconds.

    Raises:
        KeyError: no recipe has this label.
    """
    if label == "music":
        return at_level(_faded(_melody(seconds)), -21.0)
    made = _sox(_RECIPES[label].format(sec=seconds))
    return at_level(_faded(made[: round(seconds * RATE_HZ)]), _SOUND_RMS_DB[label])


def noise_bed(seconds: float, level_db: float) -> Samples:
    """Soft brown-pink noise, as a quiet room has, at the given RMS level in dBFS."""
    return at_level(_sox(f"synth {seconds} pinknoise lowpass 2500"), level_db)


def loud_noise(seconds: float, level_db: float) -> Samples:
    """Pink noise over the whole band, as a hall of machines has, at the given RMS level in dBFS."""
    return at_level(_sox(f"synth {seconds} pinknoise"), level_db)


def at_level(samples: Samples, rms_db: float) -> Samples:
    """Scale to an RMS level in dBFS, or as near to it as the peaks allow."""
    gain = 10 ** (rms_db / 20) / float(np.sqrt(np.mean(samples**2)))
    return (samples * min(gain, 0.9 / float(np.abs(samples).max()))).astype(np.float32)


def _melody(seconds: float) -> Samples:
    chords = [_chord(notes) for notes in _MELODY]
    loop = np.concatenate(chords)
    return np.resize(loop, round(seconds * RATE_HZ)).astype(np.float32)


def _chord(notes: str) -> Samples:
    first, *others = notes.split()
    voices = " ".join(f"pluck mix {note}" for note in others)
    return _sox(f"synth 0.5 pluck {first} {voices} fade 0 0.5 0.05")


def _sox(effects: str) -> Samples:
    command = ["sox", "-R", "-n", "-r", str(RATE_HZ), "-b", "16", "-c", "1", "-t", "wav", "-", *effects.split()]
    made = subprocess.run([*command, "gain", "-n", "-3"], check=True, capture_output=True)
    return _read_wav(made.stdout)


def _read_wav(data: bytes) -> Samples:
    # sox can't seek back in a pipe to write the length, so the header's count is not to be believed.
    with wave.open(io.BytesIO(data)) as source:
        assert (source.getframerate(), source.getnchannels(), source.getsampwidth()) == (RATE_HZ, 1, 2)
        frames = source.readframes(len(data) // 2)
    return (np.frombuffer(frames, dtype="<i2") / 32768).astype(np.float32)


def _trimmed(samples: Samples) -> Samples:
    audible = np.flatnonzero(np.abs(samples) > 0.01 * float(np.abs(samples).max()))
    return samples[int(audible[0]) : int(audible[-1]) + 1]


def _faded(samples: Samples) -> Samples:
    ramp = np.linspace(0, 1, round(_FADE_SEC * RATE_HZ), dtype=np.float32)
    faded = samples.copy()
    faded[: len(ramp)] *= ramp
    faded[-len(ramp) :] *= ramp[::-1]
    return faded
