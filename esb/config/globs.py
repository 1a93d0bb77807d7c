"""Globs in the rights of apps: what they name, they give. None takes anything away."""

import re
from typing import Annotated

from pydantic import AfterValidator

from esb.core.messages import template

_NEGATED = re.compile(r"[!^~-]|not\s", re.IGNORECASE)
"""The beginning of what other systems read as an exception. `[!a]*` is a glob, and begins otherwise."""


def fault(glob: str) -> str | None:
    """Return the fault of a glob; None if it is sound."""
    if _NEGATED.match(glob):
        return template(
            "a glob gives, and cannot take away: there are no exceptions; name what is given instead, one glob each"
        )
    return None


def _positive(glob: str) -> str:
    if (text := fault(glob)) is not None:
        raise ValueError(text)
    return glob


Glob = Annotated[str, AfterValidator(_positive)]
"""A pattern of names that are given: `cmsi.*`, `zhang*`."""
