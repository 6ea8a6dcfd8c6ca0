"""The page of formats is what its script embeds, and the script sees where one is not."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

# Test folders are no packages, so helpers have to be found like this.
sys.path.insert(0, str(Path(__file__).parents[1]))
from bench_scripts import load

formats = load("formats", "media")


def test_the_page_has_each_kind_as_the_script_expects_it() -> None:
    text = formats.PAGE.read_text(encoding="utf-8")
    cases = [*formats.FORMATS, *formats.ODDITIES]
    assert len({case.name for case in cases}) == len(cases) >= 45
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    for case, line in zip(cases, rows, strict=True):
        ways = ["-"] if case.refusal else ["sought", "read"]
        assert line in [formats.row(case, way) for way in ways]
    assert text == formats.page({line.split("`")[1]: line.split(" | ")[-1].strip(" |") for line in rows})


def test_a_kind_that_is_not_what_the_page_says_is_told() -> None:
    (hole,) = (case for case in formats.ODDITIES if case.name == "hole.mka")
    (text,) = (case for case in formats.ODDITIES if case.name == "text.mp3")
    cases = [hole, replace(hole, name="short.mka", begins=(0.0, 9.0), seconds=20.0), replace(text, refusal="")]
    results = asyncio.run(formats.outcomes(cases))
    assert results["hole.mka"].failures == []
    length, words = results["short.mka"].failures
    assert (length.endswith("not 20.00"), words.startswith("'milk' at")) == (True, True)
    assert results["text.mp3"].failures[0].startswith("refused: media_unreadable")
