"""Which models a profile is to use, and where they lie on this machine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from soundbite_engine.packs.installed import folder_of, is_installed
from soundbite_engine.packs.registry import CLAP_PRECISIONS, PACKS, WHISPER_SIZES, Pack


@dataclass(frozen=True)
class About:
    """What a profile finds, in words for people, and the modules it imports besides the install."""

    finds: str
    modules: tuple[str, ...] = ()


PROFILES = {
    "base": About(
        "finds what is said (English), and sounds by example or by plain words (speech, music, silence, noise, loud, "
        "quiet); it does not know other sounds by name"
    ),
    "sounds": About(
        "finds what is said (English), and sounds by example or by their names (521 kinds: dog, siren, rain, "
        "applause, …)",
        ("ai_edge_litert",),
    ),
    "full": About(
        "finds what is said in about 100 languages, and sounds by example or by any words for them",
    ),
}


@dataclass(frozen=True)
class Models:
    """The models folder, and the choices among models that a profile leaves open.

    `whisper` is one of `WHISPER_SIZES`, or a folder with any CTranslate2 Whisper model.
    """

    folder: Path
    clap: str = "int8"
    whisper: str = "base"

    def __post_init__(self) -> None:
        if self.clap not in CLAP_PRECISIONS:
            raise ValueError(f"clap must be one of {', '.join(CLAP_PRECISIONS)}; it is {self.clap!r}")
        if self.whisper not in WHISPER_SIZES and not Path(self.whisper).is_dir():
            sizes = ", ".join(WHISPER_SIZES)
            raise ValueError(f"whisper must be one of {sizes}, or a folder with a model; it is {self.whisper!r}")

    def packs(self, profile: str) -> tuple[Pack, ...]:
        """The packs that `profile` needs."""
        if profile == "sounds":
            return (PACKS["yamnet"],)
        if profile == "full":
            whisper = (PACKS[f"whisper-{self.whisper}"],) if self.whisper in WHISPER_SIZES else ()
            return (PACKS[f"clap-{self.clap}"], *whisper)
        return ()

    def folder_of(self, pack: Pack) -> Path:
        """Where the files of `pack` lie once they are installed."""
        return folder_of(self.folder, pack)

    @property
    def whisper_folder(self) -> Path:
        """The folder of the chosen Whisper model."""
        is_size = self.whisper in WHISPER_SIZES
        return self.folder_of(PACKS[f"whisper-{self.whisper}"]) if is_size else Path(self.whisper)

    def missing(self, profile: str) -> str:
        """What keeps `profile` from working, in one sentence with the command that mends it; empty for nothing."""
        absent = [name for name in PROFILES[profile].modules if importlib.util.find_spec(name) is None]
        if absent:
            return (
                f"The profile {profile} needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} "
                f"not installed; run `pip install 'soundbite[{profile}]'`."
            )
        if not all(is_installed(self.folder, pack) for pack in self.packs(profile)):
            return f"The profile {profile} needs its model files; run `soundbite models pull {profile}`."
        return ""
