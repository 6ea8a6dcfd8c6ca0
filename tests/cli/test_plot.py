"""Pictures: they are well-formed, hold what they are about, and nothing in a title can break them."""

from __future__ import annotations

import importlib.util
import os
import re
import sqlite3
import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from soundbite_engine.audio.encode import cut, levels
from soundbite_server.plots.library_map import MOST_POINTS, MappedClip, draw_map, laid_out
from soundbite_server.plots.pictures import Picture

SAMPLES = Path(__file__).parents[2] / "samples"
SVG = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def words(picture: ElementTree.Element) -> str:
    return " ".join(text.text or "" for text in picture.iter(f"{SVG}text"))


def marks(picture: ElementTree.Element) -> dict[str, ElementTree.Element]:
    """The marks that say something under the pointer, by what they say."""
    found = {group.findtext(f"{SVG}title"): group for group in picture.iter(f"{SVG}g")}
    return {hint: group for hint, group in found.items() if hint}


def height(mark: ElementTree.Element) -> float:
    path = mark.find(f"{SVG}path")
    assert path is not None
    ys = [float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", path.attrib["d"])]
    return max(ys) - min(ys)


def test_a_recording_is_drawn_with_waveform_segments_and_words(shelf: Any, run: Any, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "spoken.svg"
    ran = run("plot", "recording", "spoken", "-o", out)
    assert (ran.code, ran.out) == (0, f"{out}\n"), ran.err
    picture = drawn(out.read_text(encoding="utf-8"))
    waveform = next(group for group in picture.iter(f"{SVG}g") if group.get("id", "").startswith("FillBetween"))
    outline = next(waveform.iter(f"{SVG}path")).attrib["d"]
    assert outline.count("L") > 1700
    assert "milk" in words(picture)
    assert "spoken words 00:08" in words(picture)
    assert any("milk" in hint for hint in marks(picture))


def test_what_is_not_embedded_is_neither_drawn_nor_decoded_for_it(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the sound was decoded for nothing")

    other = tmp_path / "other.wav"
    other.write_bytes(cut(lambda _: None, str(SAMPLES / "memos.mp3"), 20.0, 22.0, "wav"))
    with monkeypatch.context() as failing:
        failing.setattr("soundbite_tools.embed.jobs.embed", refuse)
        assert run("add", other).code == 2
    monkeypatch.setattr("soundbite_engine.workers.media.levels", refuse)
    for command in (("recording", "other"), ("answers", "other", "milk")):
        ran = run("plot", *command, "-o", tmp_path / "other.svg")
        assert ran.code == 2
        assert "Nothing of other is embedded, so there is nothing to draw. `soundbite tasks`" in ran.err
    assert "Nothing of it is embedded" in run("show", "other").out
    assert not (tmp_path / "other.svg").exists()


def test_a_waveform_is_that_of_the_embedding_and_goes_with_its_recording(
    shelf: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the sound was decoded again")

    duration_sec, expected = levels(lambda _: None, str(shelf.spoken), 40)
    monkeypatch.setattr("soundbite_engine.workers.media.levels", refuse)
    asked = (
        "SELECT envelopes.duration_sec, peaks FROM envelopes JOIN assets USING (asset_id) WHERE title LIKE 'spoken%'"
    )
    ledger = Path(os.environ["SOUNDBITE_HOME"]) / "ledger.sqlite"
    ((seconds, packed),) = sqlite3.connect(ledger).execute(asked).fetchall()
    peaks = np.frombuffer(zlib.decompress(packed), np.uint8)
    assert seconds == pytest.approx(duration_sec, abs=0.05)
    parts = np.array([part.max() for part in np.array_split(peaks, 40)], float)
    assert np.corrcoef(parts, np.frombuffer(expected, np.uint8))[0, 1] > 0.9
    shown = run("show", "spoken")
    assert (shown.code, any(bar in shown.out for bar in "▁▂▃▄▅▆▇█")) == (0, True), shown.err
    assert run("rm", "--yes", "spoken words").code == 0
    assert not sqlite3.connect(ledger).execute(asked).fetchall()


def test_answers_are_drawn_as_bars_as_high_as_their_scores(shelf: Any, run: Any, tmp_path: Path) -> None:
    out = tmp_path / "answers.svg"
    assert run("plot", "answers", "spoken", "two", "bottles", "of", "milk", "-o", out).code == 0
    picture = drawn(out.read_text(encoding="utf-8"))
    scores = {match[1]: mark for hint, mark in marks(picture).items() if (match := re.match(r"\S+ (\d\.\d\d) ", hint))}
    assert scores
    full = height(next(iter(scores.values()))) / float(next(iter(scores)))
    assert all(height(bar) == pytest.approx(float(score) * full, abs=0.01 * full) for score, bar in scores.items())
    assert max(map(float, scores)) > 0.5
    assert "“two bottles of milk”" in words(picture)


def test_the_map_has_a_dot_for_every_clip_and_a_key(shelf: Any, run: Any, tmp_path: Path) -> None:
    out = tmp_path / "map.svg"
    assert run("plot", "map", "--by", "recording", "-o", out).code == 0
    picture = drawn(out.read_text(encoding="utf-8"))
    said = words(picture)
    count = int(said.split("The library ")[1].split()[0])
    assert len(marks(picture)) == count
    assert "rain (" in said
    assert run("plot", "map", "--by", "cluster", "-o", out).code == 0
    assert "1: " in words(drawn(out.read_text(encoding="utf-8")))
    refused = run("plot", "map", "--tag", "no-such-tag", "-o", out)
    assert refused.code == 2
    assert "No recording has the tag no-such-tag." in refused.err


def test_pictures_are_svg_or_png(shelf: Any, run: Any, tmp_path: Path) -> None:
    assert "written as .svg or .png" in run("plot", "recording", "spoken", "-o", tmp_path / "a.gif").err
    png = run("plot", "recording", "spoken", "-o", tmp_path / "a.png")
    assert png.code == 0
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


def test_without_the_extra_the_command_says_what_brings_it(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "sklearn" else there(name, *more)
    )
    ran = run("plot", "recording", "spoken", "-o", tmp_path / "a.svg")
    assert (ran.code, ran.err) == (
        1,
        'soundbite: Pictures are drawn by the extra `plot`: pip install "soundbite[plot]".\n',
    )


def test_the_same_figures_give_the_same_file() -> None:
    clips = [MappedClip(0.1 * at, 0.5, f"group {at % 3}", f"talk {at}") for at in range(9)]
    first, second = (draw_map(clips, "The library", "nine clips") for _ in range(2))
    assert first.to_svg() == first.to_svg() == second.to_svg()
    assert first.to_png() == second.to_png()


def test_signs_of_formulas_and_letters_without_a_font_are_data_too() -> None:
    picture = Picture(200, 100, "$")
    picture.text(10, 50, "from $5 to $10_x \u4f1a\u8bae \U0001f3a7")
    assert "from $5 to $10_x \u4f1a\u8bae" in words(drawn(picture.to_svg()))
    assert picture.to_png()


def test_titles_are_data_in_a_picture() -> None:
    hostile = '</text><script>alert("x")</script> & "quoted"'
    picture = drawn(draw_map([MappedClip(0.5, 0.5, hostile, hostile)], hostile, hostile).to_svg())
    assert not list(picture.iter(f"{SVG}script"))
    assert "<script>" in words(picture)


def test_groups_beyond_the_palette_share_a_colour_and_a_line_of_the_key() -> None:
    clips = [MappedClip(0.1, 0.1, f"group {n:02}", "") for n in range(15)]
    said = words(drawn(draw_map(clips, "Many", "").to_svg()))
    assert "group 08 (1)" in said
    assert "others (6)" in said


def test_a_layout_keeps_near_points_together_and_is_the_same_each_time() -> None:
    rng = np.random.default_rng(5)
    centres = np.repeat(np.eye(3, 64) * 10, 30, axis=0)
    points = centres + rng.normal(size=(90, 64)) * 0.3
    places = laid_out(points)
    assert places.min() >= 0.0
    assert places.max() <= 1.0
    middles = places.reshape(3, 30, 2).mean(axis=1)
    own = np.linalg.norm(places.reshape(3, 30, 2) - middles[:, None], axis=2).mean()
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)
    assert own * 2 < apart[apart > 0].min()
    assert np.array_equal(places, laid_out(points))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_few_points_are_laid_out_too(count: int) -> None:
    places = laid_out(np.eye(count, 8))
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_equal_points_are_laid_out_too_and_too_many_are_refused() -> None:
    assert np.isfinite(laid_out(np.ones((10, 8)))).all()
    with pytest.raises(ValueError, match="at most"):
        laid_out(np.ones((MOST_POINTS + 1, 2)))


def test_few_clips_are_named_on_the_map_and_many_are_not() -> None:
    few = [MappedClip(0.1 * at, 0.5, "talks", f"talk {at}") for at in range(5)]
    assert "talk 3" in words(drawn(draw_map(few, "The library", "").to_svg()))
    assert "talk 3" not in words(drawn(draw_map(few * 10, "The library", "").to_svg()))


def test_the_rest_of_the_groups_has_a_colour_of_its_own() -> None:
    clips = [MappedClip(0.5, 0.5, f"group {at}", "") for at in range(15)]
    key = [text.get_color() for text in draw_map(clips, "The library", "").figure.texts if text.get_text() == "●"]
    assert len(set(key)) == len(key) == 10


def test_characters_that_no_document_may_hold_are_left_out(shelf: Any, run: Any, tmp_path: Path) -> None:
    out = tmp_path / "answers.svg"
    assert run("plot", "answers", "spoken", "mi\x07lk\x0b", "-o", out).code == 0
    assert "“milk”" in words(drawn(out.read_text(encoding="utf-8")))


def test_a_picture_takes_no_other_ones_place(
    shelf: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert [run("plot", "recording", "spoken").out for _ in range(2)] == ["recording.svg\n", "recording-2.svg\n"]
