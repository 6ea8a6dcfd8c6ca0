"""Which models a profile is to use, and where they lie on this machine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from soundbite_engine.packs.installed import folder_of, is_installed
from soundbite_engine.packs.registry import CLAP_PRECISIONS, PACKS, WHISPER_SIZES, Pack

# What each profile imports besides the install, as distribution extras name it.
_MODULES = {"base": (), "sounds": ("ai_edge_litert",), "full": ("onnxruntime", "tokenizers", "faster_whisper")}
PROFILES = tuple(_MODULES)


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
        absent = [name for name in _MODULES[profile] if importlib.util.find_spec(name) is None]
        if absent:
            return (
                f"The profile {profile} needs {' and '.join(absent)}, which {'is' if len(absent) == 1 else 'are'} "
                f"not installed; run `pip install 'soundbite[{profile}]'`."
            )
        if not all(is_installed(self.folder, pack) for pack in self.packs(profile)):
            return f"The profile {profile} needs its model files; run `soundbite models pull {profile}`."
        return ""
