"""The messages of a call as they arrived in the sandbox, which knows them by the ids that it gave them."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from esb.core import json_codec
from esb.portal.loopback import GatewayRequest, Loopback, NoAnswer

SECONDS = 3.0
MOST = 10
"""Messages of one call that a page shows; the inbox has them all."""
SHOWN = ("id", "platform", "text", "delivered", "dropped", "invalid")


def inbox(sandbox_url: str, msgids: Sequence[str]) -> str:
    """Return the address of the sandbox's inbox, with these messages alone if there are any."""
    return f"{sandbox_url}/_sandbox/inbox" + (f"?{_query(msgids)}" if msgids else "")


async def arrived(loopback: Loopback, sandbox_url: str, msgids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the messages with these ids: platform, text and those who got it. Nothing if the sandbox does not say."""
    if not msgids:
        return []
    request = GatewayRequest("GET", f"{sandbox_url}/_sandbox/messages?{_query(msgids)}")
    try:
        answer = await loopback.ask(request, SECONDS)
        told = json_codec.decode(answer.body)
    except (NoAnswer, ValueError):
        return []
    messages = told.get("messages", ()) if isinstance(told, dict) else ()
    return [{key: message.get(key) for key in SHOWN} for message in messages if isinstance(message, dict)]


def _query(msgids: Sequence[str]) -> str:
    return urlencode({"msgid": ",".join(msgids[:MOST])})
