"""Limits on what one request may hold. They bound the work that it makes before anybody knows who calls."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of `server.limits`.

    `json_nodes`: values and names of a JSON body; `nesting`: its levels; `form_fields`: fields of a form or a query
    string; `parts`: those of a multipart form; `receivers`: receivers in one parameter.
    """

    json_nodes: int = 200_000
    nesting: int = 100
    form_fields: int = 1000
    parts: int = 200
    receivers: int = 10_000


DEFAULT_LIMITS = Limits()
MOST_NESTING = 200
"""The most that `nesting` can be: every JSON reader here takes as many levels, whatever the version of Python."""
