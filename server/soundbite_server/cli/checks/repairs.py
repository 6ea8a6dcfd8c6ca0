"""What `soundbite doctor --repair` does: embeds again what is lost or damaged, and fills the ledger from the clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from soundbite_server.cli.render.lines import Printer
    from soundbite_store import Asset, LostTable, SpaceScan, StoreRescue
    from soundbite_tools import Comparison, Jobs, Loss, Stray, Unheard


async def repair_tables(out: Printer, rescue: StoreRescue, lost: Iterable[LostTable]) -> None:
    """Take out of tables that can't be opened what can't be read, or set them aside."""
    from rich.markup import escape

    for table in lost:
        out.print(f"[yellow]note[/yellow]  {escape(await rescue.rescue(table.name))}")


async def repair_rows(out: Printer, jobs: Jobs, scan: SpaceScan) -> None:
    """Take out rows that can't be read or are there twice, and embed again the recordings of damaged ones."""
    from rich.markup import escape

    from soundbite_store import MendResult, StoreCorrupt, StoreRescue

    store, space = await jobs.library.store(), escape(scan.space.id)
    if scan.doubled or scan.unreadable:
        try:
            mended = await store.mend(scan.space)
        except StoreCorrupt:  # which rows there are can't be told either
            mended = MendResult(0, 0)
        if mended.doubled or mended.unreadable:
            out.print(
                f"[yellow]note[/yellow]  {mended.doubled} second rows and {mended.unreadable} that can't be read were "
                f"taken out of {space}"
            )
        scan = await store.scan(scan.space) or scan  # behind what could not be read may be more
    if scan.unreadable:
        out.print(f"[yellow]note[/yellow]  {escape(await StoreRescue(store).rescue(scan.space.table_name))}")
        earlier = await store.scan(scan.space)
        if earlier and earlier.doubled:  # an earlier version may hold rows that a lost deletion file took out
            await store.mend(scan.space)
        return
    if not scan.damaged and not scan.misnamed:
        return
    if scan.space != (await jobs.library.spaces.current()).space:
        out.print(f"[yellow]note[/yellow]  {space} can be repaired only with the engine that made it")
        return
    await _embed_damaged_again(out, jobs, scan)
    if scan.misnamed:
        await _remove_misnamed(out, jobs, scan)


async def _embed_damaged_again(out: Printer, jobs: Jobs, scan: SpaceScan) -> None:
    from rich.markup import escape

    from soundbite_server.cli.reembed import params_of

    ledger = await jobs.library.ledger()
    for asset_id in sorted({row.asset_id for row in (*scan.damaged, *scan.misnamed)}):
        asset = await ledger.get_asset(asset_id)
        if asset is None:
            out.print(f"[yellow]note[/yellow]  {escape(asset_id)} is not in the ledger; add its file again")
            continue
        for params in await params_of(jobs.library, asset):
            # The same rows come out under the same keys, so they take the place of the damaged ones.
            await _embed_again(out, jobs, asset, params)


async def _embed_again(out: Printer, jobs: Jobs, asset: Asset, params: object) -> bool:
    from rich.markup import escape

    from soundbite_server.cli.failures import next_step
    from soundbite_server.cli.reembed import embed_again
    from soundbite_store import StoreError
    from soundbite_tools import EmbedParams

    assert isinstance(params, EmbedParams)
    title = escape(asset.title)
    try:
        task = await embed_again(jobs, asset, params)
    except StoreError as exc:
        out.print(f"[red]bad[/red]   {title}: {escape(str(exc))}")
        return False
    if task.status == "failed":
        out.print(
            f"[red]bad[/red]   {title}: {escape(task.error_message)} "
            f"{escape(next_step(task.error_code, task.error_hint))}"
        )
        return False
    out.print(f"[yellow]note[/yellow]  {title}: embedded again")
    return True


async def _remove_misnamed(out: Printer, jobs: Jobs, scan: SpaceScan) -> None:
    """Delete rows with changed ids once everything that the ledger knows is there under the right ones."""
    from rich.markup import escape

    from soundbite_store import StoreRescue
    from soundbite_tools import compare

    difference = await compare(jobs.library, is_deep=False)
    for loss in difference.losses:  # an id of a recording that was changed says nothing of whose it was
        await _repair_loss(out, jobs, loss)
    if (await compare(jobs.library, is_deep=False)).losses:
        out.print(f"[yellow]note[/yellow]  the rows with changed ids stay in {escape(scan.space.id)}")
        return
    count = await StoreRescue(await jobs.library.store()).remove_misnamed(scan.space)
    out.print(f"[yellow]note[/yellow]  {count} rows with changed ids were taken out of {escape(scan.space.id)}")


async def repair_differences(out: Printer, jobs: Jobs, difference: Comparison) -> int:
    """Make what the ledger or the store lacks again; returns of how many recordings something is lost for good."""
    losses = 0
    for stray in difference.strays:
        losses += not await _rebuild(out, jobs, stray)
    for loss in difference.losses:
        await _repair_loss(out, jobs, loss)
    for asset in difference.wordless:
        await _repair_transcript(out, jobs, asset)
    await _give_again(out, jobs, difference.unheard)
    return losses


async def _rebuild(out: Printer, jobs: Jobs, stray: Stray) -> bool:
    from rich.markup import escape

    from soundbite_tools import ToolProblem, rebuild_records

    try:
        asset, is_whole = await rebuild_records(jobs.library, stray)
    except ToolProblem as exc:
        out.print(f"[red]bad[/red]   {escape(stray.title)}: {escape(exc.message)}")
        return True  # it is counted with what still differs
    out.print(
        f"[yellow]note[/yellow]  {escape(asset.title)}: its record in the ledger was made again from its clips; "
        f"`soundbite rm {escape(asset.asset_id)}` removes it"
    )
    if not is_whole:
        out.print(
            f"[red]lost[/red]  {escape(asset.title)}: the times of its words, and what was corrected or named in its "
            "transcript, were in the ledger only; removed and added again it has a whole transcript. "
            "What was erased of it was kept in the ledger too: added again, that part comes back, to be erased again"
        )
    return is_whole


async def _repair_loss(out: Printer, jobs: Jobs, loss: Loss) -> None:
    from rich.markup import escape

    from soundbite_tools import EmbedParams

    if loss.space != (await jobs.library.spaces.current()).space:
        out.print(f"[yellow]note[/yellow]  {escape(loss.space.id)} can be repaired only with the engine that made it")
        return
    await _embed_again(out, jobs, loss.asset, EmbedParams.model_validate_json(loss.task.params_json))


async def _repair_transcript(out: Printer, jobs: Jobs, asset: Asset) -> None:
    from rich.markup import escape

    from soundbite_server.cli.reembed import params_of
    from soundbite_tools import rebuild_transcript

    done = [await _embed_again(out, jobs, asset, params) for params in await params_of(jobs.library, asset)]
    if not any(done) and await rebuild_transcript(jobs.library, asset):
        out.print(f"[yellow]note[/yellow]  {escape(asset.title)}: its transcript was made again from its clips")


async def _give_again(out: Printer, jobs: Jobs, unheard: Sequence[Unheard]) -> None:
    from rich.markup import escape

    from soundbite_server.cli.failures import next_step
    from soundbite_tools import ToolProblem, give_again

    for missing in unheard:
        title = escape(missing.asset.title)
        try:
            await give_again(jobs.library, missing)
        except ToolProblem as exc:
            out.print(f"[red]bad[/red]   {title}: {escape(exc.message)} {escape(next_step(exc.code, exc.next_step))}")
            continue
        out.print(f"[yellow]note[/yellow]  {title}: given to the engine again")
