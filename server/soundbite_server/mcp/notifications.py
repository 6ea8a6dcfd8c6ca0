"""Standing questions over MCP: a resource for each, whose subscribers hear when something new answers it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from mcp.server.subscriptions import InMemorySubscriptionBus
from mcp.shared.subscriptions import ResourceUpdated

from soundbite_tools import ToolProblem

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from soundbite_server.lifespan import Services
    from soundbite_tools import StandingQuestion

_LOOK_EVERY_S = 1.0
_MOST_QUESTIONS, _MOST_ANSWERS = 32, 50
log = logging.getLogger(__name__)


class Notifications:
    """The questions that were read at least once, each looked after from then on until the server ends.

    Where there are more than 32 the one that was read first is forgotten.
    """

    def __init__(self) -> None:
        self.bus = InMemorySubscriptionBus()
        self._questions: dict[str, StandingQuestion] = {}
        self._answers: dict[str, list[dict[str, Any]]] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for answers in the background."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def read(self, query: str, services: Services) -> str:
        """Return what is new since a question was first read, as JSON; that is the moment at which it begins."""
        from soundbite_tools import SearchRequest, StandingQuestion

        if query not in self._questions:
            library = await services.library()
            if len(self._questions) >= _MOST_QUESTIONS:
                oldest = next(iter(self._questions))
                del self._questions[oldest], self._answers[oldest]
            self._questions[query] = StandingQuestion(library, SearchRequest(query=query))
            self._answers[query] = []
        since = self._questions[query].since.isoformat(timespec="seconds")
        return json.dumps({"query": query, "since": since, "answers": self._answers[query]}, ensure_ascii=False)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            for query, question in list(self._questions.items()):
                try:
                    answers = await question.new_answers()
                except ToolProblem as exc:
                    log.warning("The standing question %r can't be asked: %s", query, exc.message)
                    continue
                if answers and query in self._answers:
                    kept = [*self._answers[query], *(answer.model_dump(mode="json") for answer in answers)]
                    self._answers[query] = kept[-_MOST_ANSWERS:]
                    await self.bus.publish(ResourceUpdated(uri=uri_of(query)))


def uri_of(query: str) -> str:
    """The address of a question, as whoever subscribes writes it."""
    from urllib.parse import quote

    return f"soundbite://notifications/{quote(query, safe='')}"


def register_notifications(
    server: MCPServer[Services], notifications: Notifications, running: Callable[[], Services | None]
) -> None:
    """Offer standing questions as resources that can be subscribed to."""

    @server.resource(
        "soundbite://notifications/{query}",
        title="Standing question",
        description="What answers a question since this was first read. Read it, then subscribe to hear of more.",
        mime_type="application/json",
    )
    async def standing_question(query: str) -> str:
        services = running()
        assert services is not None
        return await notifications.read(query, services)
