"""The bounds of a parameter, in words."""

from esb.core.i18n import Translate
from esb.core.messages import template
from esb.introspect.tables import Row

ONE_OF = template("one of: {choices}")
LIMITS = {
    "minimum": template("at least {limit}"),
    "exclusiveMinimum": template("more than {limit}"),
    "maximum": template("at most {limit}"),
    "exclusiveMaximum": template("less than {limit}"),
    "minLength": template("at least {limit} characters"),
    "maxLength": template("at most {limit} characters"),
    "minItems": template("at least {limit} items"),
    "maxItems": template("at most {limit} items"),
    "pattern": template("of the form {limit}"),
}
"""Keywords of JSON Schema, in words."""


def bounds(row: Row, translate: Translate) -> list[str]:
    """Return what values a parameter takes: its choices, unless its description names them, and its limits."""
    text = translate(row.description) if row.description else ""
    is_told = all(choice in text for choice in row.choices)
    choices = [] if is_told else [translate(ONE_OF).format(choices=", ".join(row.choices))]
    return [*choices, *(translate(LIMITS[keyword]).format(limit=limit) for keyword, limit in row.limits)]
