"""Deliveries: what became of messages, and what can be done about it."""

from collections.abc import Sequence

from esb.portal.parts import Parts, Route


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return []
