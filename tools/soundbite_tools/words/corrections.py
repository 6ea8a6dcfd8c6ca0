"""Corrections that outlive an embedding: made again in the words that a platform recognises anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from soundbite_store import in_force
from soundbite_tools.text import clock, count_of, quoted, shorten
from soundbite_tools.words.timed_words import Passage, letters, passages, reworded, timed_words, with_words

if TYPE_CHECKING:
    from soundbite_store import Asset, Correction, StoredTranscript
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


async def corrected(library: Library, asset: Asset, transcript: StoredTranscript) -> Corrected:
    """Return a transcript with the corrections that were made in the recording, of those it reaches.

    Raises:
        StoreError: the ledger can't be read.
    """
    known = in_force(await (await library.ledger()).corrections_of(asset.asset_id))
    first_sec, last_sec = transcript.start_sec - _SLACK_SEC, transcript.end_sec + _SLACK_SEC
    reached = [one for one in known if first_sec <= (one.start_sec + one.end_sec) / 2 <= last_sec]
    return with_corrections(transcript, reached, asset.content_hash)


def with_corrections(transcript: StoredTranscript, corrections: Iterable[Correction], content_hash: str) -> Corrected:
    """Return a transcript with corrections made in it, in their order.

    One is made where its earlier words are said, at about its time. Where the same sound has other words there now, it
    is made over those by its time, and told; of other sound it is left out, and told.
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
            if one.content_hash != content_hash or at_its_time is None:
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
