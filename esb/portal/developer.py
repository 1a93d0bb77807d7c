"""App developers by their login state, and the apps that they own."""

from collections.abc import Sequence

from esb.portal.parts import Parts, Route


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return []
