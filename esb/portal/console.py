"""The console: a form for a call, what it would do, and what it did."""

from collections.abc import Sequence

from esb.portal.parts import Parts, Route


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return []
