"""The colours of speakers can be read, and told apart by eyes that lack a kind of cone too."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from soundbite_server.page import player

Floats = NDArray[np.float64]
STYLE = (Path(player.__file__).parent / "person.css").read_text(encoding="utf-8")
GROUNDS = {"light": ("#ffffff", "#dbeafc"), "dark": ("#16181d", "#1d3551")}
LEAST_CONTRAST = 4.5
# Distances in OKLab (Ottosson 2020): .02 is just seen. Of the first four, of all eight.
LEAST_APART = (0.12, 0.07)
# What eyes without red or green cones see, in linear light (Machado, Oliveira, Fernandes 2009).
EYES = {
    "all cones": np.eye(3),
    "no red cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no green cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}


def light(colour: str) -> Floats:
    """Linear light of #rrggbb, three numbers from 0 to 1."""
    part = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear: Floats = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear


def oklab(linear: Floats) -> Floats:
    cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
    cones.append([0.0883024619, 0.2817188376, 0.6299787005])
    axes = [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099]]
    axes.append([0.0259040371, 0.7827717662, -0.808675766])
    place: Floats = np.array(axes) @ np.cbrt(np.array(cones) @ linear)
    return place


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(light(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def voices(scheme: str) -> list[str]:
    pairs = re.findall(r"\.voice-\d \{ --voice: light-dark\((#\w{6}), (#\w{6})\)", STYLE)
    return [pair[scheme == "dark"] for pair in pairs]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_of_speakers_are_read_and_told_apart(scheme: str) -> None:
    colours = voices(scheme)
    assert len(colours) == 8
    assert min(contrast(colour, ground) for colour in colours for ground in GROUNDS[scheme]) >= LEAST_CONTRAST
    for count, least in zip((4, 8), LEAST_APART, strict=True):
        for name, eye in EYES.items():
            places = [oklab(np.clip(eye @ light(colour), 0, 1)) for colour in colours[:count]]
            apart = min(float(np.linalg.norm(one - other)) for one, other in combinations(places, 2))
            assert apart >= least, (name, count, round(apart, 3))
