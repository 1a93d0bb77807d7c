"""The messages that the platforms took, in order of arrival."""

from base64 import b64encode
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from esb.sandbox import mail_content
from esb.sandbox.wire import Call, decode

Platform = Literal["mp", "qy", "robot", "mail", "sms", "voice"]
KEPT = 100_000
KEPT_BYTES = 512 * 2**20
"""Bytes of all messages together: mails with attachments must not eat the machine's memory. The oldest go first."""


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

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._count = 0
        self._bytes = 0

    def add(self, call: Call, now: float, platform: Platform, app: str, text: str, delivered: list[str]) -> Message:
        self._count += 1
        message = Message(self._count, now, platform, app, call.path, call.body, text, delivered)
        self._messages.append(message)
        self._bytes += len(message.raw)
        while len(self._messages) > KEPT or (self._bytes > KEPT_BYTES and len(self._messages) > 1):
            self._bytes -= len(self._messages.popleft().raw)
        return message

    def empty(self) -> None:
        self._messages.clear()
        self._bytes = 0

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages)


Reply = tuple[dict[str, Any], Message | None]  # what an endpoint answers, and the message if it took one
