"""The same speech heard worse: through a telephone, and under white noise. Sounds are float32, -1 to 1, 16 kHz mono."""

import wave
from pathlib import Path

import numpy as np
from acoustics.scenes import RATE_HZ, Floats

PHONE_RATE_HZ = 8_000
PHONE_BAND_HZ = (300.0, 3_400.0)  # what a telephone line carries, ITU-T G.712
MU = 255.0


def through_phone(sound: Floats) -> Floats:
    """The band of a telephone, 8 kHz, each sample as eight bits by the mu-law (ITU-T G.711)."""
    spectrum = np.fft.rfft(sound)
    hz = np.fft.rfftfreq(sound.size, 1 / RATE_HZ)
    spectrum[(hz < PHONE_BAND_HZ[0]) | (hz > PHONE_BAND_HZ[1])] = 0.0
    size = sound.size * PHONE_RATE_HZ // RATE_HZ
    narrow = np.clip(np.fft.irfft(spectrum[: size // 2 + 1], size) * (size / sound.size), -1.0, 1.0)
    companded = np.sign(narrow) * np.log1p(MU * np.abs(narrow)) / np.log1p(MU)
    eight_bits = np.round(companded * 127.0) / 127.0
    heard: Floats = (np.sign(eight_bits) * np.expm1(np.abs(eight_bits) * np.log1p(MU)) / MU).astype(np.float32)
    return heard


def under_noise(sound: Floats, snr_db: float, seed: int) -> Floats:
    """White noise added, its power `snr_db` below that of the whole sound; quieter where the sum would clip."""
    noise = np.random.default_rng(seed).standard_normal(sound.size).astype(np.float32)
    level = float(np.sqrt(np.mean(sound**2))) * 10 ** (-snr_db / 20)
    noisy: Floats = sound + level * noise
    return noisy / np.float32(max(1.0, float(np.abs(noisy).max())))


def write_wave(path: Path, sound: Floats, rate_hz: int = RATE_HZ) -> None:
    """Write a 16-bit mono WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate_hz, 0, "NONE", ""))
        file.writeframes((np.clip(sound, -1.0, 1.0) * 32767).astype("<i2").tobytes())
