"""`dest_url`: a message handed to a service of the operator's own, in the old ESB's form.

The service gets the component's parameters as one JSON object, the receivers as lists, and answers as a component
does: `{"result": true}`, or `result` false with `code` and `message`.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import unquote, unquote_plus, urlsplit

from esb.channels.outcome import DeliveryOutcome, DeliveryReport, Failure, PlainWording
from esb.channels.recipients import Audience, Rehearsal
from esb.channels.sending import SendingResult
from esb.channels.upstream_text import readable_code, readable_text
from esb.contracts.checks import Check, Finding
from esb.contracts.probes import Probes
from esb.core.call import Call
from esb.core.errors import EsbError, Limited, Message, UpstreamError, template
from esb.core.reasons import Reason
from esb.outgoing.client import Answer, Outgoing, Target, read_object
from esb.outgoing.json_answer import accepts
from esb.outgoing.retry_after import TOO_MANY_REQUESTS, too_many_requests

SHORT = 4
"""Parts of an address that are no longer than this hide nothing."""
KEY_LENGTH = 16
"""A part of the path that is as long as this may be a key; a shorter one is a word that people need to read."""


def unfinished(missing: Sequence[str]) -> EsbError:
    """Make the error for a call of a component that is declared but not configured."""
    return EsbError(
        "Unfinished interface shall be improved by the component developer: "
        "the operator has to configure dest_url, or else {keys}",
        {"username_check": {"invalid": []}},
        call_reason=Reason.COMPONENT,
        keys=", ".join(missing),
    )


def relay_target(interface: str) -> Target:
    """Return the operator's own service as the target of a component of this name."""
    return Target("CMSI", interface, _kind, sends=True, refuses=_refuses)


def _refuses(answer: Mapping[str, Any]) -> bool:
    return accepts(answer) is False


def _kind(answer: Mapping[str, Any]) -> str:
    return "ok" if accepts(answer) else "unknown"


def unfinished_check(missing: Sequence[str]) -> Check:
    """Return the check of a component that is declared but not configured."""

    async def run() -> Finding:
        return Finding("fail", "every call of it is refused", f"configure dest_url, or else {', '.join(missing)}")

    return Check("configured", "it has a way to send", run)


class Relay:
    """The operator's own service at `url`, which sends for a component; "" for none.

    `failed` (a text) and `some_users` (a template) are the component's words for a message that did not reach all.
    """

    def __init__(self, http: Outgoing, target: Target, url: str, *, failed: str, some_users: str) -> None:
        self._http = http
        self._target = target
        self._url = url
        self._wording = PlainWording(partial(relay_said, failed), some_users)

    def __bool__(self) -> bool:
        return bool(self._url)

    def checks(self, probes: Probes) -> list[Check]:
        """Return what a preflight looks at: the way to the service."""
        return probes.reach(self._url, "dest_url")

    async def send(self, call: Call, audience: Audience, message: Mapping[str, Any]) -> SendingResult:
        """Hand the message over once; the service's answer stands for everybody."""
        if call.options.dry_run:
            return Rehearsal(audience, [(audience.addresses, "dest_url", message)])  # the address is a secret
        if not audience.typed:  # all have it: an attempt of a delivery that has others to send to
            return DeliveryReport(audience, DeliveryOutcome(), self._wording)
        outcome = await relayed(self._http, call, self._target, self._url, message, audience.addresses)
        return DeliveryReport(audience, outcome, self._wording)


async def relayed(
    http: Outgoing, call: Call, target: Target, url: str, message: Mapping[str, Any], addresses: Sequence[str]
) -> DeliveryOutcome:
    """Post the message once. The answer stands for all addresses."""
    try:
        answer = await http.read(call, target, "POST", url, _read, body=message)
        accepted = accepts(answer)
        if accepted is None:
            reason = template("the response holds no result that can be read")
            raise UpstreamError(target.system, target.interface, reason)
    except (UpstreamError, Limited) as error:
        return DeliveryOutcome.stopped(addresses, error)
    if accepted:
        return DeliveryOutcome(accepted=tuple(addresses), answered=answer.get("data"))
    secrets = secrets_in(url)
    errcode, errmsg = readable_code(answer.get("code"), *secrets), readable_text(answer.get("message"), *secrets)
    return DeliveryOutcome(failed=tuple(Failure(address, errcode, errmsg) for address in addresses))


def _read(target: Target, answer: Answer) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return what a service answers. UpstreamError if it is none; QuotaUsedUp for 429: it has taken nothing."""
    if answer.status == TOO_MANY_REQUESTS:
        raise too_many_requests(target, answer)
    payload = read_object(target, answer)
    return payload, payload


def secrets_in(url: str) -> list[str]:
    """Return the parts of the address that must not come back in an answer: hooks carry their key in path or query."""
    place = urlsplit(url)
    target = f"{place.path}?{place.query}" if place.query else place.path
    values = [pair.partition("=")[2] for pair in place.query.split("&")]
    keys = [part for part in place.path.split("/") if len(part) >= KEY_LENGTH]
    parts = [url, target, place.query, place.password or "", *values, *keys]
    return [form for part in parts if len(part) > SHORT for form in (part, unquote(part), unquote_plus(part))]


def relay_said(otherwise: str, audience: Audience, outcome: DeliveryOutcome) -> Message:
    """Return the relay's own message, which the old ESB passed on as it was; `otherwise` if it gave none."""
    errmsg = next((failure.errmsg for failure in outcome.failed if failure.errcode is not None), "")
    return Message("{errmsg}", {"errmsg": errmsg}) if errmsg else Message(otherwise)
