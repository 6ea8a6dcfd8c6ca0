"""Standing questions: what answers a question from now on, each answer told once."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from soundbite_tools.errors import EmptyLibrary, QuestionProblem, raises_problems
from soundbite_tools.search.search_clips import search_clips

if TYPE_CHECKING:
    from soundbite_tools.library import Library
    from soundbite_tools.requests import SearchRequest
    from soundbite_tools.results import ClipResult

_MOST_AT_ONCE = 20
# Nothing has clips yet, or nothing that was added since; a recording is listed before it has any.
_NOTHING_YET = ("library_pending", "filters_exclude_all", "unknown_title")


class StandingQuestion:
    """A question and what was told of its answers; those that were there before it was asked are never told."""

    def __init__(self, library: Library, request: SearchRequest) -> None:
        self.since = datetime.now(UTC)
        self._library = library
        self._request = request.model_copy(update={"top_k": _MOST_AT_ONCE, "added_after": self.since.isoformat()})
        self._changed_at = ""
        self._told: dict[str, list[tuple[float, float]]] = defaultdict(list)

    @raises_problems
    async def new_answers(self) -> list[ClipResult]:
        """Return the answers that are new and no weak ones, in time order; whoever wrote their clips.

        A clip that is made again while its recording is written, or once that is whole, is not new.

        Raises:
            ToolProblem: the library can't be searched.
        """
        changed_at = await (await self._library.ledger()).changed_at()
        if changed_at == self._changed_at:
            return []
        try:
            result = await search_clips(self._library, self._request)
        except EmptyLibrary:
            return []
        except QuestionProblem as exc:
            if exc.code in _NOTHING_YET:
                return []
            raise
        self._changed_at = changed_at
        answers = [clip for clip in result.clips if not clip.is_weak and not self._is_told(clip)]
        for clip in answers:
            self._told[clip.asset_id].append((clip.start_sec, clip.end_sec))
        return sorted(answers, key=lambda clip: (clip.asset_id, clip.start_sec))

    def _is_told(self, clip: ClipResult) -> bool:
        return any(start < clip.end_sec and end > clip.start_sec for start, end in self._told[clip.asset_id])
