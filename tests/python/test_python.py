"""The library as a script has it: `import soundbite`."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

import soundbite
from soundbite_engine.audio.encode import cut

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "pydantic", "httpx", "lancedb", "anyio", "soundbite_server", "soundbite_tools")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recordings") / "<standup>.wav"
    path.write_bytes(cut(lambda _: None, str(ROOT / "samples/standup.flac"), 42.0, 57.0, "wav"))
    return path


def test_the_import_loads_nothing_heavy_and_names_a_dozen_things_at_most() -> None:
    code = f"import sys, soundbite; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
    assert len(soundbite.__all__) <= 12
    assert all(getattr(soundbite, name) is not None for name in soundbite.__all__)


def test_a_script_adds_searches_and_hears_and_others_may_have_the_library_open(home: Path, recording: Path) -> None:
    with soundbite.open(home) as library, soundbite.open(home) as other:
        assert library.search("money back") == []
        added = library.add(recording, tags=["work"])
        assert (added.tags, library.recordings()) == (("work",), [added])
        (clip,) = other.search("who wants her money back", top_k=1, tags="work")
        assert "money back" in clip.text
        assert clip.asset_id == added.asset_id
        assert clip.audio("wav")[:4] == b"RIFF"
        speaker = other.speakers()[0]
        library.name_speaker(added, speaker.name, "<Ann>")
        assert [one.name for one in other.speakers("<ann>")] == ["<Ann>"]
        (clip,) = other.search("money back", top_k=1, speakers=["<ann>"], context_sec=60)
        assert "<Ann>" in clip.speaker
        assert "money back" in clip.context
        assert len(clip.context) > len(clip.text)
        assert "&lt;Ann&gt;" in clip.to_html()
        shown = clip._repr_html_()
        assert "data:audio/mpeg;base64," in shown
        assert "<standup>" not in shown
        for wrong, kind, code in (
            (lambda: library.add(recording.with_name("none.wav")), soundbite.SourceError, "file_missing"),
            (lambda: library.search("a", asset_ids=["a_none"]), soundbite.NotFound, "unknown_asset"),
            (lambda: library.search("a", top_k=99), soundbite.SoundbiteError, "argument_invalid"),
            (lambda: library.remove("a_none"), soundbite.NotFound, "unknown_asset"),
        ):
            with pytest.raises(kind) as refusal:
                wrong()
            assert refusal.value.code == code
        (taught,) = library.teach(["Moneyback: money back"])
        assert taught.after.startswith("Moneyback")
        # What others wrote may be seen .2 s late (docs/store.md).
        ends = time.monotonic() + 60
        while not (clips := other.search("Moneyback", top_k=1, match="words")) and time.monotonic() < ends:
            time.sleep(0.1)
        assert "Moneyback" in clips[0].text
        assert library.teach(undo=True)[0].before == taught.after
        # A title will do where it is unambiguous, as on the command line.
        library.name_speaker("<STANDUP>", "<Ann>", "Ben")
        assert "Ben" in library.transcript("<standup>")
        assert library.chapters(added)[0].end_sec > 10
        library.export(added, home / "standup.srt")
        assert (home / "standup.srt").read_text(encoding="utf-8") == library.transcript(added, "srt")
        for target, code in (("standup.srt", "file_unwritable"), ("standup.docx", "argument_invalid")):
            with pytest.raises(soundbite.SoundbiteError) as refusal:
                library.export("<standup>", home / target)
            assert refusal.value.code == code
        with pytest.raises(soundbite.NotFound):
            library.remove("standup")
        library.remove("<standup>")
        assert other.recordings() == []
    assert "data:audio" not in clip._repr_html_()  # closed: it is still shown, without its sound


async def test_coroutines_have_the_same_library(home: Path, recording: Path) -> None:
    async with soundbite.open(home) as library:
        await library.add(recording)
        (clip,) = await library.search("who wants her money back", top_k=1)
        assert "money back" in clip.text
        assert (await clip.audio())[:3] in (b"ID3", b"\xff\xfb", b"\xff\xf3\x44") or len(await clip.audio()) > 1000


def test_a_setting_that_cannot_be_used_is_an_error_of_the_package(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOUNDBITE_WORKERS", "many")
    with pytest.raises(soundbite.SoundbiteError, match="SOUNDBITE_WORKERS"), soundbite.open(home):
        pass


@pytest.mark.skipif(importlib.util.find_spec("langchain_core") is None, reason="needs langchain-core")
def test_langchain_gets_documents_with_their_place(home: Path, recording: Path) -> None:
    from soundbite.langchain import SoundbiteRetriever

    with soundbite.open(home) as library:
        retriever = SoundbiteRetriever(library=library, top_k=1)
        assert retriever.invoke("money back") == []
        library.add(recording)
        (document,) = retriever.invoke("who wants her money back")
        assert [document] == asyncio.run(retriever.ainvoke("who wants her money back"))
    assert "money back" in document.page_content
    assert document.metadata["link"] == f"soundbite://clips/{document.id}"
    assert {"title", "time_range", "start_sec", "end_sec", "score"} <= document.metadata.keys()


@pytest.mark.skipif(importlib.util.find_spec("llama_index") is None, reason="needs llama-index-core")
def test_llama_index_gets_nodes_with_their_place(home: Path, recording: Path) -> None:
    from soundbite.llama_index import SoundbiteRetriever

    with soundbite.open(home) as library:
        retriever = SoundbiteRetriever(library, top_k=1)
        assert retriever.retrieve("money back") == []
        library.add(recording)
        (found,) = retriever.retrieve("who wants her money back")
        assert [found.node.id_] == [node.node.id_ for node in asyncio.run(retriever.aretrieve("her money back"))]
    assert "money back" in found.node.get_content()
    assert found.score == found.node.metadata["score"]
