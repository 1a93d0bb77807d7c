"""The reference of the API, by a viewer that is served from here."""

from collections.abc import Sequence

from esb.portal.parts import Parts, Route


def routes(parts: Parts) -> Sequence[Route]:
    """Return the pages."""
    return []
