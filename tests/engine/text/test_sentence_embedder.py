"""Sentences to vectors, with the model of the install."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from soundbite_engine.errors import EngineError
from soundbite_engine.packs.installed import weights_folder
from soundbite_engine.speech.transcripts import Sentence
from soundbite_engine.text import MOST_TOKENS, NEIGHBOUR_WEIGHT, SentenceEmbedder, clip_vectors

PARAPHRASES = Path(__file__).parent / "paraphrases.tsv"


@pytest.fixture(scope="module")
def embedder() -> SentenceEmbedder:
    return SentenceEmbedder.load(weights_folder("minilm-l6-v2"))


def test_vectors_are_unit_rows_and_a_text_without_words_is_zeros(embedder: SentenceEmbedder) -> None:
    vectors = embedder.embed(["The bridge is closed.", "", " ... ", "Rain"])
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1.0, 0.0, 0.0, 1.0], abs=1e-5)
    assert embedder.embed([]).shape == (0, 384)


def test_the_vector_of_a_text_does_not_depend_on_what_is_embedded_with_it(embedder: SentenceEmbedder) -> None:
    texts = ["Short.", "A much longer sentence about the budget of the new bridge, " * 6, "Rain in the night."]
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert embedder.embed(texts) == pytest.approx(alone, abs=1e-5)


def test_what_the_window_does_not_hold_is_cut_off(embedder: SentenceEmbedder) -> None:
    begin = "bridge " * MOST_TOKENS
    assert embedder.embed([begin + "money"]) == pytest.approx(embedder.embed([begin]), abs=1e-6)


def test_other_words_for_the_same_are_nearer_than_other_sentences(embedder: SentenceEmbedder) -> None:
    rows = [line.split("\t") for line in PARAPHRASES.read_text(encoding="utf-8").splitlines()]
    sentences, questions = (embedder.embed([row[column] for row in rows]) for column in (1, 2))
    right = (questions @ sentences.T).argmax(axis=1) == np.arange(len(rows))
    assert right.mean() >= 0.8


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=rf"the text model in {tmp_path.name} can't be loaded"):
        SentenceEmbedder.load(tmp_path)


def clips(*texts: str, gap_sec: float = 0.5) -> list[Sentence]:
    return [Sentence(text, at * (4.0 + gap_sec), at * (4.0 + gap_sec) + 4.0) for at, text in enumerate(texts)]


def test_a_clip_holds_some_of_what_is_said_around_it(embedder: SentenceEmbedder) -> None:
    texts = ("Which train do you want?", "The one at nine.", "It leaves from platform four.")
    mixed = clip_vectors(embedder, clips(*texts))
    own, around = embedder.embed([texts[1], " ".join(texts)])
    expected = own + NEIGHBOUR_WEIGHT * around
    assert mixed[1] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)
    question = embedder.embed(["when does the train leave"])[0]
    assert mixed[1] @ question > own @ question


def test_clips_without_words_are_zeros_and_no_neighbours(embedder: SentenceEmbedder) -> None:
    mixed = clip_vectors(embedder, clips("The train is late.", "", "It rains."))
    assert not mixed[1].any()
    assert mixed[[0, 2]] == pytest.approx(clip_vectors(embedder, clips("The train is late.", "It rains.")), abs=1e-5)


def test_what_is_said_much_later_is_no_neighbour(embedder: SentenceEmbedder) -> None:
    far = clip_vectors(embedder, clips("The train is late.", "It rains.", gap_sec=60.0))
    assert far == pytest.approx(embedder.embed(["The train is late.", "It rains."]), abs=1e-5)
    assert clip_vectors(embedder, []).shape == (0, 384)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None) if sys.platform == "linux" else None, "malloc_trim"), reason="glibc")
def test_the_shipped_model_takes_less_than_125_mb() -> None:
    code = """
import sys
from pathlib import Path
import onnxruntime, tokenizers
from soundbite_engine.text import SentenceEmbedder
def anonymous_kb():
    return int(next(line for line in open("/proc/self/status") if line.startswith("RssAnon")).split()[1])
before = anonymous_kb()
SentenceEmbedder.load(Path(sys.argv[1])).embed(["The ticket costs thirty-seven pounds."] * 16)
print((anonymous_kb() - before) >> 10)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(weights_folder("minilm-l6-v2"))], capture_output=True, text=True, check=True
    )
    assert 30 < int(done.stdout) < 125
