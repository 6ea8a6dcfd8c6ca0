"""teach_words: names as they are spelled, put where words that may be misheard sound like them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread

from soundbite_store import in_force
from soundbite_tools.edit.correct_transcript import Replacement, passage_of, replace_words
from soundbite_tools.errors import QuestionProblem, raises_problems
from soundbite_tools.text import clock_range, count_of, plain_text, quoted, range_id, rounded_sec, shorten
from soundbite_tools.transcript_requests import TaughtWords, TeachResult
from soundbite_tools.words.corrections import was_taken_back
from soundbite_tools.words.glossary import Glossary, Name
from soundbite_tools.words.pronunciation import likeness
from soundbite_tools.words.soundalikes import bare_name, matches
from soundbite_tools.words.timed_words import letters, reworded

if TYPE_CHECKING:
    from soundbite_store import Asset, Correction, StoredTranscript
    from soundbite_tools.library import Library
    from soundbite_tools.transcript_requests import TeachRequest

MOST_SHOWN = 40
LONGEST_S = 15.0
_MOST_NOTES = 5
_MOST_LISTED = 200
_LONGEST_QUOTE = 80
_READ_AT_ONCE = 500


@dataclass(frozen=True)
class _Recording:
    """A recording, what is said in it, and what was changed there before."""

    asset: Asset
    transcript: StoredTranscript
    corrections: Sequence[Correction]


@raises_problems
async def teach_words(
    library: Library, request: TeachRequest, *, most_shown: int = MOST_SHOWN, longest_s: float = LONGEST_S
) -> TeachResult:
    """Add names to the glossary and put them where they were misheard, or take back what was put; in one answer.

    After `longest_s` seconds no further recording is looked at, and the answer says so.

    Raises:
        ToolProblem: a name is none, the glossary can't be read or written, or new words can't be embedded.
    """
    path = library.config.glossary_file
    wanted = [Name.parse(word) for word in request.words]
    if request.undo and request.remove:
        raise QuestionProblem("undo and remove were both given.", "Take back first (undo), then remove.")
    async with library.rewriting():
        before = await anyio.to_thread.run_sync(Glossary.read, path)
        after = before.without(request.remove)
        missing = [word for word in request.remove if letters(word) not in map(letters, before.spellings)]
        if missing:
            raise QuestionProblem(
                f"{missing[0]!r} is not in the glossary.",
                "Call teach_words with dry_run for what is in it.",
                code="unknown_name",
            )
        if not request.undo:
            after = after.with_names(wanted)
        if after != before and not request.dry_run:
            await anyio.to_thread.run_sync(after.write, path)
        keys = {letters(name.text) for name in wanted}
        names = [name for name in after.names if not keys or letters(name.text) in keys]
        changes = _Changes(library, is_dry_run=request.dry_run, longest_s=longest_s)
        if request.undo:
            await changes.take_back(keys)
        elif not request.remove or wanted:
            await changes.put(names, after.names)
    there = before if request.dry_run else after
    return TeachResult(
        names=len(after.names),
        glossary=[name.line for name in there.names[:_MOST_LISTED]] if not (wanted or request.undo) else [],
        replacements=changes.shown[:most_shown],
        replaced=len(changes.shown),
        clips_changed=changes.clips,
        is_dry_run=request.dry_run,
        notes=[*before.notes[:_MOST_NOTES], *changes.told(most_shown)],
        next_step=_next_step(request, changes, names),
    )


def _next_step(request: TeachRequest, changes: _Changes, names: Sequence[Name]) -> str:
    if request.undo and names:
        subject = f"{quoted(names[0].text)} stays" if len(names) == 1 else f"{len(names)} names stay"
        return f"{subject} in the glossary: remove takes a name out."
    if not changes.shown or request.undo:
        return ""
    if request.dry_run:
        return "Nothing was changed yet: without dry_run it is."
    return "undo=true with words takes them back; correct_transcript with undo=true takes back one."


class _Changes:
    """What is changed in the library, recording by recording, by one call."""

    def __init__(self, library: Library, *, is_dry_run: bool, longest_s: float) -> None:
        self._library = library
        self._until = anyio.current_time() + longest_s
        self._is_dry_run = is_dry_run
        self.shown: list[TaughtWords] = []
        self.clips = 0
        self._notes: list[str] = []
        self._left = 0
        self._spelled = 0
        self._is_put = False

    async def put(self, names: Sequence[Name], all_names: Sequence[Name]) -> None:
        """Put names where words sound like them; words that sound more like another name of the glossary stay."""
        wanted = {letters(name.text) for name in names}
        self._is_put = bool(names)
        async for recording in self._recordings():
            there = await anyio.to_thread.run_sync(matches, recording.transcript, all_names)
            there = [one for one in there if letters(one.name) in wanted]
            new = [one for one in there if not was_taken_back(one, recording.corrections)]
            self._left += len(there) - len(new)
            sentences = [sentence.value for sentence in recording.transcript.sentences]
            self._spelled += any(name.text in text for name in names for text in sentences)
            replacements = [Replacement(one.passage, reworded(one.passage.words, one.text), one.text) for one in new]
            likenesses = [one.nearness for one in new]
            await self._replace(recording, replacements, likenesses)

    async def take_back(self, keys: set[str]) -> None:
        """Put back the words that names of these letters took the place of; without any, those of all names."""
        async for recording in self._recordings():
            replacements, numbers, likenesses = list[Replacement](), list[int](), list[float]()
            for one in in_force(recording.corrections):
                if one.kind == "glossary" and (not keys or letters(bare_name(one.new_text)) in keys):
                    try:
                        passage = passage_of(recording.transcript, one)
                    except QuestionProblem as problem:
                        self._notes.append(str(problem))
                        continue
                    replacements.append(Replacement(passage, one.old_words, one.old_text))
                    likenesses.append(likeness(one.old_text, one.new_text))
                    numbers.append(one.correction_id)
            await self._replace(recording, replacements, likenesses, numbers)

    async def _recordings(self) -> AsyncIterator[_Recording]:
        ledger = await self._library.ledger()
        spoken, at, seen = await ledger.assets_with_transcripts(), 0, 0
        while assets := await ledger.list_assets(_READ_AT_ONCE, at, with_failed=False):
            at += len(assets)
            for asset in assets:
                if asset.asset_id not in spoken:
                    continue
                if anyio.current_time() > self._until:
                    self._notes.append(
                        f"Only the newest {seen} of {len(spoken)} recordings were looked at in the time there is: call "
                        "teach_words again for more, or `soundbite teach` on the command line, which takes its time."
                    )
                    return
                seen += 1
                transcript = await ledger.get_transcript(asset.asset_id, self._library.config.platform)
                if transcript is not None:
                    yield _Recording(asset, transcript, await ledger.corrections_of(asset.asset_id))

    async def _replace(
        self,
        recording: _Recording,
        replacements: Sequence[Replacement],
        likenesses: Sequence[float],
        undone: Sequence[int] = (),
    ) -> None:
        self.shown += [_shown(recording.asset, one, near) for one, near in zip(replacements, likenesses, strict=True)]
        if replacements and not self._is_dry_run:
            changed = await replace_words(
                self._library,
                recording.asset,
                recording.transcript,
                replacements,
                kind=None if undone else "glossary",
                undone=undone,
            )
            self.clips += changed.count
            self._notes += changed.notes

    def told(self, most_shown: int) -> list[str]:
        """What is to be told of the changes."""
        notes = list(dict.fromkeys(self._notes))[:_MOST_NOTES]
        if self._left:
            notes.append(f"Left as it is where a name was taken back: {count_of(self._left, 'place')}.")
        elif self._is_put and not self.shown:
            spelled = f"; it is spelled so in {count_of(self._spelled, 'recording')} already" if self._spelled else ""
            notes.append(f"No words that may be misheard sound like what was taught{spelled}.")
        if len(self.shown) > most_shown:
            notes.append(f"The first {most_shown} of {len(self.shown)} replacements are shown.")
        return notes


def _shown(asset: Asset, one: Replacement, near: float) -> TaughtWords:
    start_sec, end_sec = one.passage.start_sec, one.passage.end_sec
    return TaughtWords(
        before=shorten(plain_text(one.passage.text, _LONGEST_QUOTE), _LONGEST_QUOTE),
        after=shorten(one.new_text, _LONGEST_QUOTE),
        clip_id=range_id(asset.asset_id, max(0.0, start_sec - 1.0), end_sec + 1.0),
        title=shorten(asset.title, _LONGEST_QUOTE),
        start_sec=rounded_sec(start_sec),
        time_range=clock_range(start_sec, end_sec),
        nearness=round(near, 2),
    )
