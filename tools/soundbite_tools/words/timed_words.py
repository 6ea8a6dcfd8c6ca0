"""Words with their times: cut to ranges, spread over a sentence, and put in the place of others.

Cues that lie over each other are put one after the other, and rolling captions lose the words that they repeat.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import accumulate, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from soundbite_tools.text import ERASED, folded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from soundbite_store import StoredTranscript, TimedText

LONGEST_TRANSCRIPT = 4000
"""Characters of a clip."""
_MILLISECONDS = 3
_QUICKEST = 25.0
"""Characters a second that somebody may say."""
_SHORTEST_SEC = 0.05
_LEAST_ROLLING = 2


class TimedWords:
    """What a transcript says between two times; a word belongs where its middle is."""

    def __init__(self, transcript: StoredTranscript | None, erased: Sequence[tuple[float, float]] = ()) -> None:
        self._erased = erased
        timed = (transcript.words or transcript.sentences) if transcript else ()
        self._speakers = {text.speaker for text in timed if text.speaker}
        # Put in order once: every clip of a recording asks, and four hours are 36,000 words.
        places = sorted((((text.start_sec + text.end_sec) / 2, text) for text in timed), key=itemgetter(0))
        self._middles = [middle for middle, _ in places]
        self._texts = [text for _, text in places]

    def between(self, start_sec: float, end_sec: float) -> str:
        """Return the words from one time up to another, with a mark where something between them is erased."""
        words = [((text.start_sec + text.end_sec) / 2, text.value) for text in self.inside(start_sec, end_sec)]
        if not words:
            return ""
        marks = [(max(start, start_sec), ERASED) for start, end in self._erased if start < end_sec and end > start_sec]
        values = [value for _, value in sorted([*words, *marks], key=itemgetter(0))] if marks else [v for _, v in words]
        return " ".join(value for at, value in enumerate(values) if not (at and value == values[at - 1] == ERASED))

    def speaker(self, start_sec: float, end_sec: float) -> str | None:
        """Return who speaks most from one time up to another; None in a recording of one speaker."""
        if len(self._speakers) < 2:
            return None
        shares: Counter[str] = Counter()
        for text in self.inside(start_sec, end_sec):
            shares[text.speaker] += len(text.value)
        return next((speaker for speaker, _ in shares.most_common(1)), None) or None

    def inside(self, start_sec: float, end_sec: float) -> list[TimedText]:
        """Return the words from one time up to another, in order of time."""
        first, last = bisect_left(self._middles, start_sec), bisect_left(self._middles, end_sec)
        return self._texts[first:last]


def separator_of(text: str) -> str:
    """Return what stands between the words of a text: nothing in a language that is written without spaces."""
    return " " if " " in text.strip() or text.isascii() else ""


def spread_words(text: TimedText) -> tuple[TimedText, ...]:
    """Return the words of a text with times in proportion to where they stand in it."""
    separator = separator_of(text.value)
    values = text.value.split() if separator else list(text.value)
    length = len(separator.join(values))
    a_character_sec = (text.end_sec - text.start_sec) / max(1, length)
    words: list[TimedText] = []
    at = 0
    for value in values:
        start_sec, end_sec = (text.start_sec + place * a_character_sec for place in (at, at + len(value)))
        words.append(
            replace(text, value=value, start_sec=round(start_sec, _MILLISECONDS), end_sec=round(end_sec, _MILLISECONDS))
        )
        at += len(value) + len(separator)
    return tuple(words)


def single_words(texts: Iterable[TimedText]) -> list[TimedText]:
    """Return texts of which some hold several words as one entry a word."""
    return [word for text in texts for word in (spread_words(text) if " " in text.value.strip() else (text,))]


def letters(text: str) -> str:
    """Return what is compared of words: their letters and digits, without case and accents."""
    return "".join(character for character in folded(text) if character.isalnum())


def reworded(old: Sequence[TimedText], text: str) -> tuple[TimedText, ...]:
    """Return the words of `text` in the time of the `old` ones: a word that stays keeps its time.

    Speakers are those of the words that they take the place of; none of them is under doubt any more.
    """
    whole = replace(old[0], value=text, end_sec=max(word.end_sec for word in old), probability=1.0)
    new = spread_words(whole)
    matcher = SequenceMatcher(None, [letters(word.value) for word in old], [letters(word.value) for word in new], False)
    words: list[TimedText] = []
    for operation, first, last, start, end in matcher.get_opcodes():
        if operation == "equal":
            pairs = zip(old[first:last], new[start:end], strict=True)
            words += [replace(before, value=after.value, probability=1.0) for before, after in pairs]
        elif start < end:
            span = old[first:last] or old[max(0, first - 1) : first + 1]  # words that were left out lie at a border
            begin_sec, until_sec = span[0].start_sec, max(word.end_sec for word in span)
            if first == last:
                begin_sec = words[-1].end_sec if words else old[0].start_sec
                until_sec = old[first].start_sec if first < len(old) else old[-1].end_sec
            value = separator_of(text).join(word.value for word in new[start:end])
            until_sec = max(begin_sec, until_sec)
            whole = replace(span[0], value=value, start_sec=begin_sec, end_sec=until_sec, probability=1.0)
            words += spread_words(whole)
    return tuple(words)


@dataclass(frozen=True)
class Passage:
    """Words that follow each other in a transcript, by their places among `single_words`."""

    first: int
    last: int
    words: tuple[TimedText, ...]
    span: tuple[float, float] | None = None
    """Its times in seconds, where it has no words."""

    @property
    def start_sec(self) -> float:
        """When it begins."""
        return self.span[0] if self.span else min(word.start_sec for word in self.words)

    @property
    def end_sec(self) -> float:
        """When it ends."""
        return self.span[1] if self.span else max(word.end_sec for word in self.words)

    @property
    def text(self) -> str:
        """What they say."""
        return joined_text(self.words)


def joined_text(words: Iterable[TimedText]) -> str:
    """Return words as one text; one of words without a letter of a spaced script stands without spaces."""
    values = [word.value for word in words]
    return ("" if _is_unspaced(values) else " ").join(values)


def _is_unspaced(values: Sequence[str]) -> bool:
    """Whether words are written without spaces: most are single characters that are not ASCII."""
    single = sum(len(value) <= 2 and not value.isascii() for value in values)
    return len(values) > 1 and single > len(values) / 2


def passages(transcript: StoredTranscript, text: str, start_sec: float, end_sec: float) -> list[Passage]:
    """Return where `text` is said as whole words between two times, compared by letters and digits alone."""
    words = timed_words(transcript)
    places = [at for at, word in enumerate(words) if start_sec <= (word.start_sec + word.end_sec) / 2 < end_sec]
    wanted, matches = letters(text), list[Passage]()
    for number, first in enumerate(places):
        rest = wanted
        for at in places[number:]:
            value = letters(words[at].value)
            if not rest.startswith(value) or (at == first and not value):
                break
            rest = rest[len(value) :]
            if not rest:
                matches.append(Passage(first, at + 1, tuple(words[first : at + 1])))
                break
    return matches if wanted else []


def without_spans(transcript: StoredTranscript, spans: Sequence[tuple[float, float]]) -> StoredTranscript:
    """Return a transcript without the words that reach into any of these spans, in seconds.

    Of a transcript whose words have no times of their own, without the sentences that do.
    """

    from soundbite_store import is_touched  # in here: the start of a server loads nothing of the store

    def is_left(text: TimedText) -> bool:
        return not is_touched(text.start_sec, text.end_sec, spans)

    words = tuple(filter(is_left, transcript.words))
    middles = [(word.start_sec + word.end_sec) / 2 for word in words]
    sentences: list[TimedText] = []
    for sentence in transcript.sentences:
        if is_left(sentence):
            sentences.append(sentence)
            continue
        inside = words[bisect_left(middles, sentence.start_sec) : bisect_right(middles, sentence.end_sec)]
        for part in _parts(inside, spans):
            start_sec, end_sec = part[0].start_sec, max(word.end_sec for word in part)
            sentences.append(replace(sentence, value=joined_text(part), start_sec=start_sec, end_sec=end_sec))
    return replace(transcript, words=words, sentences=tuple(sentences))


def _parts(words: Sequence[TimedText], spans: Sequence[tuple[float, float]]) -> list[list[TimedText]]:
    """Words in runs that no span lies between."""
    from soundbite_store import is_touched

    parts: list[list[TimedText]] = []
    for word in words:
        if parts and not is_touched(parts[-1][-1].end_sec, word.start_sec, spans):
            parts[-1].append(word)
        else:
            parts.append([word])
    return parts


def timed_words(transcript: StoredTranscript) -> list[TimedText]:
    """Return the words of a transcript in order of time; where it has sentences only, spread over them."""
    words = single_words(transcript.words or transcript.sentences)
    return sorted(words, key=lambda word: (word.start_sec, word.end_sec))


def with_words(transcript: StoredTranscript, passage: Passage, new: Sequence[TimedText]) -> StoredTranscript:
    """Return a transcript with other words in the place of a passage, and its sentences as these say them."""
    words = timed_words(transcript)
    words[passage.first : passage.last] = new
    middles = [(word.start_sec + word.end_sec) / 2 for word in words]
    sentences: list[TimedText] = []
    has_room = False
    for sentence in transcript.sentences:
        if sentence.end_sec <= passage.start_sec or sentence.start_sec >= passage.end_sec:
            sentences.append(sentence)
            continue
        has_room = True
        first, last = bisect_left(middles, sentence.start_sec), bisect_right(middles, sentence.end_sec)
        if value := joined_text(words[first:last]):
            sentences.append(replace(sentence, value=value))
    if new and not has_room and transcript.sentences:
        sentences.append(replace(new[0], value=joined_text(new), end_sec=new[-1].end_sec))
        sentences.sort(key=lambda sentence: (sentence.start_sec, sentence.end_sec))
    return replace(transcript, words=tuple(words), sentences=tuple(sentences))


def one_after_the_other(sentences: Sequence[TimedText]) -> list[TimedText]:
    """Return sentences in order of their start with times that do not overlap, so that each one's words stay together.

    A sentence ends where the next begins, if it can be said until then; those that can't share their time by length.
    """
    texts = _without_repeats(sorted(sentences, key=lambda one: (one.start_sec, one.end_sec)))
    starts = [one.start_sec for one in texts]
    lengths = [0, *accumulate(len(one.value) + 1 for one in texts)]
    ends = list(accumulate((one.end_sec for one in texts), max))
    placed: list[TimedText] = []
    at = 0.0
    for number, one in enumerate(texts):
        start_sec, end_sec = max(at, one.start_sec), one.end_sec
        if at > one.start_sec:
            end_sec = max(end_sec, ends[number - 1])
            end_sec = end_sec if end_sec > start_sec else start_sec + _SHORTEST_SEC
        if number + 1 < len(texts) and starts[number + 1] < end_sec:
            next_sec = starts[number + 1]
            if next_sec - start_sec >= len(one.value) / _QUICKEST:
                end_sec = next_sec
            else:
                last = bisect_left(starts, end_sec, number + 1)
                share = (lengths[number + 1] - lengths[number]) / (lengths[last] - lengths[number])
                shared_sec = start_sec + share * (max(end_sec, ends[last - 1]) - start_sec)
                end_sec = max(next_sec, min(end_sec, shared_sec))
        at = round(end_sec, 3)
        placed.append(replace(one, start_sec=round(start_sec, 3), end_sec=at))
    return placed


def _without_repeats(sentences: Sequence[TimedText]) -> list[TimedText]:
    """The sentences; of captions that roll, where most begin with the end of the one before, what is new in each."""
    words = [one.value.split() for one in sentences]
    again = [_repeated(*both, *values) for both, values in zip(pairwise(sentences), pairwise(words), strict=True)]
    partly = sum(0 < count < len(values) for count, values in zip(again, words[1:], strict=True))
    if partly < _LEAST_ROLLING or 2 * sum(map(bool, again)) <= len(again):
        return list(sentences)
    fresh = (values[count:] for count, values in zip([0, *again], words, strict=True))
    return [replace(one, value=" ".join(values)) for one, values in zip(sentences, fresh, strict=True) if values]


def _repeated(before: TimedText, after: TimedText, old: Sequence[str], new: Sequence[str]) -> int:
    """How many words at the begin of a sentence are those at the end of the one that is shown until then."""
    if before.speaker != after.speaker or after.start_sec > before.end_sec + _SHORTEST_SEC:
        return 0
    most = min(len(old), len(new))
    return next((count for count in range(most, 0, -1) if old[-count:] == new[:count]), 0)
