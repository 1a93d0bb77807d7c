"""The configuration, its warnings, and what the last reload changed."""

from collections.abc import Sequence

from esb.portal.parts import Parts, Route


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return []
