"""Profiles: a recogniser, a text embedder and a describer of sounds. Vectors of different spaces are never compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import Models, installed_builds, weights_folder
from soundbite_engine.packs.registry import PACKS, Pack
from soundbite_engine.sound.clap import CLAP_DIMENSION, TextEncoder
from soundbite_engine.sound.sound_blocks import SOUND_DIMENSION, SPEECH_DIMENSION, Floats, joined, property_block
from soundbite_engine.sound.yamnet import TAGGED_SOUND_DIMENSION
from soundbite_engine.workers.media import MediaFile
from soundbite_engine.workers.plans import TrackChoice
from soundbite_engine.workers.pool import DEFAULT_MEMORY_MB

if TYPE_CHECKING:
    from soundbite_engine.sound.yamnet import TextTagger
    from soundbite_engine.speech.transcripts import Sentence
    from soundbite_engine.text import SentenceEmbedder


# Whisper's prompt has room for 223 tokens, of 2.8 characters each in names.
_LONGEST_HOTWORDS = 600


@dataclass(frozen=True)
class SpeechRecogniser:
    """A Whisper model in a folder. `language` is the only one it is asked for; empty where it detects one of many.

    The worker job `recognise` takes both, and its hotwords.
    """

    id: str
    folder: Path
    language: str = ""
    glossary: Path | None = None
    """A text file of names that are likelier than the recogniser knows, one a line; behind a colon what is no name."""

    def hotwords(self) -> str:
        """The names that were added last, as many as fit, the newest first; read anew, since the file changes."""
        try:
            lines = self.glossary.read_text("utf-8-sig").splitlines() if self.glossary else []
        except (OSError, UnicodeDecodeError):  # whoever keeps the glossary says so
            lines = []
        names = [line.partition(":")[0].strip() for line in lines if not line.startswith("#")]
        chosen = list[str]()
        for name in reversed([*filter(None, names)]):
            if len(", ".join([*chosen, name])) > _LONGEST_HOTWORDS:
                break
            chosen.append(name)
        return ", ".join(chosen)


@dataclass(frozen=True)
class TextEmbedder:
    """A sentence embedder in a folder: it fills the speech block, of clips in the worker job `embed_clips`."""

    id: str
    folder: Path
    dimension: int = SPEECH_DIMENSION

    def embed(self, text: str) -> Floats:
        """The speech block of a text, float32 (dimension,)."""
        block: Floats = self.model.embed([text])[0]
        return block

    @property
    def model(self) -> SentenceEmbedder:
        """The model itself, loaded at its first use and kept."""
        from soundbite_engine.text import SentenceEmbedder  # a server that is not asked needs none

        return SentenceEmbedder.load(self.folder)


@dataclass(frozen=True)
class SpeakerEncoder:
    """A network in a folder that tells voices apart, in the worker job `hear_voices`."""

    id: str
    folder: Path


class SoundDescriber(Protocol):
    """Fills the sound block.

    `job` names the worker job `(scratch, segments, start_sec, *arguments) -> Described` that does so for recordings.
    """

    @property
    def id(self) -> str: ...
    @property
    def folder(self) -> Path | None: ...
    @property
    def dimension(self) -> int: ...
    @property
    def job(self) -> str: ...

    def arguments(self, source: MediaFile, track: TrackChoice) -> tuple[MediaFile | TrackChoice, ...]:
        """What the job needs besides the segments; `source` is the recording, of which a `track` is heard."""
        ...

    def embed(self, text: str) -> Floats:
        """The sound block of a text, float32 (dimension,): a unit vector, or zeros where it means no sound."""
        ...


@dataclass(frozen=True)
class Profile:
    """Which models hear, and the space of their vectors; `worker_memory_mb` is what a worker may need."""

    name: str
    space: str
    recogniser: SpeechRecogniser
    texts: TextEmbedder
    sounds: SoundDescriber
    worker_memory_mb: int = DEFAULT_MEMORY_MB
    voices: SpeakerEncoder | None = None
    """Without one nobody says who speaks."""

    def without_speakers(self) -> Profile:
        """The same profile, whose transcripts don't say who speaks; vectors are compared with those of this one."""
        return replace(self, voices=None)

    def with_glossary(self, glossary: Path | None) -> Profile:
        """The same profile, whose recogniser holds the names of a file for likelier."""
        return replace(self, recogniser=replace(self.recogniser, glossary=glossary))

    @property
    def blocks(self) -> Mapping[str, int]:
        """How many numbers each block has, in order."""
        return MappingProxyType({"sound": self.sounds.dimension, "speech": self.texts.dimension})

    @property
    def dimension(self) -> int:
        """How many numbers a vector has."""
        return sum(self.blocks.values())

    def embed_clips(self, clips: Sequence[Sentence]) -> Floats:
        """The vectors of what is said in clips in order of time, float32 (clips, dimension), as in a recording."""
        from soundbite_engine.text import clip_vectors

        return joined(None, clip_vectors(self.texts.model, clips), self.blocks)

    def embed_text(self, text: str) -> Floats:
        """The query vector of `text`, float32 (dimension,): its sound block and its speech block, unit length."""
        whole: Floats = joined(self.sounds.embed(text)[None], self.texts.embed(text)[None], self.blocks)[0]
        return whole


class AcousticDescriber:
    """What is measured, under plain names: nothing but the install."""

    id = "descriptors"
    folder = None
    dimension = SOUND_DIMENSION
    job = "describe"

    def arguments(self, source: MediaFile, track: TrackChoice) -> tuple[MediaFile | TrackChoice, ...]:
        """Nothing: what is measured needs no model."""
        del source, track
        return ()

    def embed(self, text: str) -> Floats:
        """The block of the plain sound words in `text`."""
        return property_block(text)


class YamnetDescriber:
    """YAMNet's names for sounds, and what is measured."""

    id = "yamnet"
    dimension = TAGGED_SOUND_DIMENSION
    job = "describe_tags"

    def __init__(self, folder: Path, texts: TextEmbedder) -> None:
        self.folder = folder
        self._texts = texts

    def arguments(self, source: MediaFile, track: TrackChoice) -> tuple[MediaFile | TrackChoice, ...]:
        """The folder of the model."""
        del source, track
        return (str(self.folder),)

    @cached_property
    def _tagger(self) -> TextTagger:
        from soundbite_engine.sound.yamnet import SoundClasses, TextTagger

        return TextTagger.of(SoundClasses.from_pack(self.folder), self._texts.model)

    def embed(self, text: str) -> Floats:
        """The block of the names of sounds and the plain sound words in `text`."""
        return self._tagger.sound_block(text)


class ClapDescriber:
    """CLAP: sounds and words in one space."""

    id = "clap"
    dimension = CLAP_DIMENSION
    job = "describe_clap"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def arguments(self, source: MediaFile, track: TrackChoice) -> tuple[MediaFile | TrackChoice, ...]:
        """The folder of the model, and the recording: CLAP hears higher than the scratch file goes."""
        return (str(self.folder), source, track)

    @cached_property
    def _encoder(self) -> TextEncoder:
        return TextEncoder(self.folder)

    def embed(self, text: str) -> Floats:
        """The block of any words for a sound."""
        return self._encoder.embed(text)


def base_profile(models: Models | None = None) -> Profile:
    """Whisper tiny.en or the one that `models` chooses, MiniLM and acoustic descriptors: nothing but the install."""
    return Profile(
        "base", "soundbite-base-3", _recogniser("base", models), _minilm(), AcousticDescriber(), voices=_ge2e()
    )


def sounds_profile(models: Models) -> Profile:
    """The base profile, and YAMNet's names for sounds."""
    pack, texts = PACKS["yamnet"], _minilm()
    space = "soundbite-sounds-3" + _build_mark(models, pack)
    return Profile(
        "sounds",
        space,
        _recogniser("sounds", models),
        texts,
        YamnetDescriber(models.folder_of(pack), texts),
        voices=_ge2e(),
    )


def full_profile(models: Models) -> Profile:
    """A larger Whisper for speech of any language, MiniLM, and CLAP for sounds and words in one space."""
    pack = PACKS[f"clap-{models.clap}"]
    # 8 bits and full precision are different enough to be two spaces; which recogniser wrote the text is not.
    precision = "" if models.clap == "int8" else f"-{models.clap}"
    space = f"soundbite-full-3{precision}{_build_mark(models, pack)}"
    describer = ClapDescriber(models.folder_of(pack))
    # Both networks in one process, and what they compute with.
    return Profile(
        "full", space, _recogniser("full", models), _minilm(), describer, worker_memory_mb=4096, voices=_ge2e()
    )


def _recogniser(profile: str, models: Models | None) -> SpeechRecogniser:
    folder = models.whisper_folder(profile) if models else None
    if models is None or folder is None:
        return SpeechRecogniser("whisper-tiny.en", weights_folder("whisper-tiny.en"), "en")
    return SpeechRecogniser(f"whisper-{folder.name.removeprefix('whisper-')}", folder)


def _minilm() -> TextEmbedder:
    return TextEmbedder("minilm-l6-v2", weights_folder("minilm-l6-v2"))


def _ge2e() -> SpeakerEncoder:
    return SpeakerEncoder("ge2e", weights_folder("ge2e"))


def _build_mark(models: Models, pack: Pack) -> str:
    """What tells vectors made with another build of a pack's files from those of the published one."""
    builds = installed_builds(models.folder, pack)
    others = [
        builds[file.name].sha256[:8] for file in pack.files if file.name in builds and builds[file.name] != file.build
    ]
    return "".join(f"-{mark}" for mark in others)


_PROFILES: Mapping[str, Callable[[Models], Profile]] = {
    "base": base_profile,
    "sounds": sounds_profile,
    "full": full_profile,
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
