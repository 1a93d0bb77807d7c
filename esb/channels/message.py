"""A message before it is sent: for whom, where to, and its pages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, Callable[[Sequence[str]], Any]]
"""The field of a request that names its receivers, and the function that puts them into its form.

Without a name of a field, the function returns all the fields.
"""


@dataclass(slots=True)
class OutboundMessage:
    """A message for some receivers: one request, or one after another if it has several pages.

    A request's body names the receivers as `address` says (None: not at all), then holds its page, and what is
    `common` to all pages.
    `deduplicated`: the platform drops a repetition of the same bytes, so that an unanswered request may be repeated.
    """

    receivers: tuple[str, ...]
    endpoint: str
    pages: Sequence[Mapping[str, Any]] = field(repr=False)
    common: Mapping[str, Any] = field(repr=False)
    address: Address | None = None
    deduplicated: bool = False

    def to(self, receivers: Sequence[str]) -> "OutboundMessage":
        """Return the same message for others."""
        return OutboundMessage(
            tuple(receivers), self.endpoint, self.pages, self.common, self.address, self.deduplicated
        )

    def body(self, page: int) -> dict[str, Any]:
        """Return what is sent as the page of this number, from 0."""
        if self.address is None:
            return {**self.pages[page], **self.common}
        name, form = self.address
        if not name:
            return {**form(self.receivers), **self.pages[page], **self.common}
        return {name: form(self.receivers), **self.pages[page], **self.common}
