"""A test message of a preflight: one message to one user, by the component itself, as a caller would send it."""

from collections.abc import Callable, Mapping
from typing import Any

from esb.channels.outcome import DeliveryReport
from esb.contracts.checks import Check, Finding
from esb.contracts.component import Component
from esb.contracts.probes import Probes
from esb.contracts.services import Contact, Users
from esb.core.errors import EsbError

TITLE, TEXT = "esb doctor", "A test message of the gateway; there is nothing to do."


async def contact_of(probes: Probes, users: Users) -> Contact | None:
    """Return the user --send-to as the directory knows it, None if it does not."""

    async def ask() -> Contact | None:
        found = await users.contacts(probes.call(), [probes.send_to])
        return found.get(probes.send_to)

    return await probes.once(("contact", probes.send_to), ask)


async def receiver_of(probes: Probes, users: Users, address: Callable[[Contact], str]) -> str:
    """Return the user's address by the directory; for one whom it does not know, --send-to as it is."""
    contact = await contact_of(probes, users)
    return ("" if contact is None else address(contact)) or probes.send_to


def sending(
    probes: Probes,
    component: Component[Any, Any],
    address: Callable[[Contact], str],
    params: Callable[[str], Mapping[str, Any]],
) -> list[Check]:
    """Return the check that sends; none without --send-to.

    `address` takes that of the channel from a contact; `params`: those of a message to one address.
    """
    if not probes.send_to:
        return []

    async def send() -> Finding:
        await probes.store_settled.wait()
        receiver = await receiver_of(probes, component.services.users, address)
        return await sent(probes, component, params(receiver))

    return [Check("send", f"a test message to {probes.send_to} is accepted", send)]


async def sent(probes: Probes, component: Component[Any, Any], params: Mapping[str, Any]) -> Finding:
    """Send it, and return what became of it."""
    try:
        report = await component.handle(probes.call(), component.params_type.model_validate(dict(params)))
        if isinstance(report, DeliveryReport):
            report.rendered()
    except EsbError as error:
        hint = error.data.get("hint") if isinstance(error.data, Mapping) else None
        return Finding("fail", str(error), "" if hint is None else str(hint))
    return Finding("ok", "accepted, which is not yet delivered")
