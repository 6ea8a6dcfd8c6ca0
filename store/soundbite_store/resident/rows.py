"""Rows held in memory as the clips they are, and which of them a filter lets through."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from soundbite_store.filters import COMPARED, EQUALS, share_end

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from soundbite_store.clips import StoredClip
    from soundbite_store.filters import ClipFilter

_ROOM = 1.25
_CODED = ("clip_id", "asset_id", *EQUALS, "speaker", "tags")
_REMEMBERED_FILTERS = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class GrowingArray:
    """Numbers row after row; what was handed out stays as it is when more come."""

    def __init__(self, dtype: DTypeLike, *row_shape: int) -> None:
        import numpy as np

        self._held: NDArray[Any] = np.empty((0, *row_shape), dtype)
        self._rows = 0

    def __len__(self) -> int:
        return self._rows

    @property
    def values(self) -> NDArray[Any]:
        """All rows."""
        return self._held[: self._rows]

    def extend(self, rows: NDArray[Any]) -> None:
        """Add rows behind the others."""
        import numpy as np

        needed = self._rows + len(rows)
        if needed > len(self._held):
            # Filled once, it is exactly as large; only what goes on growing gets room.
            larger = np.empty((int(needed * (_ROOM if self._rows else 1)), *self._held.shape[1:]), self._held.dtype)
            larger[: self._rows] = self.values
            self._held = larger
        self._held[self._rows : needed] = rows
        self._rows = needed


class _Codes:
    """A column as small numbers, one for each different value."""

    def __init__(self) -> None:
        self._of_value: dict[Hashable, int] = {}
        self._of_row = GrowingArray("int32")

    def extend(self, values: Sequence[Hashable]) -> None:
        import numpy as np

        codes = self._of_value
        self._of_row.extend(np.array([codes.setdefault(value, len(codes)) for value in values], "int32"))

    def values(self) -> Iterable[Any]:
        return self._of_value

    def are(self, values: Iterable[Hashable]) -> NDArray[np.bool_]:
        """Which rows have one of the values."""
        import numpy as np

        is_wanted = np.zeros(len(self._of_value) + 1, bool)
        is_wanted[[self._of_value.get(value, -1) for value in values]] = True
        is_wanted[-1] = False
        mask: NDArray[np.bool_] = is_wanted[self._of_row.values]
        return mask


class ResidentRows:
    """The rows of a table without their vectors, in the order in which they came."""

    def __init__(self) -> None:
        self.clips: list[StoredClip] = []
        self._addresses = GrowingArray("int64")
        self._codes = {name: _Codes() for name in _CODED}
        self._times = {name: GrowingArray("float64") for name in ("start_sec", "end_sec")}
        self._created = GrowingArray("int64")
        self._is_there = GrowingArray("bool")
        self._masks: dict[ClipFilter, NDArray[np.bool_]] = {}
        self._order: NDArray[np.intp] | None = None  # of the rows by address

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """Which rows the table still has."""
        return self._is_there.values

    @property
    def addresses(self) -> NDArray[np.int64]:
        """Where LanceDB has each row."""
        return self._addresses.values

    def places(self, addresses: NDArray[np.int64]) -> NDArray[np.intp] | None:
        """The rows at these addresses; None where there is none at one of them."""
        import numpy as np

        if self._order is None:
            self._order = np.argsort(self.addresses)
        in_order = np.searchsorted(self.addresses, addresses, sorter=self._order)
        rows: NDArray[np.intp] = self._order[np.minimum(in_order, len(self) - 1)]
        return rows if np.array_equal(self.addresses[rows], addresses) else None

    def extend(self, addresses: NDArray[np.int64], clips: Sequence[StoredClip]) -> None:
        """Add rows."""
        import numpy as np

        self._addresses.extend(addresses)
        for name, codes in self._codes.items():
            codes.extend([getattr(clip, name) for clip in clips])
        for name, times in self._times.items():
            times.extend(np.array([getattr(clip, name) for clip in clips]))
        self._created.extend(np.array([_microseconds(clip.created_at) for clip in clips], "int64"))
        self._is_there.extend(np.ones(len(clips), bool))
        self.clips += clips
        self._masks.clear()
        self._order = None

    def keep_only(self, addresses: NDArray[np.int64]) -> None:
        """Take the rows that are not at one of these addresses as deleted."""
        import numpy as np

        self._is_there.values[~np.isin(self.addresses, addresses)] = False
        self._masks.clear()

    def matching(self, where: ClipFilter) -> NDArray[np.bool_]:
        """Which rows a filter lets through."""
        mask = self._masks.get(where)
        if mask is None:
            mask = self._passing(where)
            if len(self._masks) >= _REMEMBERED_FILTERS:
                self._masks.clear()
            self._masks[where] = mask
        return mask

    def _passing(self, where: ClipFilter) -> NDArray[np.bool_]:
        mask: NDArray[np.bool_] = self.is_there.copy()
        for condition in (*self._named(where), *self._timed(where)):
            mask &= condition
        return mask

    def _named(self, where: ClipFilter) -> Iterator[NDArray[np.bool_]]:
        codes = self._codes
        one_of = {"clip_id": where.clip_ids, "asset_id": where.asset_ids}
        for name, values in one_of.items():
            if values is not None:
                yield codes[name].are(values)
        for name, values in (("clip_id", where.exclude_clip_ids), ("asset_id", where.exclude_asset_ids)):
            if values:
                yield ~codes[name].are(values)
        for name, (column, sign) in COMPARED.items():
            if (value := getattr(where, name)) is not None:
                mask = codes[column].are([value])
                yield mask if sign == "=" else ~mask
        if where.tags_any is not None:
            wanted = set(where.tags_any)
            yield codes["tags"].are([tags for tags in codes["tags"].values() if wanted & set(tags)])
        yield from self._spoken(where)
        if where.share is not None:
            end = share_end(where.share)
            yield codes["clip_id"].are([clip_id for clip_id in codes["clip_id"].values() if clip_id < end])

    def _spoken(self, where: ClipFilter) -> Iterator[NDArray[np.bool_]]:
        import numpy as np

        if where.speakers_any is None and where.speakers_in is None:
            return
        mask = self._codes["speaker"].are(where.speakers_any or ())
        speakers = where.speakers_in or ()
        for name in dict.fromkeys(one.speaker for one in speakers):
            is_said = self._codes["asset_id"].are([one.asset_id for one in speakers if one.speaker == name])
            is_said &= self._codes["speaker"].are([name])
            if name is None:  # speaks alone in a recording: says what words it has
                places = np.flatnonzero(is_said)
                is_said[places] = [bool(self.clips[place].transcript) for place in places]
            mask |= is_said
        yield mask

    def _timed(self, where: ClipFilter) -> Iterator[NDArray[np.bool_]]:
        starts, ends = self._times["start_sec"].values, self._times["end_sec"].values
        if where.start_after_sec is not None:
            yield starts >= where.start_after_sec
        if where.end_before_sec is not None:
            yield ends <= where.end_before_sec
        if where.ends_after_sec is not None:
            yield ends > where.ends_after_sec
        if where.starts_before_sec is not None:
            yield starts < where.starts_before_sec
        if where.min_seconds is not None:
            yield ends - starts >= where.min_seconds
        if where.created_after is not None:
            yield self._created.values > _microseconds(where.created_after)


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
