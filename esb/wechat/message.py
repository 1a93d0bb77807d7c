"""What is sent to WeChat, before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """One request: `body` without its receivers, and the receivers that `separator` joins to `touser`."""

    receivers: tuple[str, ...]
    endpoint: str
    body: Mapping[str, Any] = field(repr=False)
    separator: str = "|"

    def to(self, receivers: Sequence[str]) -> "Message":
        """The same message for others."""
        return replace(self, receivers=tuple(receivers))

    def json(self) -> dict[str, Any]:
        """The body as it is sent."""
        return {"touser": self.separator.join(self.receivers), **self.body}


Pages = tuple[Message, ...]
"""Messages for the same receivers, to be sent one after another."""
