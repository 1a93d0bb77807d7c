"""Sending for one component: by Tencent Cloud, or by a service of the operator's own, which wins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from esb.channels.dest_url import Relay, relay_target, unfinished, unfinished_check
from esb.channels.outcome import DeliveryOutcome, DeliveryReport, PlainWording
from esb.channels.recipients import Audience, Rehearsal
from esb.channels.sending import SendingResult
from esb.channels.tencent.cloud import SYSTEM, TencentCloud, TencentConfig, attempt
from esb.contracts.checks import Check, Finding
from esb.contracts.probes import Probes
from esb.core.call import Call
from esb.core.errors import Message, UpstreamError
from esb.core.single_flight import fan_out
from esb.outgoing.client import Outgoing, too_slow


@dataclass(frozen=True, slots=True)
class Product:
    """A product of Tencent Cloud and the action of it that sends; `at_once`: how many requests of one call may run."""

    name: str
    version: str
    action: str
    at_once: int


@dataclass(frozen=True, slots=True)
class TencentRequest:
    """One request of the product's action, and the addresses that it is for."""

    addresses: Sequence[str]
    body: Mapping[str, Any]


Read = Callable[[Sequence[str], Mapping[str, Any]], DeliveryOutcome]
"""Read what became of the addresses of a request out of Tencent's response."""


class TencentSender:
    """The sender of one component.

    `wording` is its words for a message that did not reach all, `relay_failed` those for a service that gave no reason.
    """

    def __init__(
        self,
        http: Outgoing,
        config: TencentConfig,
        product: Product,
        component: str,
        wording: PlainWording,
        relay_failed: str,
    ) -> None:
        self._config = config
        self._product = product
        self._wording = wording
        url = config.dest_url.get_secret_value()
        self._relay = Relay(http, relay_target(component), url, failed=relay_failed, some_users=wording.some_users)
        self.cloud = TencentCloud(http, config, product.name, product.version)

    @property
    def relays(self) -> bool:
        """True if the operator's own service sends."""
        return bool(self._relay)

    def require_configured(self) -> None:
        """Raise EsbError if neither way of sending is configured."""
        if not self._relay and (missing := self._config.missing()):
            raise unfinished(missing)

    def checks(self, probes: Probes) -> list[Check]:
        """Return what a preflight looks at: the way to who sends."""
        if self._relay:
            return self._relay.checks(probes)
        if missing := self._config.missing():
            return [unfinished_check(missing)]
        way = probes.reach(self.cloud.url, "tencent_host")
        return [*way, probes.clock(self.cloud.url), Check("tencent_keys", "Tencent Cloud knows the keys", _unasked)]

    async def relay(self, call: Call, audience: Audience, message: Mapping[str, Any]) -> SendingResult:
        """Hand the message to the operator's service; its answer stands for everybody."""
        return await self._relay.send(call, audience, message)

    async def send(
        self, call: Call, audience: Audience, requests: Sequence[TencentRequest], read: Read
    ) -> SendingResult:
        """Make the requests, and report whom they reached. A dry run shows them."""
        if call.options.dry_run:
            action = self._product.action
            return Rehearsal(audience, [(request.addresses, action, request.body) for request in requests])
        outcomes = await fan_out(partial(self._attempt, call, read), requests, self._product.at_once)
        return DeliveryReport(audience, DeliveryOutcome.joined(outcomes), self._wording)

    async def _attempt(self, call: Call, read: Read, request: TencentRequest) -> DeliveryOutcome:
        if call.seconds_left <= 0:  # nothing is signed that cannot go any more: thousands may be left
            late = UpstreamError(SYSTEM, self._product.action, too_slow(call.timeout), sent=False, transient=True)
            return DeliveryOutcome.stopped(request.addresses, late)

        async def sent() -> DeliveryOutcome:
            return read(request.addresses, await self.cloud.call(call, self._product.action, request.body))

        return await attempt(request.addresses, sent)


async def _unasked() -> Finding:
    return Finding("skipped", "the keys prove themselves only by a message: see --send-to")


def first_reason(outcome: DeliveryOutcome) -> Message | str:
    """Return Tencent's own text for the first address that it gave one for; "" if it gave none."""
    return next((failure.errmsg for failure in outcome.failed if failure.errmsg), "")
