"""Profiles: which models fill the blocks of a space. Vectors of different profiles are never compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import Models, installed_builds
from soundbite_engine.packs.registry import PACKS, Pack
from soundbite_engine.sound.clap import CLAP_DIMENSION, TextEncoder
from soundbite_engine.sound.sound_words import sound_block
from soundbite_engine.sound.yamnet_blocks import TAGGED_SOUND_DIMENSION
from soundbite_engine.space import BLOCKS, DIMENSION, SPEECH_DIMENSION, Floats, joined
from soundbite_engine.workers.pool import DEFAULT_MEMORY_MB

if TYPE_CHECKING:
    from soundbite_engine.sound.yamnet_blocks import TextTagger
    from soundbite_engine.text.static_text import StaticTextEmbedder


class Profile(Protocol):
    """What the engine asks of a profile.

    `describe_job` names the worker job `(scratch, segments, start_sec, *describe_args) -> Described`, `recognise_job`
    the one `(scratch, utterances, start_sec, *recognise_args)` that returns words, `text_job` the one that fills the
    speech block.
    """

    @property
    def name(self) -> str: ...
    @property
    def space(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def blocks(self) -> Mapping[str, int]: ...
    @property
    def describe_job(self) -> str: ...
    @property
    def recognise_job(self) -> str: ...
    @property
    def recognise_args(self) -> tuple[str, ...]: ...
    @property
    def text_job(self) -> str: ...
    @property
    def looks_texts_up(self) -> bool:
        """Whether a text only costs looking its words up, once the first one has loaded the tables."""
        ...

    @property
    def worker_memory_mb(self) -> int:
        """Private memory that a worker of this profile may need."""
        ...

    def describe_args(self, source: str) -> tuple[str, ...]:
        """What the describe job needs besides the segments; `source` is the path of the recording."""
        ...

    def embed_text(self, text: str) -> Floats:
        """The query vector of `text`, float32 (dimension,), unit length or zeros."""
        ...


class _StaticSpeech:
    """What the profiles share: the static text table fills the speech block."""

    text_job = "embed_texts"

    @cached_property
    def _texts(self) -> StaticTextEmbedder:
        from soundbite_engine.text.static_text import StaticTextEmbedder  # the table takes a moment to read

        return StaticTextEmbedder.load()


class BaseProfile(_StaticSpeech):
    """PocketSphinx, the static text table and acoustic descriptors: nothing but the wheel."""

    name = "base"
    space = "soundbite-base-2"
    dimension = DIMENSION
    blocks: Mapping[str, int] = MappingProxyType(BLOCKS)
    describe_job = "describe"
    recognise_job = "recognise"
    recognise_args: tuple[str, ...] = ()
    looks_texts_up = True
    worker_memory_mb = DEFAULT_MEMORY_MB

    def describe_args(self, source: str) -> tuple[str, ...]:
        """Nothing: what is measured needs no model."""
        del source
        return ()

    def embed_text(self, text: str) -> Floats:
        """The query vector: plain sound words fill the sound block, all words the speech block."""
        whole: Floats = joined(sound_block(text)[None], self._texts.embed([text]))[0]
        return whole


class SoundsProfile(_StaticSpeech):
    """The base profile, and YAMNet's names for sounds."""

    name = "sounds"
    describe_job = "describe_tags"
    recognise_job = "recognise"
    recognise_args: tuple[str, ...] = ()
    looks_texts_up = True
    worker_memory_mb = DEFAULT_MEMORY_MB

    def __init__(self, models: Models) -> None:
        self._pack = models.folder_of(PACKS["yamnet"])
        self.space = "soundbite-sounds-2" + _build_mark(models, PACKS["yamnet"])
        self.blocks: Mapping[str, int] = MappingProxyType({"sound": TAGGED_SOUND_DIMENSION, "speech": SPEECH_DIMENSION})
        self.dimension = sum(self.blocks.values())

    def describe_args(self, source: str) -> tuple[str, ...]:
        """The folder of the model."""
        del source
        return (str(self._pack),)

    @cached_property
    def _tagger(self) -> TextTagger:
        from soundbite_engine.sound.yamnet_blocks import TextTagger
        from soundbite_engine.sound.yamnet_classes import SoundClasses

        return TextTagger.of(SoundClasses.from_pack(self._pack), self._texts)

    def embed_text(self, text: str) -> Floats:
        """The query vector: names of sounds and plain sound words fill the sound block, all words the speech block."""
        sound = self._tagger.sound_block(text)
        whole: Floats = joined(sound[None], self._texts.embed([text]), self.blocks)[0]
        return whole


class FullProfile(_StaticSpeech):
    """Whisper for speech of any language, CLAP for sounds and words in one space."""

    name = "full"
    describe_job = "describe_clap"
    recognise_job = "recognise_any"
    looks_texts_up = False
    worker_memory_mb = 4096  # both networks in one process, and what they compute with

    def __init__(self, models: Models) -> None:
        pack = PACKS[f"clap-{models.clap}"]
        self._clap = models.folder_of(pack)
        # 8 bits and full precision are different enough to be two spaces; which recogniser wrote the text is not.
        self.space = (
            "soundbite-full-2" + ("" if models.clap == "int8" else f"-{models.clap}") + _build_mark(models, pack)
        )
        self.recognise_args: tuple[str, ...] = (str(models.whisper_folder),)
        self.blocks: Mapping[str, int] = MappingProxyType({"sound": CLAP_DIMENSION, "speech": SPEECH_DIMENSION})
        self.dimension = sum(self.blocks.values())

    def describe_args(self, source: str) -> tuple[str, ...]:
        """The folder of the model, and the recording: CLAP hears higher than the scratch file goes."""
        return (str(self._clap), source)

    @cached_property
    def _encoder(self) -> TextEncoder:
        return TextEncoder(self._clap)

    def embed_text(self, text: str) -> Floats:
        """The query vector: CLAP's in the sound block, all words in the speech block."""
        whole: Floats = joined(self._encoder.embed(text)[None], self._texts.embed([text]), self.blocks)[0]
        return whole


def _build_mark(models: Models, pack: Pack) -> str:
    """What tells vectors made with another build of a pack's files from those of the published one."""
    builds = installed_builds(models.folder, pack)
    others = [
        builds[file.name].sha256[:8] for file in pack.files if file.name in builds and builds[file.name] != file.build
    ]
    return "".join(f"-{mark}" for mark in others)


_PROFILES: Mapping[str, Callable[[Models], Profile]] = {
    "base": lambda _: BaseProfile(),
    "sounds": SoundsProfile,
    "full": FullProfile,
}
_NOWHERE = Models(Path("models"))


def load_profile(name: str, models: Models | None = None) -> Profile:
    """The profile called `name`, with the model files of `models`.

    Raises:
        EngineError: there is none of that name, or something it needs is not installed.
    """
    if name not in _PROFILES:
        raise EngineError("profile_unknown", f"no profile {name!r}; there is {', '.join(sorted(_PROFILES))}")
    models = models or _NOWHERE
    missing = models.missing(name)
    if missing:
        raise EngineError("profile_missing", missing)
    return _PROFILES[name](models)
