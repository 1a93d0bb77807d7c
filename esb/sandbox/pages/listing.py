"""The messages of one page, the newest first, and whom messages are for."""

from collections.abc import Mapping
from itertools import islice
from urllib.parse import urlencode

from esb.sandbox import message_filter
from esb.sandbox.inbox import Inbox, Message

PAGE = 50
"""Messages of a page."""
LOOKED_AT = 20_000
"""Messages that are looked at for a page: of a full inbox that is a moment. An older page goes on behind them."""
RECENT = 500
"""The newest messages, whose receivers are offered as filters."""
PEOPLE, LONGEST = 30, 80
"""Receivers that are offered, and the characters of the longest name among them."""
PATH = "/_sandbox/inbox"
KEYS = ("platform", "app", "touser", "text", "msgid")


class Selection:
    """Choice of what a page shows: the filters of its address, and where it begins."""

    def __init__(self, query: Mapping[str, str]) -> None:
        """Read the address of a page. Raises BadControl."""
        self.given = {key: query[key] for key in KEYS if query.get(key)}
        self._chosen = message_filter.read(self.given)
        self.before = message_filter.message_id(query.get("before", "0"), "before")

    def fits(self, message: Message) -> bool:
        """Tell whether the filters let a message through."""
        return self._chosen.fits(message)

    def messages(self, inbox: Inbox) -> tuple[list[Message], int]:
        """Return the messages of this page, and the id before which the next one begins, 0 if there is none."""
        found: list[Message] = []
        last = 0
        for looked_at, message in enumerate(inbox.before(self.before or inbox.last_id + 1), 1):
            if len(found) == PAGE or looked_at > LOOKED_AT:
                return found, last
            if self.fits(message):
                found.append(message)
            last = message.id
        return found, 0

    def address(self, path: str = PATH, **changes: object) -> str:
        """Return the address of this page with other filters; None takes one away."""
        query = {key: value for key, value in {**self.given, **changes}.items() if value}
        return f"{path}?{urlencode(query, errors='replace')}" if query else path


def people(inbox: Inbox) -> list[str]:
    """Return those whom the newest messages were for, the last one first."""
    found: dict[str, None] = {}
    for message in islice(inbox.before(inbox.last_id + 1), RECENT):
        names = (message.delivered + message.dropped + message.invalid)[:PEOPLE]
        found.update((name, None) for name in names if len(name) <= LONGEST)
        if len(found) >= PEOPLE:
            break
    return list(found)[:PEOPLE]
