"""The messages that WeChat took, in order of arrival."""

from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from esb.sandbox.wire import Call, decode

Platform = Literal["mp", "qy", "robot"]
KEPT = 100_000


@dataclass(slots=True)
class Message:
    """One accepted message: who got it, whom the platform dropped silently, and what the sender was told."""

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

    def rendered(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "received_at": self.received_at,
            "platform": self.platform,
            "app": self.app,
            "endpoint": self.endpoint,
            "body": decode(self.raw),
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

    def __init__(self) -> None:
        self._messages: deque[Message] = deque(maxlen=KEPT)
        self._count = 0

    def add(self, call: Call, now: float, platform: Platform, app: str, text: str, delivered: list[str]) -> Message:
        self._count += 1
        message = Message(self._count, now, platform, app, call.path, call.body, text, delivered)
        self._messages.append(message)
        return message

    def empty(self) -> None:
        self._messages.clear()

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)


Reply = tuple[dict[str, Any], Message | None]  # what an endpoint answers, and the message if it took one
