"""What may be embedded, and how it is identified."""

import base64
import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from soundbite_tools.errors import SourceProblem, ToolProblem
from soundbite_tools.library import LibraryConfig
from soundbite_tools.sources.sources import GivenSource, choose, resolve


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "audio"
    made.mkdir()
    return made


@pytest.fixture
def config(tmp_path: Path, folder: Path) -> LibraryConfig:
    return LibraryConfig(home=tmp_path / "home", roots=(folder,), working_folder=folder, largest_upload_bytes=1000)


def _refusal(problem: pytest.ExceptionInfo[SourceProblem]) -> str:
    assert problem.value.message
    assert problem.value.next_step
    return problem.value.code


def test_no_source_is_refused() -> None:
    with pytest.raises(SourceProblem) as problem:
        choose(" ")
    assert _refusal(problem) == "source_missing"


@pytest.mark.parametrize(
    "given",
    [
        {"source": "a.wav", "url": "https://e.com/a.wav"},
        {"source": "a.wav", "asset_id": "a_1"},
        {"url": "https://e.com/a.wav", "base64_string": "UklGRg=="},
        {"source": "a", "url": "b", "base64_string": "c", "asset_id": "d"},
    ],
)
def test_two_sources_at_once_are_refused_and_named(given: dict[str, str]) -> None:
    with pytest.raises(SourceProblem) as problem:
        choose(**given)
    assert _refusal(problem) == "source_ambiguous"
    assert all(name in problem.value.message for name in given)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("talk.mp3", "file"),
        ("./a_folder/talk.mp3", "file"),
        ("file:///music/a%20b.mp3", "file"),
        ("https://example.com/a.mp3", "url"),
        ("HTTP://example.com/a.mp3", "url"),
        ("ftp://example.com/a.mp3", "url"),
        ("s3://bucket/a.mp3", "url"),
        ("data:audio/wav;base64,UklGRg==", "base64"),
        ("A" * 5000, "base64"),
        ("a_0123456789abcdef0123", "asset"),
        ("6298d673f1090f1100476d4c", "asset"),
        ("a_talk.mp3", "file"),
    ],
)
def test_source_takes_any_kind(value: str, kind: str) -> None:
    assert choose(value) == GivenSource(kind, value)  # type: ignore[arg-type]  # parametrised literals


async def test_equal_content_has_one_id_whatever_the_file_is_called(config: LibraryConfig, folder: Path) -> None:
    (folder / "a.wav").write_bytes(b"same")
    (folder / "b.mp3").write_bytes(b"same")
    one, two = [await resolve(choose(name), config) for name in ("a.wav", str(folder / "b.mp3"))]
    assert one.asset_id == two.asset_id
    assert one.content_hash == hashlib.sha256(b"same").hexdigest()


async def test_a_missing_file_is_refused_with_names_that_are_close(config: LibraryConfig, folder: Path) -> None:
    (folder / "meeting.mp3").write_bytes(b"x")
    with pytest.raises(SourceProblem, match=r'Did you mean "meeting\.mp3"') as problem:
        await resolve(choose("meting.mp3"), config)
    assert _refusal(problem) == "file_missing"


@pytest.mark.parametrize("name", ["../secret.wav", "sub/../../secret.wav", "..", "/etc/hostname", "~root/x.wav"])
async def test_a_path_that_leaves_the_allowed_folders_is_refused(
    name: str, config: LibraryConfig, tmp_path: Path
) -> None:
    (tmp_path / "secret.wav").write_bytes(b"x")
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose(name), config)
    assert _refusal(problem) == "path_refused"


async def test_outside_the_folders_a_missing_file_is_refused_like_one_that_is_there(
    config: LibraryConfig, tmp_path: Path
) -> None:
    (tmp_path / "there.wav").write_bytes(b"x")
    messages = []
    for name in ("there.wav", "gone.wav"):
        with pytest.raises(SourceProblem) as problem:
            await resolve(choose(f"../{name}"), config)
        messages.append(str(problem.value).replace(name, "*"))
    assert messages[0] == messages[1]


async def test_a_folder_whose_name_begins_like_an_allowed_one_is_outside(config: LibraryConfig, folder: Path) -> None:
    evil = folder.with_name("audio-evil")
    evil.mkdir()
    (evil / "a.wav").write_bytes(b"x")
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose(str(evil / "a.wav")), config)
    assert _refusal(problem) == "path_refused"


@pytest.mark.parametrize("is_folder", [True, False])
async def test_a_link_out_of_the_folders_is_refused(
    is_folder: bool, config: LibraryConfig, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.wav").write_bytes(b"x")
    (folder / "link").symlink_to(outside if is_folder else outside / "a.wav")
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose("link/a.wav" if is_folder else "link"), config)
    assert _refusal(problem) == "path_refused"


async def test_a_link_within_the_folders_is_followed(config: LibraryConfig, folder: Path) -> None:
    (folder / "a.wav").write_bytes(b"x")
    (folder / "link.wav").symlink_to(folder / "a.wav")
    assert (await resolve(choose("link.wav"), config)).path == folder / "a.wav"


async def test_a_loop_of_links_is_refused(config: LibraryConfig, folder: Path) -> None:
    (folder / "a.wav").symlink_to(folder / "b.wav")
    (folder / "b.wav").symlink_to(folder / "a.wav")
    with pytest.raises(SourceProblem):
        await resolve(choose("a.wav"), config)


@pytest.mark.parametrize("name", [".ssh/id.wav", "sub/.cache/a.wav", ".a.wav"])
async def test_hidden_files_and_folders_are_refused(name: str, config: LibraryConfig, folder: Path) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose(name), config)
    assert _refusal(problem) == "path_refused"


async def test_a_folder_is_refused(config: LibraryConfig, folder: Path) -> None:
    (folder / "sub").mkdir()
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose("sub"), config)
    assert _refusal(problem) == "is_folder"


async def test_a_pipe_is_refused_without_waiting_for_it(config: LibraryConfig, folder: Path) -> None:
    os.mkfifo(folder / "pipe.wav")
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose("pipe.wav"), config)
    assert _refusal(problem) == "not_a_file"


async def test_an_empty_file_is_refused(config: LibraryConfig, folder: Path) -> None:
    (folder / "empty.wav").touch()
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose("empty.wav"), config)
    assert _refusal(problem) == "source_empty"


async def test_a_file_that_may_not_be_uploaded_for_its_size_is_refused(config: LibraryConfig, folder: Path) -> None:
    (folder / "big.wav").write_bytes(bytes(1001))
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose("big.wav"), config)
    assert _refusal(problem) == "source_too_large"


async def test_a_nul_in_a_path_is_refused(config: LibraryConfig) -> None:
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose("a.wav\0.txt"), config)
    assert _refusal(problem) == "path_invalid"


async def test_characters_that_no_file_name_has_are_refused(config: LibraryConfig) -> None:
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose("talk\ud800.wav"), config)
    assert _refusal(problem) == "path_invalid"


async def test_a_name_that_is_not_utf_8_is_refused_before_it_reaches_the_library(
    config: LibraryConfig, folder: Path
) -> None:
    name = os.fsdecode(b"talk\xff.wav")
    (folder / name).write_bytes(b"x")
    with pytest.raises(SourceProblem, match="not UTF-8") as problem:
        await resolve(choose(name), config)
    assert _refusal(problem) == "path_invalid"


async def test_a_hidden_folder_that_is_named_itself_is_open_also_inside_another(
    config: LibraryConfig, folder: Path
) -> None:
    (folder / ".recorder" / ".cache").mkdir(parents=True)
    for name in (".recorder/a.wav", ".recorder/.cache/a.wav"):
        (folder / name).write_bytes(b"x")
    both = replace(config, roots=(folder, folder / ".recorder"))
    assert (await resolve(choose(".recorder/a.wav"), both)).path == folder / ".recorder" / "a.wav"
    with pytest.raises(SourceProblem):
        await resolve(choose(".recorder/.cache/a.wav"), both)


async def test_without_folders_the_refusal_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SourceProblem, match="SOUNDBITE_ROOTS"):
        await resolve(choose("a.wav"), LibraryConfig(home=tmp_path, working_folder=tmp_path))


@pytest.mark.parametrize("name", ["talk.wav", "./talk.wav", "../talk.wav", "~/talk.wav", "~nobody/talk.wav"])
async def test_a_relative_path_is_refused_where_there_is_no_folder_it_could_start_at(
    name: str, config: LibraryConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = config.roots
    monkeypatch.chdir(folder)
    (folder / "talk.wav").write_bytes(b"sound")
    with pytest.raises(SourceProblem, match="whole path of a file on the server") as problem:
        await resolve(choose(name), replace(config, working_folder=None))
    assert _refusal(problem) == "path_relative"
    assert (await resolve(choose(str(folder / "talk.wav")), replace(config, working_folder=None))).name == "talk.wav"


@pytest.mark.parametrize("prefix", ["", "data:audio/wav;base64,"])
async def test_inline_audio_is_kept_as_a_file_below_home(prefix: str, config: LibraryConfig) -> None:
    text = base64.b64encode(b"RIFF....").decode()
    found = await resolve(choose(base64_string=prefix + text[:5] + "\n" + text[5:]), config)
    assert found.kind == "base64"
    assert found.path is not None
    assert found.path.is_relative_to(config.home)
    assert found.path.read_bytes() == b"RIFF...."


async def test_inline_audio_that_can_not_be_kept_leaves_nothing_and_says_why(config: LibraryConfig) -> None:
    text = base64.b64encode(b"sound").decode()
    path = (await resolve(choose(base64_string=text), config)).path
    assert path
    path.unlink()
    path.mkdir()  # no file can take its place
    (path / "in the way").touch()
    with pytest.raises(ToolProblem, match=r"can't be kept on this machine: .+\. Make room"):
        await resolve(choose(base64_string=text), config)
    assert list(path.parent.iterdir()) == [path]


async def test_inline_audio_given_twice_is_one_file(config: LibraryConfig) -> None:
    for _ in range(2):
        await resolve(choose(base64_string=base64.b64encode(b"sound").decode()), config)
    assert len(list((config.home / "inline").iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [("not base64!", "base64_invalid"), ("UklGR", "base64_invalid"), ("data:audio/wav;base64,", "source_empty")],
)
async def test_bad_base64_is_refused(text: str, code: str, config: LibraryConfig) -> None:
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose(base64_string=text), config)
    assert _refusal(problem) == code


async def test_inline_audio_beyond_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    config = LibraryConfig(home=tmp_path, largest_inline_bytes=10)
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose(base64_string="!" * 100), config)
    assert _refusal(problem) == "source_too_large"


async def test_an_asset_id_that_is_no_id_is_refused(config: LibraryConfig) -> None:
    with pytest.raises(SourceProblem) as problem:
        await resolve(choose(asset_id="../assets"), config)
    assert _refusal(problem) == "asset_id_invalid"


async def test_a_url_is_named_after_its_file_and_known_by_its_address(config: LibraryConfig) -> None:
    found = await resolve(choose(url="https://example.com/talks/my%20talk.mp3?x=1"), config)
    assert found.name == "my talk.mp3"
    again = await resolve(choose("https://example.com/talks/my%20talk.mp3?x=1"), config)
    assert again.asset_id == found.asset_id
