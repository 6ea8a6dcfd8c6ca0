"""Which clips a question is about, and that as SQL no value can break out of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from soundbite_store.clips import StoredClip


@dataclass(frozen=True, slots=True)
class AssetSpeaker:
    """A speaker of one recording; None is whoever speaks in a recording of a single speaker."""

    asset_id: str
    speaker: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipFilter:
    """All conditions must hold. None means any; an empty tuple of ids matches nothing.

    A field with the name of a clip's text column asks for that value; the others have conditions below.
    """

    clip_ids: tuple[str, ...] | None = None
    exclude_clip_ids: tuple[str, ...] = ()
    asset_ids: tuple[str, ...] | None = None
    exclude_asset_ids: tuple[str, ...] = ()
    content_hash: str | None = None
    not_content_hash: str | None = None
    """The clip was made of another content than this."""
    task_id: str | None = None
    not_task_id: str | None = None
    """Another task made the clip."""
    segmentation: str | None = None
    tags_any: tuple[str, ...] | None = None
    speakers_any: tuple[str, ...] | None = None
    """One of these says most of the clip."""
    speakers_in: tuple[AssetSpeaker, ...] | None = None
    """Or one of these does, each of a recording of its own."""
    embedding_option: str | None = None
    embedding_scope: str | None = None
    language: str | None = None
    start_after_sec: float | None = None
    """The clip starts at or after this time of its asset."""
    end_before_sec: float | None = None
    """The clip ends at or before this time of its asset."""
    ends_after_sec: float | None = None
    """The clip ends after this time of its asset, wherever it starts."""
    starts_before_sec: float | None = None
    """The clip starts before this time of its asset, wherever it ends."""
    min_seconds: float | None = None
    created_after: datetime | None = None
    share: float | None = None
    """A sample: this share of the clips, 0 to 1, spread evenly over all, the same ones every time."""

    def __post_init__(self) -> None:
        """Raises: ValueError for a number that is not finite, or a time without a zone."""
        times = (self.start_after_sec, self.end_before_sec, self.ends_after_sec, self.starts_before_sec)
        if not all(number is None or math.isfinite(number) for number in (*times, self.min_seconds, self.share)):
            raise ValueError("A number in a filter must be finite.")
        if self.created_after is not None and self.created_after.tzinfo is None:
            raise ValueError("A time in a filter needs a time zone.")

    def to_sql(self) -> str:
        """The filter as LanceDB SQL; empty when nothing is asked."""
        return " AND ".join(self._conditions())

    def _conditions(self) -> Iterable[str]:
        one_of = {"clip_id": self.clip_ids, "asset_id": self.asset_ids}
        for column, values in one_of.items():
            if values is not None:
                yield _one_of(column, values)
        for column, values in (("clip_id", self.exclude_clip_ids), ("asset_id", self.exclude_asset_ids)):
            if values:
                yield f"NOT ({_one_of(column, values)})"
        for name, (column, sign) in COMPARED.items():
            if (value := getattr(self, name)) is not None:
                yield f"{column} {sign} {quoted(value)}"
        if self.tags_any is not None:
            yield f"array_has_any(tags, [{_literals(self.tags_any)}])" if self.tags_any else "false"
        yield from self._speakers()
        if self.share is not None:
            yield f"clip_id < {quoted(share_end(self.share))}"
        yield from self._times()

    def _speakers(self) -> Iterable[str]:
        if self.speakers_any is None and self.speakers_in is None:
            return
        ways, speakers = [_one_of("speaker", self.speakers_any or ())], self.speakers_in or ()
        for name in dict.fromkeys(one.speaker for one in speakers):
            where = _one_of("asset_id", (one.asset_id for one in speakers if one.speaker == name))
            # Who speaks alone in a recording says what words it has.
            is_by = "speaker IS NULL AND transcript <> ''" if name is None else f"speaker = {quoted(name)}"
            ways.append(f"({where} AND {is_by})")
        yield f"({' OR '.join(ways)})"

    def _times(self) -> Iterable[str]:
        if self.start_after_sec is not None:
            yield f"start_sec >= {float(self.start_after_sec)!r}"
        if self.end_before_sec is not None:
            yield f"end_sec <= {float(self.end_before_sec)!r}"
        if self.ends_after_sec is not None:
            yield f"end_sec > {float(self.ends_after_sec)!r}"
        if self.starts_before_sec is not None:
            yield f"start_sec < {float(self.starts_before_sec)!r}"
        if self.min_seconds is not None:
            yield f"end_sec - start_sec >= {float(self.min_seconds)!r}"
        if self.created_after is not None:
            yield f"created_at > {_timestamp(self.created_after)}"


EQUALS = tuple(name for name in ClipFilter.__dataclass_fields__ if name in StoredClip.__dataclass_fields__)
"""The columns that a filter of the same name asks for one value of."""
COMPARED = {name: (name, "=") for name in EQUALS} | {
    f"not_{name}": (name, "<>") for name in EQUALS if f"not_{name}" in ClipFilter.__dataclass_fields__
}
"""The column that each filter of one value compares, and how."""


def share_end(share: float) -> str:
    """The clip id that ends a share of all clips: ids are digests, so evenly spread whatever they stand for."""
    return f"c_{min(max(int(share * (1 << 32)), 0), 1 << 32):08x}" if share < 1.0 else "d"


def quoted(value: str) -> str:
    """A SQL string literal. Only the quote is special in this dialect: a backslash stands for itself."""
    return "'" + value.replace("'", "''") + "'"


def quoted_list(values: Iterable[str]) -> str:
    """A SQL array of strings. LanceDB's own conversion of an empty list fails."""
    return f"make_array({_literals(values)})"


def _one_of(column: str, values: Iterable[str]) -> str:
    literals = _literals(values)
    return f"{column} IN ({literals})" if literals else "false"


def _literals(values: Iterable[str]) -> str:
    return ", ".join(quoted(value) for value in values)


def _timestamp(moment: datetime) -> str:
    # Not by strftime, which writes the year 500 with three digits.
    stamp = moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return f"timestamp '{stamp}'"
