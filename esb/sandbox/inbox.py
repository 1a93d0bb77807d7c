"""The messages that the platforms took, in order of arrival."""

import re
from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal
from uuid import uuid4

from esb.sandbox import mail_content
from esb.sandbox.changes import Changes
from esb.sandbox.wire import Call, decode

Platform = Literal["mp", "qy", "robot", "mail", "sms", "voice"]
KEPT = 100_000
KEPT_BYTES = 512 * 2**20
"""Bytes of all messages together: mails with attachments must not eat the machine's memory. The oldest go first."""
CHANGES = 1000
"""Changes that are remembered for those who watch; whoever missed more looks at everything anew."""

NUMBER = re.compile("[0-9]{1,18}")
"""Form of a number in an address: of a message, or of a change."""


@dataclass(slots=True)
class Message:
    """One accepted message: who got it, whom the platform dropped silently, and what the sender was told.

    | platform | `app` | `endpoint` | `raw` | addresses in `delivered`, `invalid` | `text` |
    | --- | --- | --- | --- | --- | --- |
    | mail | sender of the envelope | smtp/DATA | the mail | mail addresses | subject, below it the text |
    | sms | SdkAppId | SendSms | the request | numbers, +8613800000000 | sign and template, filled in |
    | voice | VoiceSdkAppid | SendTtsVoice | the request | number | the template that is read out, filled in |
    """

    id: int
    received_at: float
    platform: Platform
    app: str
    endpoint: str
    raw: bytes
    text: str
    delivered: list[str]
    dropped: list[str] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    reply: Mapping[str, Any] | None = None
    duplicate_of: int | None = None
    fault: int | None = None
    recalled: bool = False

    @property
    def body(self) -> Any:
        """The request's JSON; of a mail what `mail_content.Mail.rendered` makes of it."""
        return mail_content.read(self.raw).rendered() if self.platform == "mail" else decode(self.raw)

    def rendered(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "received_at": self.received_at,
            "platform": self.platform,
            "app": self.app,
            "endpoint": self.endpoint,
            "body": self.body,
            "raw": b64encode(self.raw).decode(),
            "text": self.text,
            "delivered": self.delivered,
            "dropped": self.dropped,
            "invalid": self.invalid,
            "reply": self.reply,
            "duplicate_of": self.duplicate_of,
            "fault": self.fault,
            "recalled": self.recalled,
        }


class Inbox:
    """The last 100 000 messages: a load test must not eat the machine's memory."""

    def __init__(self, changes: Changes | None = None) -> None:
        self._epoch = uuid4().hex[:12]
        self._revision = 0
        self._changes = changes or Changes()
        self._changed: deque[int] = deque(maxlen=CHANGES)
        self._messages: deque[Message] = deque()
        self._count = 0
        self._bytes = 0

    def add(self, call: Call, now: float, platform: Platform, app: str, text: str, delivered: list[str]) -> Message:
        """Take a message. Whatever else is said of it is said before the loop's next turn, when watchers look at it."""
        self._count += 1
        message = Message(self._count, now, platform, app, call.path, call.body, text, delivered)
        self._messages.append(message)
        self._bytes += len(message.raw)
        while len(self._messages) > KEPT or (self._bytes > KEPT_BYTES and len(self._messages) > 1):
            self._bytes -= len(self._messages.popleft().raw)
        self._announce(message.id)
        return message

    def recall(self, message: Message) -> None:
        """Mark a message as taken back."""
        message.recalled = True
        self._announce(message.id)

    def empty(self) -> None:
        """Forget all messages, and what changed; ids go on."""
        self._messages.clear()
        self._bytes = 0
        self._announce(0)
        self._changed.clear()

    @property
    def position(self) -> str:
        """Name of all that has happened until now; no other inbox has it."""
        return f"{self._epoch}-{self._revision}"

    def changed_since(self, position: str) -> list[Message] | None:
        """Return the messages that came or changed since then; None if it was elsewhere, or is too long ago."""
        epoch, _, revision = position.partition("-")
        missed = self._revision - int(revision) if epoch == self._epoch and NUMBER.fullmatch(revision) else -1
        if not 0 <= missed <= len(self._changed):
            return None
        ids = dict.fromkeys(islice(self._changed, len(self._changed) - missed, None))
        return [message for id_ in ids if (message := self.find(id_)) is not None]

    def find(self, id_: int) -> Message | None:
        """Return the message with this id, None if it is not here any more."""
        index = id_ - self._first_id
        return self._messages[index] if 0 <= index < len(self._messages) else None

    def after(self, id_: int) -> Iterator[Message]:
        """Yield the messages that came after the one with this id, the first one first."""
        return islice(self._messages, max(0, id_ + 1 - self._first_id), None)

    def before(self, id_: int) -> Iterator[Message]:
        """Yield the messages that came before the one with this id, the last one first."""
        return islice(reversed(self._messages), max(0, self._count + 1 - id_), None)

    @property
    def last_id(self) -> int:
        """The id of the message that came last, 0 before the first one."""
        return self._count

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def _first_id(self) -> int:
        return self._messages[0].id if self._messages else self._count + 1

    def _announce(self, id_: int) -> None:
        self._revision += 1
        self._changed.append(id_)
        self._changes.announce()


Reply = tuple[dict[str, Any], Message | None]  # what an endpoint answers, and the message if it took one
