"""Questions that nothing answers: can their best scores be told from those of questions that something answers?

Answerable is every question of the folder, asked of the whole library. Unanswerable is the same question, asked of the
library without the recording that answers it: the recordings of the questions are dealt into `GROUPS` groups, and for
each group a copy of the library is made, the group deleted from it, and its questions asked there. The threshold is the
highest score that at least 95 % of the answerable questions reach with their best answer, right or wrong; rejected is
the share of unanswerable ones whose best answer stays below it. A question without an answer has the score 0.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mcp import Client
from retrieval.embedded_library import Library, call
from retrieval.evaluation_set import EvalSet, Query

from soundbite_server import Settings, build_server
from soundbite_store import ClipStore

GROUPS = 4
KEPT = 0.95


@dataclass(frozen=True)
class Rejection:
    """The threshold, the share of answerable questions at or over it, and of unanswerable ones under it."""

    answerable: int
    unanswerable: int
    threshold: float
    kept: float
    rejected: float


async def best_scores(client: Client, queries: Sequence[Query]) -> list[float]:
    """The score of the first answer to each query, 0 without one."""
    return [await _best_score(client, query) for query in queries]


async def _best_score(client: Client, query: Query) -> float:
    answer = await call(client, "search_clips", query=query.text, top_k=1)
    return max((float(clip["score"]) for clip in answer["clips"]), default=0.0)


async def scores_without_answers(settings: Settings, eval_set: EvalSet, library: Library, copies: Path) -> list[float]:
    """The best scores of all queries, each asked where its recording is missing; the library must be closed."""
    asked_about = sorted({query.path for query in eval_set.queries})
    scores = []
    for group in range(GROUPS):
        missing = set(asked_about[group::GROUPS])
        home = copies / str(group)
        shutil.copytree(settings.home, home)
        await _delete(home, [library.asset_ids[path] for path in missing if path in library.asset_ids])
        async with Client(build_server(settings.model_copy(update={"home": home}))) as client:
            scores += await best_scores(client, [query for query in eval_set.queries if query.path in missing])
        shutil.rmtree(home)
    return scores


async def _delete(home: Path, asset_ids: Sequence[str]) -> None:
    async with await ClipStore.open(home / "store") as store:
        for asset_id in asset_ids:
            await store.delete_asset(asset_id)


def threshold_of(scores: Sequence[float]) -> float:
    """The highest score that at least 95 % of the answerable questions reach."""
    return sorted(scores)[int((1.0 - KEPT) * len(scores))]


def rejection(answerable: Sequence[float], unanswerable: Sequence[float]) -> Rejection:
    """What a threshold that keeps 95 % of the answerable rejects."""
    reached, asked = np.array(answerable), np.array(unanswerable)
    threshold = threshold_of(answerable)
    return Rejection(
        reached.size, asked.size, threshold, float((reached >= threshold).mean()), float((asked < threshold).mean())
    )
