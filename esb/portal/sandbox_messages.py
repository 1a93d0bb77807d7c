"""The messages of a call as they arrived in the sandbox, which knows them by the ids that it gave them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from esb.core import json_codec
from esb.portal.loopback import GatewayRequest, Loopback, NoAnswer

SECONDS = 3.0
MOST = 10
"""Messages of one call that a page shows; the inbox has them all."""
INBOX = "/_sandbox/inbox"


async def arrived(loopback: Loopback, sandbox_url: str, msgids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the messages with these ids: platform, text and those who got it. Nothing if the sandbox does not say."""
    if not msgids:
        return []
    request = GatewayRequest("GET", f"{sandbox_url}/_sandbox/messages")
    try:
        answer = await loopback.ask(request, SECONDS)
        told = json_codec.decode(answer.body)
    except (NoAnswer, ValueError):
        return []
    wanted, messages = frozenset(msgids), told.get("messages", ()) if isinstance(told, dict) else ()
    return [*_shown(messages, wanted)][:MOST]


def _shown(messages: Sequence[Any], wanted: frozenset[str]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if isinstance(message, dict) and not wanted.isdisjoint(_ids(message.get("reply"))):
            yield {key: message.get(key) for key in ("id", "platform", "text", "delivered", "dropped", "invalid")}


def _ids(reply: Any) -> Iterator[str]:
    """Yield all that may be an id in what the platform answered."""
    if isinstance(reply, Mapping):
        for each in reply.values():
            yield from _ids(each)
    elif isinstance(reply, list):
        for each in reply:
            yield from _ids(each)
    elif isinstance(reply, str | int):
        yield str(reply)
