"""Rows of deliveries, as accepting and delivering leave them, for tests of what comes afterwards."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert

from esb.core import json_codec
from esb.core.delivery_states import DeliveryState, ReceiverState
from esb.core.uuid7 import uuid7
from esb.database.deliveries import DELIVERY, DELIVERY_MESSAGE, RECEIVER_DIGEST, RECIPIENT
from esb.database.engine import Database

NOW = 1_800_000_000_000
"""2027-01-15T08:00:00Z."""


async def add_delivery(
    database: Database,
    receivers: Sequence[tuple[str, ReceiverState]] = (("zhangsan", ReceiverState.ACCEPTED),),
    *,
    msgids: Sequence[str] = (),
    refusal: tuple[str, Any] = ("", ""),
    **columns: Any,
) -> str:
    """Write a delivery and its receivers; return its id. Who has failed was refused with this code and text."""
    identity: str = columns.pop("id", uuid7(NOW))
    component = columns.setdefault("component", "cmsi.send_weixin")
    errcode, errmsg = refusal
    failed = [state is ReceiverState.FAILED for _, state in receivers]
    sealed = [
        [component, name, f"address of {name}", True, errmsg if no else ""]
        for (name, _), no in zip(receivers, failed, strict=True)
    ]
    row = {
        "app": "monitor",
        "username": "admin",
        "request_id": "0" * 32,
        "synchronous": 0,
        "priority": 0,
        "due": NOW,
        "lease": 0,
        "owner": "",
        "fence": 1,
        "attempts": 1,
        "created": NOW,
        "expires": NOW + 86_400_000,
        "state": DeliveryState.DONE,
        "failure": "",
        "credential": component,
        "callback": "done",
        **columns,
    }
    async with database.writing() as connection:
        blob = database.keys.seal_at(f"receivers/{identity}", json_codec.encode(sealed))
        await connection.execute(insert(DELIVERY).values(id=identity, receivers=blob, **row))
        rows = [
            {
                "delivery": identity,
                "number": number,
                "digest": database.keys.digest_of("receiver", name)[:RECEIVER_DIGEST],
                "address_digest": database.keys.digest_of("receiver", f"address of {name}")[:RECEIVER_DIGEST],
                "state": state,
                "updated": NOW,
                "failure": "receiver" if no else "",
                "errcode": errcode if no else "",
            }
            for number, ((name, state), no) in enumerate(zip(receivers, failed, strict=True))
        ]
        await connection.execute(insert(RECIPIENT), rows)
        for msgid in msgids:
            await connection.execute(insert(DELIVERY_MESSAGE).values(msgid=msgid, delivery=identity, sent=NOW))
    return identity
