"""A long recording while it is embedded: parts that the engine has done become clips, which search finds already."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import anyio

from soundbite_api import PlatformError
from soundbite_store import ClipFilter, LedgerChange, Space
from soundbite_tools.embed.spending import TaskFigures
from soundbite_tools.embed.transcripts import transcript_of
from soundbite_tools.embed.writing import Recording, clips_of, forget_others, is_removed, joined_transcript
from soundbite_tools.errors import RecordingRemoved
from soundbite_tools.library import current_space
from soundbite_tools.text import plain_text, quoted, time_reached
from soundbite_tools.words.corrections import corrected
from soundbite_tools.words.rewording import reworded_clips
from soundbite_tools.words.timed_words import TimedWords, without_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from soundbite_api import PartAnswer, TaskProgress
    from soundbite_store import Asset, Clip, Task
    from soundbite_tools.embed.params import EmbedParams
    from soundbite_tools.library import Library

_LONGEST_TITLE = 80
_MOST_NAMED = 3

log = logging.getLogger(__name__)


class PartWriter:
    """Writes the parts of one task of the platform, each in one commit; what it wrote outlives the process."""

    def __init__(self, library: Library, task: Task, asset: Asset, params: EmbedParams) -> None:
        self._library = library
        self._task = task
        self._asset = asset
        self._params = params
        self._figures = TaskFigures.of(task)

    async def follow(self, platform_task_id: str, progress: TaskProgress | None) -> None:
        """Write the parts that are done and not written yet.

        Raises:
            RecordingRemoved: it was, meanwhile.
            StoreError: they can't be written.
        """
        if self._figures.is_live:
            return  # what was made while it was written answers until all of it is made again
        if self._figures.parts_of != platform_task_id:
            self._figures = TaskFigures(parts_of=platform_task_id)
        if progress is None or progress.parts <= self._figures.parts:
            return
        # Machines that share a store learn of a recording once it is whole, and what a changed file held before answers
        # until then.
        if self._task.renewal_json or await self._library.sharing():
            return
        for number in range(self._figures.parts + 1, progress.parts + 1):
            try:
                answer = await self._library.client.get_task_part(platform_task_id, number)
            except PlatformError as exc:  # the whole answer is there by now, or the next look brings it
                log.info("Part %d of task %s is not there: %s", number, self._task.task_id, exc.message)
                return
            await self._write(answer)

    async def _write(self, answer: PartAnswer) -> None:
        library, asset, task, part = self._library, self._asset, self._task, answer.part
        ledger, store, platform = await library.ledger(), await library.store(), library.config.platform
        if is_removed(await ledger.get_task(task.task_id)):
            raise RecordingRemoved()
        transcript = transcript_of(part.transcription, asset.asset_id, platform) if part.transcription else None
        if transcript and asset.erased:
            transcript = without_spans(transcript, asset.erased)
        is_recognised = not self._params.transcript
        done = await corrected(library, asset, transcript, is_recognised=is_recognised) if transcript else None
        reached = {"parts": part.number, "until_sec": part.until_sec, "is_provisional": part.is_provisional}
        is_anew, figures = self._figures.is_provisional, self._figures.model_copy(update=reached)
        space = task.space
        # A commit that has begun can't be stopped: whoever stops the job to remove its recording waits for the end.
        with anyio.CancelScope(shield=True):
            if part.data:
                current = current_space(answer.space, len(part.data[0].embedding))
                space = current.space.id
                recording = Recording(asset, task, self._params, TimedWords(transcript, asset.erased))
                clips: Sequence[Clip] = clips_of(recording, part.data, current.space.dimension)
                if done and done.spans:
                    clips = await reworded_clips(
                        library, clips, current.space, done.transcript, done.spans, erased=asset.erased
                    )
                await store.upsert(current.space, clips)
                if is_anew:
                    await forget_others(store, task, current.space, clips)
                count = (0 if is_anew else figures.clips) + len({clip.clip_id for clip in clips})
                figures = figures.model_copy(update={"clips": count, "dimension": current.space.dimension})
            if done and done.made:
                await ledger.apply_change(LedgerChange(asset_id=asset.asset_id, made=done.made))
            if done and done.transcript.words:
                earlier = await ledger.get_transcript(asset.asset_id, platform)
                await ledger.put_transcript(joined_transcript(earlier, done.transcript))
            await ledger.update_task(task.task_id, space=space, counts_json=figures.model_dump_json())
        self._figures = figures


async def forget_parts(library: Library, task: Task) -> None:
    """Delete the clips of a task that failed, unless they are those of one before it as well.

    Raises:
        StoreError: they can't be deleted.
    """
    ledger, store = await library.ledger(), await library.store()
    task = await ledger.get_task(task.task_id) or task
    figures = TaskFigures.of(task)
    if not figures.parts or figures.counts:
        return
    ready = await ledger.list_tasks(None, asset_id=task.asset_id, status="ready")
    if not any(other.space == task.space for other in ready):
        await store.delete_clips(Space(task.space, figures.dimension), ClipFilter(task_id=task.task_id))
    await ledger.update_task(task.task_id, space="", counts_json="{}")


async def unfinished_notes(library: Library) -> list[str]:
    """Return a sentence for each recording of which only a part can be searched yet, a few by name.

    Raises:
        StoreError: the ledger can't be read.
    """
    ledger = await library.ledger()
    tasks = [task for task in await ledger.unfinished_tasks() if TaskFigures.of(task).clips]
    assets = await ledger.get_assets(task.asset_id for task in tasks)
    notes = [
        f"{quoted(plain_text(asset.title, _LONGEST_TITLE))} is still being embedded and was searched until "
        f"{time_reached(TaskFigures.of(task).until_sec, asset.duration_sec)}."
        for task in tasks
        if (asset := assets.get(task.asset_id))
    ]
    more = len(notes) - _MOST_NAMED
    return notes if more <= 0 else [*notes[:_MOST_NAMED], f"So are parts of {more} more."]
