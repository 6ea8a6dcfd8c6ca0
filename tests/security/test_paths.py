"""Paths: nothing outside the open folders is read, named or told apart from what is not there."""

from __future__ import annotations

import os
from typing import Any

from mcp import Client
from mcp_types import TextContent


def make_traps(grounds: Any) -> None:
    root, outside = grounds.root, grounds.outside
    sibling = root.with_name("root-evil")  # its name begins like an allowed one
    hidden = root / ".hidden"
    for folder in (root / "inside", sibling, hidden, root / "inside" / ".git", grounds.home):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "diary.txt").write_text("x")
    (root / "link.wav").symlink_to(outside / "diary.txt")
    (root / "relative-link.wav").symlink_to("../outside-of-it/diary.txt")
    (root / "folder-link").symlink_to(outside)
    (root / "link-of-link.wav").symlink_to(root / "link.wav")
    (root / "link-to-nothing.wav").symlink_to(outside / "nothing.wav")
    (root / "link-to-etc.wav").symlink_to("/etc/passwd")
    (root / "link-to-root").symlink_to("/")
    (root / "link-to-proc.wav").symlink_to("/proc/self/environ")
    (root / "link-to-hidden.wav").symlink_to(hidden / "diary.txt")
    (root / "loop.wav").symlink_to("loop.wav")
    (outside / "back").symlink_to(root)
    os.mkfifo(root / "pipe.wav")
    (root / "empty.wav").touch()
    (root / "words.wav").write_text("no sound at all " * 20)


def bad_paths(grounds: Any) -> list[str]:
    root, outside = grounds.root, grounds.outside
    ups = "../" * 30
    return [
        # out by going up
        "../outside-of-it/diary.txt",
        f"{root}/../outside-of-it/diary.txt",
        f"{root}/./../outside-of-it/./diary.txt",
        f"{root}//..//outside-of-it//diary.txt",
        f"{root}/inside/../../outside-of-it/diary.txt",
        f"{root}/inside/../../../../../../../../etc/passwd",
        f"{root}/nothing/../../outside-of-it/diary.txt",
        f"{ups}etc/passwd",
        f"{root}/{ups}etc/passwd",
        f"{root}/..",
        f"{root}/../",
        "..",
        "../..",
        # named outright
        str(outside / "diary.txt"),
        str(outside / "nothing.txt"),
        str(outside),
        f"{outside}/back/../diary.txt",
        "/etc/passwd",
        "/etc/shadow",
        "/etc/hostname",
        "//etc/passwd",
        "///etc///passwd",
        "/proc/self/environ",
        "/proc/self/cmdline",
        "/proc/self/fd/0",
        "/proc/1/environ",
        "/sys/kernel/version",
        "/dev/zero",
        "/dev/null",
        "/dev/random",
        "/dev/stdin",
        "/",
        "/root/.ssh/id_rsa",
        "~/.ssh/id_rsa",
        "~root/.bashrc",
        "~nobody-of-that-name/diary.txt",
        # names that begin alike
        f"{root}-evil/diary.txt",
        f"{root}-evil",
        f"{str(root).upper()}/diary.txt",
        # the library's own
        str(grounds.home / "ledger.sqlite"),
        str(grounds.home / "diary.txt"),
        # links out of the folder
        *(f"{root}/{name}" for name in ("link.wav", "relative-link.wav", "link-of-link.wav", "link-to-nothing.wav")),
        *(f"{root}/{name}" for name in ("link-to-etc.wav", "link-to-proc.wav", "link-to-hidden.wav", "loop.wav")),
        f"{root}/folder-link/diary.txt",
        f"{root}/folder-link",
        f"{root}/link-to-root/etc/passwd",
        # hidden
        f"{root}/.hidden/diary.txt",
        f"{root}/inside/.git/diary.txt",
        f"{root}/inside/../.hidden/diary.txt",
        # as addresses
        "file:///etc/passwd",
        f"file://{outside}/diary.txt",
        f"file://{root}/../outside-of-it/diary.txt",
        f"file://{root}/%2e%2e/outside-of-it/diary.txt",
        "file://localhost/etc/passwd",
        "FILE:///etc/passwd",
        # odd spellings
        f"{root}/diary.txt\0.wav",
        "\0",
        f"{root}/%2e%2e/outside-of-it/diary.txt",
        f"{root}\\..\\outside-of-it\\diary.txt",
        "C:\\Windows\\win.ini",
        "\\\\server\\share\\diary.txt",
        f"{root}/{'x' * 300}",
        f"{root}/{'a/' * 1500}diary.txt",
        "${HOME}/.bashrc",
        "$(cat /etc/passwd)",
        f"{root}/a|cat /etc/passwd",
        "concat:/etc/passwd",
        "subfile,,start,0,end,100,,:/etc/passwd",
        f"{root}/‮vaw.txt",
        # inside, but nothing to read
        str(root),
        f"{root}/inside",
        f"{root}/pipe.wav",
        f"{root}/empty.wav",
        f"{root}/words.wav",
        f"{root}/nothing.wav",
    ]


async def refusal(client: Client, **arguments: Any) -> str:
    result = await client.call_tool("embed_audio", arguments)
    assert result.is_error, arguments
    return "".join(block.text for block in result.content if isinstance(block, TextContent))


async def test_no_path_leads_out_of_the_open_folders(connect: Any, grounds: Any) -> None:
    make_traps(grounds)
    paths = bad_paths(grounds)
    assert len(set(paths)) >= 60
    async with connect() as client:
        for path in paths:
            told = await refusal(client, source=path)
            assert told.count(". ") >= 1 or told.endswith("?"), told
            assert "private diary" not in told
            assert "root:x" not in told
            assert "Traceback" not in told
            # Where a link leads is not told, unless the caller named the place.
            if str(grounds.outside) not in path:
                assert str(grounds.outside) not in told, told
        listing = await client.call_tool("list_audio", {})
        assert (listing.structured_content or {})["total_assets"] == 0


async def test_what_is_outside_is_refused_alike_whether_it_is_there_or_not(connect: Any, grounds: Any) -> None:
    async with connect() as client:
        there = await refusal(client, source=str(grounds.outside / "diary.txt"))
        not_there = await refusal(client, source=str(grounds.outside / "notes.txt"))
    assert there.replace("diary", "notes") == not_there


async def test_without_roots_every_path_is_refused_alike(connect: Any, grounds: Any) -> None:
    async with connect(roots=()) as client:
        for path in (grounds.root / "diary.txt", grounds.root / "none.wav", grounds.root):
            assert "No folder is open for reading" in await refusal(client, source=str(path))
