"""services.apps, use: chain: several directories of apps, of which the first that knows an app answers for it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import Field

from esb.config import ConfigModel
from esb.contracts.explain import Decision, Place, Question, Where, below
from esb.contracts.services import Apps, ChainedServices, Service
from esb.core.call import App, Call
from esb.core.errors import AuthenticationError
from esb.core.reasons import Reason

R = TypeVar("R")


class AppsChainConfig(ConfigModel):
    """The directories of a chain."""

    backends: tuple[dict[str, Any], ...] = Field(
        min_length=1,
        description="directories of apps, each with `use` and `config`; the first that knows an app counts",
    )


class AppsChain(Service[AppsChainConfig]):
    """Directories that are asked in their order, until one does not say that there is no such app."""

    service = "apps"
    config_type = AppsChainConfig

    def __init__(self, config: AppsChainConfig, services: ChainedServices) -> None:
        super().__init__(config, services)
        self._backends: Sequence[Apps] = services.backends

    async def verify(self, call: Call, code: str, secret: str) -> App:
        return await self._first(lambda apps: apps.verify(call, code, secret))

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        return await self._first(lambda apps: apps.secrets(call, code))

    async def rights(self, call: Call, code: str) -> App:
        return await self._first(lambda apps: apps.rights(call, code))

    async def explain(self, question: Question) -> Decision | None:
        """Return what the first says that knows the app; None if it does not explain itself."""
        decision: Decision | None = None
        for index, apps in enumerate(self._backends):
            explain = getattr(apps, "explain", None)
            decision = None if explain is None else await explain(question)
            if decision is None:
                return None
            decision = _within(decision, ("backends", index, "config"))
            if decision.error is None or decision.error.call_reason is not Reason.APP_UNKNOWN:
                break
        return decision

    async def _first(self, ask: Callable[[Apps], Awaitable[R]]) -> R:
        *others, last = self._backends
        for apps in others:
            try:
                return await ask(apps)
            except AuthenticationError as error:
                if error.call_reason is not Reason.APP_UNKNOWN:
                    raise
        return await ask(last)


def _within(decision: Decision, place: Place) -> Decision:
    """Return a decision whose places are below this one."""

    def moved(where: Where) -> Where:
        return where if isinstance(where, str) or not where else below(place, *where)

    return replace(
        decision,
        where=moved(decision.where),
        grants=[replace(grant, place=moved(grant.place)) for grant in decision.grants],
        impersonations=[replace(grant, place=moved(grant.place)) for grant in decision.impersonations],
        entry=None if decision.entry is None else moved(decision.entry),
    )
