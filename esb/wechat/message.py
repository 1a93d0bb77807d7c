"""What is sent to WeChat, before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Message:
    """One request: `body` without its receivers, and the receivers, who are joined to `touser`.

    `deduplicated`: WeChat drops a repetition of the same bytes, so that an unanswered request may be repeated.
    `addressed`: false for a group robot, whose key alone says where a message goes.
    """

    receivers: tuple[str, ...]
    endpoint: str
    body: Mapping[str, Any] = field(repr=False)
    deduplicated: bool = False
    addressed: bool = True

    def to(self, receivers: Sequence[str]) -> "Message":
        """The same message for others."""
        return Message(tuple(receivers), self.endpoint, self.body, self.deduplicated, self.addressed)

    def json(self) -> dict[str, Any]:
        """The body as it is sent."""
        return {"touser": "|".join(self.receivers), **self.body} if self.addressed else dict(self.body)


Pages = tuple[Message, ...]
"""Messages for the same receivers, to be sent one after another."""
