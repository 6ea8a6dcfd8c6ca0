"""Profiles: which models fill the blocks of a space. Vectors of different profiles are never compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from soundbite_engine.errors import EngineError
from soundbite_engine.sound_words import sound_block
from soundbite_engine.space import BLOCKS, DIMENSION, joined

if TYPE_CHECKING:
    from soundbite_engine.static_text import StaticTextEmbedder

Floats = npt.NDArray[np.float32]


class Profile(Protocol):
    """What the engine asks of a profile.

    `describe_job` names the worker job `(scratch, segments) -> float32 (n, sound block)`, `recognise_job` the one that
    returns words, `text_job` the one that fills the speech block.
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
    def text_job(self) -> str: ...

    def embed_text(self, text: str) -> Floats:
        """The query vector of `text`, float32 (dimension,), unit length or zeros."""
        ...


class BaseProfile:
    """PocketSphinx, the static text table and acoustic descriptors: nothing but the wheel."""

    name = "base"
    space = "soundbite-base-1"
    dimension = DIMENSION
    blocks: Mapping[str, int] = MappingProxyType(BLOCKS)
    describe_job = "describe"
    recognise_job = "recognise"
    text_job = "embed_texts"

    @cached_property
    def _texts(self) -> StaticTextEmbedder:
        from soundbite_engine.static_text import StaticTextEmbedder  # the table takes a moment to read

        return StaticTextEmbedder.load()

    def embed_text(self, text: str) -> Floats:
        """The query vector: plain sound words fill the sound block, all words the speech block."""
        whole: Floats = joined(sound_block(text)[None], self._texts.embed([text]))[0]
        return whole


_PROFILES: dict[str, Callable[[], Profile]] = {"base": BaseProfile}


def load_profile(name: str) -> Profile:
    """The profile called `name`.

    Raises:
        EngineError: there is none of that name.
    """
    if name not in _PROFILES:
        raise EngineError("profile_unknown", f"no profile {name!r}; there is {', '.join(sorted(_PROFILES))}")
    return _PROFILES[name]()
