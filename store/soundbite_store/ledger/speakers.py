"""Who speaks in the recordings, and the names that people gave them.

A name is kept with the turns of the speaker it was given to: when a recording is recognised again and its speakers are
counted in another way, the name goes to whoever speaks at most of those times.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from soundbite_store.ledger.connection import LedgerConnection
from soundbite_store.ledger.records import (
    Span,
    Speaker,
    SpeakerName,
    StoredTranscript,
    length_of,
    overlap_of,
    turns_in,
    turns_of,
    within,
)

# A name moves to a speaker who speaks for this share of the time it was given for, and of whose time it has as much.
_SAME_SHARE = 0.5
_SPEAKERS = (
    "SELECT s.asset_id, s.speaker, s.seconds, s.first_sec, count(*) OVER (PARTITION BY s.asset_id) = 1 AS is_only, "
    "coalesce("
    "(SELECT max(n.name) FROM speaker_names n WHERE n.asset_id = s.asset_id AND n.source = s.source "
    "AND n.speaker = s.speaker), '') AS name FROM speakers s WHERE s.source = ?"
)
_INSERT = "INSERT INTO speaker_names VALUES (?, ?, ?, ?, ?, ?, ?)"


class SpeakerRecords:
    """The ledger's speakers."""

    _ledger: LedgerConnection

    async def speakers_of(self, source: str, asset_ids: Iterable[str] | None = None) -> list[Speaker]:
        """Who speaks in these recordings, in all by default, according to one source of transcripts."""
        ids = None if asset_ids is None else list(dict.fromkeys(asset_ids))

        def work(db: sqlite3.Connection) -> list[sqlite3.Row]:
            if ids is None:
                return db.execute(_SPEAKERS, (source,)).fetchall()
            of_one = f"{_SPEAKERS} AND s.asset_id = ?"
            return [row for asset_id in ids for row in db.execute(of_one, (source, asset_id))]

        return [_speaker(row) for row in await self._ledger.read(work)]

    async def named_speakers(self, source: str) -> list[Speaker]:
        """The speakers who have a name."""
        sql = f"SELECT * FROM ({_SPEAKERS}) WHERE name <> ''"  # noqa: S608 - of constants
        return [_speaker(row) for row in await self._ledger.read(lambda db: db.execute(sql, (source,)).fetchall())]

    async def labels_of_speakers(self, source: str) -> list[str]:
        """The different labels of speakers and the names given to them, in all recordings."""
        sql = (
            "SELECT speaker FROM speakers WHERE source = ? "
            "UNION SELECT name FROM speaker_names WHERE source = ? AND speaker <> ''"
        )
        return [row[0] for row in await self._ledger.read(lambda db: db.execute(sql, (source, source)).fetchall())]

    async def speakers_called(self, source: str, labels: Collection[str]) -> list[Speaker]:
        """The speakers who have one of these labels, or were given it as a name."""
        marks = ", ".join("?" * len(labels))
        sql = (
            f"SELECT asset_id FROM speakers WHERE source = ? AND speaker IN ({marks}) "  # noqa: S608 - question marks
            f"UNION SELECT asset_id FROM speaker_names WHERE source = ? AND name IN ({marks})"
        )
        values = [source, *labels, source, *labels]
        rows = await self._ledger.read(lambda db: db.execute(sql, values).fetchall())
        speakers = await self.speakers_of(source, [row[0] for row in rows])
        return [one for one in speakers if one.speaker in labels or one.name in labels]

    async def name_speaker(self, asset_id: str, source: str, speakers: Sequence[str], name: str) -> bool:
        """Give these speakers of a recording a name, or take theirs away where it is empty; in one commit.

        Returns False where the recording has no such speakers (any more).
        """

        def work(db: sqlite3.Connection) -> bool:
            turns, bounds = _turns_in(db, asset_id, source)
            if not speakers or not turns.keys() >= set(speakers):
                return False
            for speaker in speakers:
                # What the name was given to earlier and is not told apart any more has its successor now.
                db.execute(
                    "DELETE FROM speaker_names WHERE asset_id = ? AND source = ? AND (speaker = ? "
                    "OR (speaker = '' AND name = ?))",
                    (asset_id, source, speaker, name),
                )
                if name:
                    spans = json.dumps(turns[speaker])
                    db.execute(_INSERT, (asset_id, source, speaker, name, spans, *bounds))
            return True

        return await self._ledger.write(work)

    async def turns_of(self, asset_id: str, source: str) -> dict[str, list[Span]]:
        """When each speaker of a recording speaks, in seconds."""
        return await self._ledger.read(lambda db: _turns_in(db, asset_id, source)[0])

    async def speaker_names(self, asset_id: str) -> tuple[SpeakerName, ...]:
        """The names given in a recording, those that fit no speaker any more (`speaker` empty) among them."""
        return await self._ledger.read(lambda db: tuple(_names_in(db, asset_id)))

    async def put_speaker_names(self, asset_id: str, names: Iterable[SpeakerName]) -> None:
        """Keep these names in place of all that were given in a recording."""
        rows = [_values(name) for name in names if name.asset_id == asset_id]

        def work(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM speaker_names WHERE asset_id = ?", (asset_id,))
            db.executemany(_INSERT, rows)

        await self._ledger.write(work)


def note_speakers(db: sqlite3.Connection, transcript: StoredTranscript, *, is_amended: bool = False) -> tuple[str, ...]:
    """Keep who speaks in a transcript that is being written, and lead the names of the recording to them.

    One that `is_amended` tells the speakers apart as before, so that their names stay however little is left of them.
    Returns the names that fit none of them, of those that fitted one before.
    """
    asset_id, source = transcript.asset_id, transcript.source
    texts = transcript.sentences or transcript.words
    turns = turns_of((text.start_sec, text.end_sec, text.speaker) for text in texts)
    db.execute("DELETE FROM speakers WHERE asset_id = ? AND source = ?", (asset_id, source))
    db.executemany(
        "INSERT INTO speakers VALUES (?, ?, ?, ?, ?)",
        [(asset_id, source, speaker, length_of(spans), spans[0][0]) for speaker, spans in turns.items()],
    )
    given = _names_in(db, asset_id)
    # Names are a person's word about the recording: they hold for what another platform understands of it as well.
    names = [name for name in given if name.source == source] or given
    if not names:
        return ()
    db.execute("DELETE FROM speaker_names WHERE asset_id = ? AND source = ?", (asset_id, source))
    matched = _matches(names, turns)
    if is_amended:
        still = [name.speaker if name.source == source and name.speaker in turns else "" for name in names]
        matched = [one or other for one, other in zip(still, matched, strict=True)]
    db.executemany(
        _INSERT,
        [(asset_id, source, speaker, *_values(name)[3:]) for name, speaker in zip(names, matched, strict=True)],
    )
    present = {name.name for name, speaker in zip(names, matched, strict=True) if speaker}
    return tuple(dict.fromkeys(name.name for name in names if name.speaker and name.name not in present))


def erase_turns(db: sqlite3.Connection, asset_id: str, span: Span) -> None:
    """Take an erased span out of the times by which the names of a recording are led to its speakers."""
    for row in db.execute("SELECT rowid, spans FROM speaker_names WHERE asset_id = ?", (asset_id,)).fetchall():
        spans = json.loads(row["spans"])
        left = within(spans, (0.0, span[0])) + within(spans, (span[1], math.inf))
        db.execute("UPDATE speaker_names SET spans = ? WHERE rowid = ?", (json.dumps(left), row["rowid"]))


def _matches(names: Sequence[SpeakerName], turns: Mapping[str, Sequence[Span]]) -> list[str]:
    """The speaker whom each name means among these, or an empty text."""
    shared: dict[str, dict[str, float]] = {speaker: defaultdict(float) for speaker in turns}  # by speaker, then name
    best: list[str] = []
    for name in names:
        seconds = {speaker: overlap_of(name.spans, spans) for speaker, spans in turns.items()}
        speaker = max(seconds, key=lambda one: seconds[one], default="")
        is_same = seconds.get(speaker, 0.0) > 0.0 and seconds[speaker] >= _SAME_SHARE * length_of(name.spans)
        best.append(speaker if is_same else "")
        for one, shared_sec in seconds.items():
            shared[one][name.name] += shared_sec
    return [speaker if _is_of(speaker, name, shared, turns) else "" for name, speaker in zip(names, best, strict=True)]


def _is_of(
    speaker: str,
    name: SpeakerName,
    shared: Mapping[str, Mapping[str, float]],
    turns: Mapping[str, Sequence[Span]],
) -> bool:
    if not speaker:
        return False
    # What was not transcribed yet when the name was given says nothing against it.
    known_sec = length_of(within(turns[speaker], (name.from_sec, name.until_sec)))
    of_name = shared[speaker]
    leader = max(of_name, key=lambda one: of_name[one])
    return leader == name.name and of_name[leader] >= _SAME_SHARE * known_sec


def _turns_in(db: sqlite3.Connection, asset_id: str, source: str) -> tuple[dict[str, list[Span]], Span]:
    sql = "SELECT body, start_sec, end_sec FROM transcripts WHERE asset_id = ? AND source = ?"
    row = db.execute(sql, (asset_id, source)).fetchone()
    return ({}, (0.0, 0.0)) if row is None else (turns_in(row["body"]), (row["start_sec"], row["end_sec"]))


def _names_in(db: sqlite3.Connection, asset_id: str) -> list[SpeakerName]:
    rows = db.execute("SELECT * FROM speaker_names WHERE asset_id = ? ORDER BY rowid", (asset_id,))
    names = []
    for row in rows:
        fields: dict[str, Any] = dict(row)
        fields["spans"] = tuple((start, end) for start, end in json.loads(row["spans"]))
        names.append(SpeakerName(**fields))
    return names


def _values(name: SpeakerName) -> tuple[str | float, ...]:
    spans = json.dumps([list(span) for span in name.spans])
    return (name.asset_id, name.source, name.speaker, name.name, spans, name.from_sec, name.until_sec)


def _speaker(row: sqlite3.Row) -> Speaker:
    fields: dict[str, Any] = dict(row)
    fields["is_only"] = bool(row["is_only"])
    return Speaker(**fields)
