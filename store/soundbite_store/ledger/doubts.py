"""Words under doubt: those that a recogniser wrote down and holds for little likely."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import StoredTranscript, TimedText

# Of words that Whisper tiny.en holds for less likely than this about half are wrong: on 16 minutes of calls, a reading
# and short sentences they were 2 to 11 % of all words, and a fifth to a third of the wrong ones.
DOUBTFUL_PROBABILITY = 0.5
# English calls hold up to 15 % words of that kind, French through an English recogniser more than half.
_MOST_DOUBTFUL, _FEWEST_WORDS = 0.4, 8
_MARKS = " .,!?;:…\"'()[]{}«»“”‘’¿¡-–—"  # noqa: RUF001 - marks of several languages are meant
Place = tuple[str, float, float]
"""An asset, and from when to when, in seconds."""


def doubtful_words(words: Sequence[TimedText]) -> list[str]:
    """Those of `words` that may be misheard, each once, without marks, in order."""
    doubtful = (word.value.strip(_MARKS) for word in words if word.probability < DOUBTFUL_PROBABILITY)
    return list(dict.fromkeys(filter(None, doubtful)))


def is_hardly_understood(words: Sequence[TimedText]) -> bool:
    """Whether so many of `words` may be misheard that none of them is to be trusted."""
    doubtful = sum(word.probability < DOUBTFUL_PROBABILITY for word in words)
    return len(words) >= _FEWEST_WORDS and doubtful > _MOST_DOUBTFUL * len(words)


class DoubtRecords:
    """The ledger's words under doubt."""

    _ledger: LedgerConnection

    async def doubtful_words_at(self, source: str, places: Sequence[Place]) -> list[list[str]]:
        """The words that may be misheard at each place, each once, in order of time, according to one source."""
        sql = (
            "SELECT word FROM doubts WHERE asset_id = ? AND source = ? AND start_sec >= ? AND start_sec < ? "
            "ORDER BY start_sec"
        )

        def work(db: sqlite3.Connection) -> list[list[str]]:
            found = (db.execute(sql, (asset_id, source, start, end)) for asset_id, start, end in places)
            return [list(dict.fromkeys(row["word"] for row in rows)) for rows in found]

        return await self._ledger.read(work)


def note_doubts(db: sqlite3.Connection, transcript: StoredTranscript) -> None:
    """Keep the words under doubt of a transcript that is being written, in place of those it had."""
    key = (transcript.asset_id, transcript.source)
    db.execute("DELETE FROM doubts WHERE asset_id = ? AND source = ?", key)
    rows = [(*key, word.start_sec, name) for word in transcript.words for name in doubtful_words([word])]
    db.executemany("INSERT INTO doubts VALUES (?, ?, ?, ?)", rows)
