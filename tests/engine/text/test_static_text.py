"""The packaged text table and its reader."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

import soundbite_engine
from soundbite_engine.text.static_text import StaticTextEmbedder

TABLE = Path(soundbite_engine.__file__).parent / "data" / "text_table"

# Topic, a sentence as it is said, and the same in other words; written for this test.
PASSAGES = Path(__file__).parent / "paraphrases.tsv"
PARAPHRASES = [
    ("the puppy was barking all night", "a young dog kept us awake with its noise"),
    ("our quarterly revenue fell by ten percent", "the company earned less money this quarter"),
    ("the doctor prescribed antibiotics for the infection", "she got medicine at the hospital for her illness"),
    ("the train to london was delayed by snow", "bad winter weather held up the railway journey"),
    ("please restart the server after the update", "reboot the machine once the upgrade is finished"),
    ("my grandmother bakes bread every sunday", "an old lady makes loaves in her oven at weekends"),
]


@pytest.fixture(scope="module")
def embedder() -> StaticTextEmbedder:
    return StaticTextEmbedder.load()


def test_vectors_are_float32_rows_of_unit_length(embedder: StaticTextEmbedder) -> None:
    vectors = embedder.embed(["a dog barks", "quarterly revenue", "42", "Ärger im Büro", "🦊 fox"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, StaticTextEmbedder.dimension)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("text", ["", "   \n", "\u200b", "🦊"])
def test_text_without_a_known_word_piece_is_a_zero_row(embedder: StaticTextEmbedder, text: str) -> None:
    vectors = embedder.embed([text, "a dog barks"])
    assert not vectors[0].any()
    assert vectors[1].any()


def test_no_texts_give_no_rows(embedder: StaticTextEmbedder) -> None:
    assert embedder.embed([]).shape == (0, StaticTextEmbedder.dimension)


def test_case_and_surrounding_space_do_not_matter(embedder: StaticTextEmbedder) -> None:
    upper, lower = embedder.embed(["  The Middle Ages ", "the middle ages"])
    np.testing.assert_array_equal(upper, lower)


def test_half_a_surrogate_pair_does_not_fail(embedder: StaticTextEmbedder) -> None:
    assert embedder.embed(["a dog \ud83d barks"]).any()


def test_a_long_transcript_is_read_to_its_end(embedder: StaticTextEmbedder) -> None:
    filler = "minutes of the meeting " * 2000
    without, with_end = embedder.embed([filler, filler + "volcano eruption " * 2000])
    volcano = embedder.embed(["volcano"])[0]
    assert with_end @ volcano > without @ volcano + 0.2


def test_each_paraphrase_is_nearer_than_every_unrelated_sentence(embedder: StaticTextEmbedder) -> None:
    said = embedder.embed([first for first, _ in PARAPHRASES])
    asked = embedder.embed([second for _, second in PARAPHRASES])
    np.testing.assert_array_equal((asked @ said.T).argmax(axis=1), np.arange(len(PARAPHRASES)))


def test_most_sentences_of_a_hundred_on_like_topics_are_found_in_other_words(embedder: StaticTextEmbedder) -> None:
    rows = [line.split("\t") for line in PASSAGES.read_text(encoding="utf-8").splitlines()]
    said, asked = embedder.embed([row[1] for row in rows]), embedder.embed([row[2] for row in rows])
    # .70 when the table was made; that of single word pieces, which came before it, has .61, and its teacher .84.
    assert ((asked @ said.T).argmax(axis=1) == np.arange(len(rows))).mean() > 0.66


def test_a_text_has_one_vector_whatever_it_is_embedded_with(embedder: StaticTextEmbedder) -> None:
    alone = embedder.embed(["a dog barks"])[0]
    in_company = StaticTextEmbedder.load().embed(["x " * 300, "a dog barks", ""])[1]
    np.testing.assert_array_equal(alone, in_company)


def test_threads_sharing_an_embedder_get_the_same_vectors(embedder: StaticTextEmbedder) -> None:
    texts = [text for pair in PARAPHRASES for text in pair]
    expected = embedder.embed(texts)
    start = Barrier(8)

    def embed_many(_: int) -> list[np.ndarray]:
        start.wait(timeout=30)
        return [embedder.embed(texts) for _ in range(20)]

    with ThreadPoolExecutor(8) as threads:
        for results in threads.map(embed_many, range(8)):
            for result in results:
                np.testing.assert_array_equal(result, expected)


def test_importing_the_module_loads_no_safetensors() -> None:
    code = "import sys, soundbite_engine.text.static_text; print('safetensors' in sys.modules)"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout.strip() == "False"


def test_a_table_of_another_width_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes((TABLE / name).read_bytes())
    tensors: dict[str, np.ndarray] = {"embeddings": np.zeros((10, 8), np.int8), "weights": np.ones(10, np.float32)}
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match=r"shape \(10, 8\)"):
        StaticTextEmbedder.from_folder(tmp_path)


def test_the_packaged_files_are_the_ones_the_provenance_names() -> None:
    provenance = (TABLE / "PROVENANCE.md").read_text()
    recorded = dict(
        re.findall(r"\| ([0-9a-f]{64}) \| (config\.json|model\.safetensors|tokenizer\.json) \|", provenance)
    )
    actual = {
        hashlib.sha256((TABLE / name).read_bytes()).hexdigest(): name
        for name in ("config.json", "model.safetensors", "tokenizer.json")
    }
    assert recorded == actual
    assert "Apache-2.0" in provenance
