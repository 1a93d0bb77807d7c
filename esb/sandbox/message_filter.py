"""The messages that somebody asks for: by platform, app, receiver, text and id; at once, or as soon as there is one."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from esb.sandbox import control_values
from esb.sandbox.inbox import Message
from esb.sandbox.world import World

WAIT_S = 60.0
"""The longest wait for a message: proxies between close a connection on which nothing happens for longer."""
MESSAGE_ID = re.compile(rb"^Message-ID:\s*(<[^>\r\n]*>)", re.IGNORECASE | re.MULTILINE)
"""The header of a mail that holds the id which its sender gave it."""
KEYS = ("platform", "app", "touser", "text", "msgid", "since")


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Conditions of messages, of which all that are set must fit.

    `msgids` are ids that a platform gave in its answer, or Message-IDs of mails, of which one is enough; `since` is the
    id of the last message that is known.
    """

    platform: str | None = None
    app: str | None = None
    touser: str | None = None
    text: str = ""
    msgids: frozenset[str] = frozenset()
    since: int = 0

    def fits(self, message: Message) -> bool:
        """Tell whether a message is one of them."""
        return (
            message.id > self.since
            and self.platform in (None, message.platform)
            and self.app in (None, message.app)
            and self.text in message.text
            and (self.touser is None or self.touser in (*message.delivered, *message.dropped, *message.invalid))
            and (not self.msgids or not self.msgids.isdisjoint(_msgids(message)))
        )


def read(query: Mapping[str, str]) -> MessageFilter:
    """Read the conditions of a query, other keys aside. Raises BadControl."""
    return MessageFilter(
        query.get("platform"),
        query.get("app"),
        query.get("touser"),
        query.get("text", ""),
        frozenset(filter(None, query.get("msgid", "").split(","))),
        message_id(query.get("since", "0"), "since"),
    )


def _msgids(message: Message) -> Iterator[str]:
    """Yield all by which a sender may know a message: ids of its platform, and of a mail the sender's own."""
    yield from _values(message.reply)
    if message.platform == "mail" and (found := MESSAGE_ID.search(message.raw, 0, message.raw.find(b"\r\n\r\n"))):
        yield found[1].decode(errors="replace")


def _values(reply: object) -> Iterator[str]:
    """Yield all texts and numbers in an answer: each platform has its own place for the ids that it gives."""
    if isinstance(reply, Mapping):
        reply = list(reply.values())
    if isinstance(reply, list):
        for value in reply:
            yield from _values(value)
    elif isinstance(reply, str | int):
        yield str(reply)


def message_id(value: str, where: str) -> int:
    """Read the id of a message. Raises BadControl."""
    if not value.isdecimal() or len(value) > 18:
        raise control_values.wrong(value, where, "the id of a message")
    return int(value)


async def found(world: World, query: Mapping[str, str]) -> list[Message]:
    """Return all messages that a query asks for, the first one first.

    With `wait`, seconds, it returns as soon as there is one, or none after that time or when the sandbox stops. Raises
    BadControl, and TooManyWatchers.
    """
    for name in query:
        control_values.one_of(name, "query", (*KEYS, "wait"))
    chosen, seconds = read(query), _seconds(query.get("wait", "0"))
    messages = [message for message in world.state.inbox if chosen.fits(message)]
    if messages or not seconds:
        return messages
    with world.changes.watched():
        return await _arrived(world, chosen, seconds)


async def _arrived(world: World, chosen: MessageFilter, seconds: float) -> list[Message]:
    loop = asyncio.get_running_loop()
    end, inbox = loop.time() + seconds, world.state.inbox
    seen = inbox.last_id
    while (left := end - loop.time()) > 0 and not world.changes.ended:
        await world.changes.later(world.changes.number, left)
        if inbox is not world.state.inbox:
            inbox, seen = world.state.inbox, 0
        messages = [message for message in inbox.after(seen) if chosen.fits(message)]
        if messages:
            return messages
        seen = inbox.last_id
    return []


def _seconds(value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= WAIT_S:
        raise control_values.wrong(value, "wait", f"seconds, at most {WAIT_S:.0f}")
    return seconds
