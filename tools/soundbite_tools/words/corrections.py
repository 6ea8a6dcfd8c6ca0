"""Corrections that outlive an embedding: made again in the words that a platform recognises anew."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import anyio.to_thread

from soundbite_store import Correction, in_force
from soundbite_tools.errors import QuestionProblem
from soundbite_tools.text import clock, count_of, quoted, shorten
from soundbite_tools.words.glossary import Glossary
from soundbite_tools.words.soundalikes import NewName, bare_name, matches
from soundbite_tools.words.timed_words import Passage, letters, passages, reworded, timed_words, with_words

if TYPE_CHECKING:
    from soundbite_store import Asset, CorrectionKind, StoredTranscript, TimedText
    from soundbite_tools.library import Library
    from soundbite_tools.words.rewording import Span

# Another recogniser puts a word a little earlier or later.
_SLACK_SEC = 1.5
_MOST_NAMED = 3
_LONGEST_QUOTE = 80


@dataclass(frozen=True)
class Corrected:
    """A transcript with the corrections made in it, where they are, and what is to be told of them."""

    transcript: StoredTranscript
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    made: tuple[Correction, ...] = ()
    """Those that the ledger does not have yet: names of the glossary."""


async def corrected(
    library: Library, asset: Asset, transcript: StoredTranscript, *, is_recognised: bool = True
) -> Corrected:
    """Return a transcript with the corrections that were made in the recording, of those it reaches.

    Where it was recognised, names of the glossary take the place of what sounds like them as well.

    Raises:
        StoreError: the ledger can't be read.
    """
    all_known = await (await library.ledger()).corrections_of(asset.asset_id)
    known = in_force(all_known)
    first_sec, last_sec = transcript.start_sec - _SLACK_SEC, transcript.end_sec + _SLACK_SEC
    reached = [one for one in known if first_sec <= (one.start_sec + one.end_sec) / 2 <= last_sec]
    done = with_corrections(transcript, reached, asset.content_hash, is_recognised=is_recognised)
    if not is_recognised:
        return done
    try:
        glossary = await anyio.to_thread.run_sync(Glossary.read, library.config.glossary_file)
    except QuestionProblem as problem:  # no reason to lose an embedding
        return replace(done, notes=(*done.notes, str(problem)))
    named = await anyio.to_thread.run_sync(_with_names, asset, done.transcript, glossary, all_known)
    return Corrected(
        named.transcript, (*done.spans, *named.spans), (*done.notes, *_note_of_names(reached, named.made)), named.made
    )


def _with_names(
    asset: Asset, transcript: StoredTranscript, glossary: Glossary, corrections: Sequence[Correction]
) -> Corrected:
    """A transcript with the names of a glossary where words sound like them; where one was taken back it stays out."""
    spans: list[Span] = []
    made = list[Correction]()
    for one in reversed(matches(transcript, glossary.names)):  # so that the earlier places stay what they are
        if not was_taken_back(one, corrections):
            words = reworded(one.passage.words, one.text)
            transcript = with_words(transcript, one.passage, words)
            spans.append((one.passage.start_sec, one.passage.end_sec))
            made.insert(0, correction_of(asset, one.passage, words, one.text, "glossary"))
    return Corrected(transcript, tuple(spans), made=tuple(made))


def _note_of_names(known: Iterable[Correction], made: Sequence[Correction]) -> list[str]:
    count = len(made) + sum(one.kind == "glossary" for one in known)
    where = "teach_words with undo takes them back"
    return [f"Names of the glossary took the place of what was recognised, {count} times; {where}."] if count else []


def was_taken_back(new: NewName, corrections: Iterable[Correction]) -> bool:
    """Return whether somebody took this name back at this place."""
    return any(
        one.undone_at is not None
        and one.kind == "glossary"
        and letters(bare_name(one.new_text)) == letters(new.name)
        and one.start_sec < new.passage.end_sec + _SLACK_SEC
        and one.end_sec > new.passage.start_sec - _SLACK_SEC
        for one in corrections
    )


def correction_of(
    asset: Asset, passage: Passage, words: tuple[TimedText, ...], text: str, kind: CorrectionKind
) -> Correction:
    """Return the correction that puts words in the place of a passage, as the ledger keeps it."""
    return Correction(
        asset_id=asset.asset_id,
        content_hash=asset.content_hash,
        kind=kind,
        old_words=passage.words,
        new_words=words,
        old_text=passage.text,
        new_text=text,
        created_at=datetime.now(UTC),
    )


def with_corrections(
    transcript: StoredTranscript,
    corrections: Iterable[Correction],
    content_hash: str,
    *,
    is_recognised: bool = True,
) -> Corrected:
    """Return a transcript with corrections made in it, in their order.

    One is made where its earlier words are said, at about its time. Where other words are recognised there
    now in the same sound, it is made over those by its time, and told; it is left out, and told, where somebody brought
    other words or the sound is another.
    """
    spans: list[Span] = []
    over, gone = list[str](), list[str]()
    for one in corrections:
        start_sec, end_sec = one.start_sec - _SLACK_SEC, one.end_sec + _SLACK_SEC
        spoken = passages(transcript, one.old_text, start_sec, end_sec)
        if spoken:
            middle_sec = (one.start_sec + one.end_sec) / 2
            passage = min(spoken, key=lambda spot: abs((spot.start_sec + spot.end_sec) / 2 - middle_sec))
        elif one.new_text and passages(transcript, one.new_text, start_sec, end_sec):
            continue
        else:
            at_its_time = _passage_between(transcript, one.start_sec, one.end_sec)
            named = f"{clock(one.start_sec)} {quoted(shorten(one.new_text, _LONGEST_QUOTE))}"
            if not is_recognised or one.content_hash != content_hash or at_its_time is None:
                gone.append(named)
                continue
            over.append(named)
            passage = at_its_time
        # Its own times where it takes the place of the very words that it was made for.
        is_same = spoken and passage.words == one.old_words
        new = one.new_words if is_same else reworded(passage.words, one.new_text) if one.new_text else ()
        transcript = with_words(transcript, passage, new)
        spans.append((passage.start_sec, passage.end_sec))
    notes = [
        _note(over, "put in place of words that are recognised otherwise now"),
        _note(gone, "left out: what they were made for is not said there now"),
    ]
    return Corrected(transcript, tuple(spans), tuple(filter(None, notes)))


def _passage_between(transcript: StoredTranscript, start_sec: float, end_sec: float) -> Passage | None:
    words = timed_words(transcript)
    places = [at for at, word in enumerate(words) if start_sec <= (word.start_sec + word.end_sec) / 2 <= end_sec]
    places = [at for at in places if letters(words[at].value)]
    if not places:
        return None
    first, last = places[0], places[-1] + 1
    return Passage(first, last, tuple(words[first:last]))


def _note(named: list[str], what: str) -> str:
    if not named:
        return ""
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    return f"{count_of(len(named), 'correction')} {what}: {', '.join(named[:_MOST_NAMED])}{more}."
