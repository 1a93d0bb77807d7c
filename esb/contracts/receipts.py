"""Receipts: a platform's word on what became of a message that it had accepted before.

A platform posts them to `/api/c/receipts/{system}/{component}/`; the component says whether they are genuine, and what
they mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class ReceiptRequest:
    """A request of a platform as it came: `query` by name, the first of each, and the bytes of the body."""

    method: str
    query: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class Receipt(NamedTuple):
    """The fate of a message at one receiver, who is named by the address that it was sent to.

    `msgid`: the platform's id of the message, as the report on its sending tells it. `reason`: the platform's own words
    where the message was not delivered; they name nobody.
    """

    msgid: str
    receiver: str
    delivered: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReceiptAnswer:
    """An answer to a platform, which is written as it is, and the receipts that its request brought.

    `refusal`: the reason, for the log, why the request is not believed; then there are no receipts.
    """

    body: str = ""
    status: int = 200
    receipts: tuple[Receipt, ...] = ()
    refusal: str = ""
