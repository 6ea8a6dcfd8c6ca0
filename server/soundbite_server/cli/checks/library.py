"""A library looked over: the ledger and the store compared, with `--deep` every row read; and repaired."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from soundbite_server.cli.checks.repairs import repair_differences, repair_rows, repair_tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_server.cli.render.lines import Printer
    from soundbite_store import LostTable, SpaceScan, StoreRescue
    from soundbite_tools import Comparison, Jobs

_ADVICE = "`soundbite doctor --deep --repair` "
_TOLD_AT_ONCE = 20


async def check_library(out: Printer, jobs: Jobs, *, is_deep: bool, repair: bool) -> int:
    """Print how the library is, after it was repaired where that is asked for; returns the problems that are left."""
    from rich.markup import escape

    from soundbite_store import StoreRescue

    current, store = (await jobs.library.spaces.current()).space, await jobs.library.store()
    out.print(f"[green]ok[/green]    platform answers: space {current.id}, {current.dimension} dimensions")
    rescue = StoreRescue(store)
    _, lost = await rescue.spaces()
    if repair:
        await repair_tables(out, rescue, lost)
        _, lost = await rescue.spaces()
    problems = _print_lost_tables(out, lost)
    scans = await _scans(out, jobs, rescue, repair=repair) if is_deep else []
    for scan in scans:
        problems += _print_scan(out, scan, repair=repair)
    problems += await _check_indexes(out, jobs, rescue, repair=repair) if is_deep else 0
    if not any(scan.unreadable for scan in scans):  # what can't be read can't be counted either
        problems += await _compare(out, jobs, scans, is_deep=is_deep, repair=repair)
    if not problems:
        await _print_spaces(out, jobs)
    await _print_missing_files(out, jobs)
    for sentence in rescue.healed():
        out.print(f"[yellow]note[/yellow]  healed: {escape(sentence)}")
    rescue.forget_healed()
    return problems


async def check_scrubbing(out: Printer, jobs: Jobs) -> int:
    """Finish scrubbing what was erased or removed, where a process was killed; returns 1 where something is left."""
    from rich.markup import escape

    from soundbite_tools import count_of, finish_scrubbing

    pending = await (await jobs.library.ledger()).unscrubbed()
    if not pending:
        return 0
    what = f"what was erased or removed of {count_of(len({one.asset_id for one in pending}), 'recording')}"
    if reason := await finish_scrubbing(jobs.library):
        out.print(f"[red]bad[/red]   {what} may be in files of the library still: {escape(reason)} Run doctor again")
        return 1
    out.print(f"[yellow]note[/yellow]  {what} is in no file of the library any more: a process was stopped before that")
    return 0


async def _print_spaces(out: Printer, jobs: Jobs) -> None:
    from soundbite_tools import count_of

    current, store = (await jobs.library.spaces.current()).space, await jobs.library.store()
    for info in await store.spaces():
        is_current = info.space == current
        mark = "[green]ok[/green]   " if is_current else "[yellow]note[/yellow] "
        rest = "" if is_current else "; not searched now: another engine made its vectors (`soundbite reembed`)"
        counts = f"{count_of(info.assets, 'recording')}, {count_of(info.embeddings, 'vector')}"
        out.print(f"{mark} {counts} in space {info.space.id}{rest}")


async def _print_missing_files(out: Printer, jobs: Jobs) -> None:
    """Name recordings whose files are not what and where they were: nothing of them is lost but their sound."""
    from rich.markup import escape

    from soundbite_tools import count_of, file_states, missing_files, printable

    missing = await missing_files(jobs.library)
    states = await file_states(missing)
    remedies = {"gone": "`soundbite relink FOLDER` finds it", "changed": "`soundbite add` renews its clips"}
    for asset in missing[:_TOLD_AT_ONCE]:
        state = states.get(asset.asset_id, "gone")
        name, source = escape(asset.title), escape(printable(asset.source_uri))
        out.print(f"[yellow]note[/yellow]  {state}: the file of {name}, {source}; {remedies[state]}")
    if len(missing) > _TOLD_AT_ONCE:
        out.print(f"[yellow]note[/yellow]  and {count_of(len(missing) - _TOLD_AT_ONCE, 'more file')}")


def _print_lost_tables(out: Printer, lost: Sequence[LostTable]) -> int:
    from rich.markup import escape

    for table in lost:
        reason = escape(table.reason.rstrip("."))
        out.print(f"[red]bad[/red]   the table {escape(table.name)} can't be used: {reason}; {_ADVICE}fills a new one")
    return len(lost)


async def _scans(out: Printer, jobs: Jobs, rescue: StoreRescue, *, repair: bool) -> list[SpaceScan]:
    """Read every row of every space, once more where there was something to repair."""
    store, scans = await jobs.library.store(), []
    spaces, _ = await rescue.spaces()
    for space in spaces:
        scan = await store.scan(space)
        if scan is not None and not scan.is_sound and repair:
            await repair_rows(out, jobs, scan)
            scan = await store.scan(space)
        if scan is not None:
            scans.append(scan)
    return scans


def _print_scan(out: Printer, scan: SpaceScan, *, repair: bool) -> int:
    from rich.markup import escape

    space, remedy = escape(scan.space.id), "" if repair else f" ({_ADVICE}mends that)"
    if scan.is_sound:
        out.print(f"[green]ok[/green]    {scan.rows} vectors of {space} read, all as they were written")
        return 0
    if assets := {row.asset_id for row in scan.damaged}:
        advice = "" if repair else f"; {_ADVICE}embeds them again"
        out.print(
            f"[red]bad[/red]   {len(scan.damaged)} vectors of {len(assets)} recordings in {space} "
            f"were changed on the disk{advice}"
        )
    if scan.misnamed:
        named = ", ".join(sorted({escape(row.asset_id) for row in scan.misnamed}))
        out.print(
            f"[red]bad[/red]   {len(scan.misnamed)} vectors in {space} have ids that were changed on the disk (of "
            f"{named}){remedy}"
        )
    if scan.doubled:
        out.print(f"[red]bad[/red]   {scan.doubled} rows of {space} are there twice{remedy}")
    if scan.unreadable:
        reason = f"{escape(scan.unreadable)}{remedy}"
        out.print(f"[red]bad[/red]   {space} can be read up to row {scan.rows}: {reason}")
    return 1


async def _check_indexes(out: Printer, jobs: Jobs, rescue: StoreRescue, *, repair: bool) -> int:
    from rich.markup import escape

    problems = 0
    spaces, _ = await rescue.spaces()
    for space in spaces:
        broken = await rescue.broken_indexes(space)
        if broken and repair:
            dropped = await rescue.drop_broken_indexes(space)
            out.print(f"[yellow]note[/yellow]  {dropped} search indexes of {escape(space.id)} are built again")
            broken = await rescue.broken_indexes(space)
        if broken:
            problems += 1
            out.print(
                f"[red]bad[/red]   {len(broken)} search indexes of {escape(space.id)} can't be read; no clip is lost; "
                f"{_ADVICE}builds them again"
            )
    return problems


async def _compare(out: Printer, jobs: Jobs, scans: Sequence[SpaceScan], *, is_deep: bool, repair: bool) -> int:
    """Compare the ledger with the store; returns the number of differences that are left."""
    from soundbite_store import StoreError
    from soundbite_tools import compare

    misnamed, lost = frozenset(row.asset_id for scan in scans for row in scan.misnamed), 0
    try:
        difference = await compare(jobs.library, is_deep=is_deep)
        difference = _without(difference, misnamed)
        if repair and not difference.is_equal:
            lost = await repair_differences(out, jobs, difference)
            difference = _without(await compare(jobs.library, is_deep=is_deep), misnamed)
    except StoreError as exc:
        return _print_failure(out, exc)
    if difference.is_equal:
        depth = "what the ledger calls ready is in the store, and nothing else is"
        out.print(f"[green]ok[/green]    {depth}")
        return lost
    return lost + _print_difference(out, difference, repair=repair)


def _without(difference: Comparison, misnamed: frozenset[str]) -> Comparison:
    """The difference without recordings that there are only because an id was changed on the disk."""
    strays = tuple(stray for stray in difference.strays if stray.asset_id not in misnamed)
    return replace(difference, strays=strays)


def _print_failure(out: Printer, exc: Exception) -> int:
    from rich.markup import escape

    out.print(f"[red]bad[/red]   the ledger and the store can't be compared: {escape(str(exc))}")
    return 1


def _print_difference(out: Printer, difference: Comparison, *, repair: bool) -> int:
    lines = [*_loss_lines(difference), *_stray_lines(difference), *_engine_lines(difference)]
    for line in lines[:_TOLD_AT_ONCE]:
        out.print(f"[red]bad[/red]   {line}")
    if len(lines) > _TOLD_AT_ONCE:
        out.print(f"[red]bad[/red]   and {len(lines) - _TOLD_AT_ONCE} more such differences")
    if not repair:
        out.print(
            f"[yellow]note[/yellow]  {_ADVICE}embeds again what is lost, and enters into the ledger what it lacks"
        )
    return len(lines)


def _loss_lines(difference: Comparison) -> list[str]:
    from rich.markup import escape

    from soundbite_tools import printable

    lines = []
    for loss in difference.losses:
        what = f"{loss.missing} of {loss.recorded} vectors are not in the store"
        if not loss.missing:
            what = f"some of its {loss.recorded} vectors are not those that were written"
        elif loss.missing == loss.recorded:
            what = f"all {loss.recorded} vectors are lost from the store"
        name, source = escape(loss.asset.title), escape(printable(loss.source))
        lines.append(f"lost: {name} ({escape(loss.asset.asset_id)}): {what}; it came from {source}")
    lines += [
        f"lost: the transcript of {escape(asset.title)} ({escape(asset.asset_id)}) is not in the ledger"
        for asset in difference.wordless
    ]
    return lines


def _stray_lines(difference: Comparison) -> list[str]:
    from rich.markup import escape

    from soundbite_tools import printable

    return [
        f"not in the ledger: {escape(stray.title)} ({escape(stray.asset_id)}): {stray.vectors} vectors in the store "
        f"answer questions, and can't be listed or removed; it came from {escape(printable(stray.source_uri))}"
        for stray in difference.strays
    ]


def _engine_lines(difference: Comparison) -> list[str]:
    from rich.markup import escape

    lines = []
    for unheard in difference.unheard:
        what = "lacks the sound of" if unheard.is_known else "does not know any more"
        lines.append(f"the engine {what} {escape(unheard.asset.title)} ({escape(unheard.asset.asset_id)})")
    return lines
