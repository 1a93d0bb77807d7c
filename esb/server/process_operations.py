"""The operations on the processes that answer calls: what becomes of a call, and a reload."""

from collections.abc import Awaitable, Callable, Sequence

from pydantic import ValidationError

from esb.core.errors import ConfigError, template
from esb.introspect import config_view
from esb.introspect.explain import Asked
from esb.server.operations import CONFLICT, Answer, Operation, OperatorRequest, wrong
from esb.server.process_status import OK, Processes, ProcessStatus


def process_operations(processes: Processes, reload: Callable[[str], Awaitable[None]]) -> list[Operation]:
    """Return the operations; `reload` takes the name of who asks, and raises ConfigError if nothing has changed."""
    handlers = _Handlers(processes, reload)
    return [
        Operation("GET", "/-/components", handlers.components),
        Operation("POST", "/-/explain", handlers.explain),
        Operation("POST", "/-/reload", handlers.reload),
    ]


class _Handlers:
    def __init__(self, processes: Processes, reload: Callable[[str], Awaitable[None]]) -> None:
        self._processes = processes
        self._reload = reload

    async def components(self, asked: OperatorRequest) -> Answer:
        return Answer(config_view.components(self._processes.config()))

    async def explain(self, asked: OperatorRequest) -> Answer:
        """Answer what would become of a call, link by link. Nothing is called, counted or asked of others."""
        try:
            question = Asked.model_validate_json(asked.body)
        except ValidationError as error:
            return wrong(error, 400)
        answer = await self._processes.explain(question)
        return Answer({"error": template("no process answers")}, 503) if answer is None else Answer(answer)

    async def reload(self, asked: OperatorRequest) -> Answer:
        """Answer 200 with the new generation, or 422 with all mistakes: then the old one answers as before."""
        statuses = await self._processes.statuses()
        health, before = health_of(statuses), generation_of(statuses)
        if health != OK:
            return Answer({"error": health, "generation": before}, CONFLICT)
        try:
            await self._reload(asked.actor.name)
        except ConfigError as error:
            return Answer({"generation": before, "mistakes": [mistake._asdict() for mistake in error.mistakes]}, 422)
        after = generation_of(await self._processes.statuses())
        if after == before:
            return Answer({"error": template("the reload failed, the log tells where"), "generation": after}, 500)
        return Answer({"generation": after})


def health_of(statuses: Sequence[ProcessStatus]) -> str:
    """Return ok if all are ready, and all on one configuration; otherwise why not."""
    unwell = [status.health for status in statuses if status.health != OK]
    if unwell:
        return unwell[0]
    return OK if len({status.generation for status in statuses}) == 1 else "starting"


def generation_of(statuses: Sequence[ProcessStatus]) -> int:
    """Return the oldest that still answers."""
    return min((status.generation for status in statuses), default=0)
