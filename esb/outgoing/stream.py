"""An answer whose body is passed on as it comes."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from multidict import MultiMapping

from esb.outgoing.engines.tunnel import Tunnel


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer from its head on. `chunks` is its body as it comes, neither decoded nor collected."""

    status: int
    headers: MultiMapping[str] = field(repr=False)
    chunks: AsyncIterator[bytes] = field(repr=False)
    tunnel: Callable[[], Tunnel]
    """Function that returns the connection itself, behind an answer with status 101."""
