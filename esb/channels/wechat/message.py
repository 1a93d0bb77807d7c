"""What is sent to WeChat, before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Message:
    """What some receivers get: one request, or one after another if it has several pages.

    A request's body is its page, what is `common` to all of them, and the receivers, joined to `touser`.
    `deduplicated`: WeChat drops a repetition of the same bytes, so that an unanswered request may be repeated.
    `addressed`: false for a group robot, whose key alone says where a message goes.
    """

    receivers: tuple[str, ...]
    endpoint: str
    pages: Sequence[Mapping[str, Any]] = field(repr=False)
    common: Mapping[str, Any] = field(repr=False)
    deduplicated: bool = False
    addressed: bool = True

    def to(self, receivers: Sequence[str]) -> "Message":
        """The same message for others."""
        return Message(tuple(receivers), self.endpoint, self.pages, self.common, self.deduplicated, self.addressed)

    def body(self, page: int) -> dict[str, Any]:
        """What is sent as the page of this number, from 0."""
        if not self.addressed:
            return {**self.pages[page], **self.common}
        return {"touser": "|".join(self.receivers), **self.pages[page], **self.common}
