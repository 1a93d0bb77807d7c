"""Warnings about parameters, as answers carry them in `data.warnings`: few, and none longer than somebody reads."""

from typing import Any

from esb.core.errors import Message, template

MOST_NAMED = 20
"""Names that warnings have: more are no slip of the pen."""
LONGEST_NAME = 64
"""Characters of a parameter's name in an answer, which is not to grow with it."""
SEVERAL_VALUES = template("it takes one value and was given several times: the last one was taken")
"""The warning about a parameter that came more than once."""


def warning(field: str, what: Message) -> dict[str, Any]:
    """Return the warning about a parameter, or about one in another (`outer.inner`)."""
    return {"field": field[: 2 * LONGEST_NAME + 1], "what": what}
