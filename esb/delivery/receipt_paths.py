"""The paths /api/c/receipts/{system}/{component}/, at which platforms report what became of messages."""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from esb.contracts.component import Component, Reply
from esb.contracts.receipts import ReceiptRequest
from esb.core.call import Call
from esb.database.engine import DatabaseAway
from esb.delivery.receipts import Receipts
from esb.incoming.own_paths import OwnPath

METHODS = frozenset({"GET", "POST"})
PLAIN = {"Content-Type": "text/plain; charset=utf-8"}
AWAY = Reply(503)
"""The answer after which a platform reports again, since nothing could be written."""


def receipt_paths(receipts: Receipts, components: Mapping[str, Component[Any, Any]]) -> list[OwnPath]:
    """Return the paths, one for each of these components whose platform tells by receipts; nobody proves an app."""
    return [
        OwnPath(
            f"/receipts/{name.replace('.', '/', 1)}/",
            f"receipts.{name}",
            METHODS,
            partial(_taken, receipts, name, component),
            is_for_apps=False,
        )
        for name, component in components.items()
        if component.takes_receipts
    ]


async def _taken(receipts: Receipts, name: str, component: Component[Any, Any], call: Call) -> Reply:
    query = dict(reversed(parse_qsl(call.query, keep_blank_values=True)))
    assert isinstance(call.body, bytes)  # noqa: S101 - such a path streams nothing
    answer = await component.receipts(ReceiptRequest(call.method, query, call.body))
    if answer.refusal:
        receipts.refuse(name, answer.refusal)
    elif answer.receipts:
        try:
            await receipts.take(name, answer.receipts)
        except DatabaseAway:
            return AWAY
    return Reply(answer.status, PLAIN, answer.body.encode())
