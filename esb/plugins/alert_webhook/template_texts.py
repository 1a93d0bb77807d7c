"""Texts of the configuration that are templates; jinja2 is asked for only if there is one."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from esb.plugins.alert_webhook.template_errors import BadTemplate

VARIABLES = frozenset(
    (
        *("alerts", "annotations", "body", "content", "count", "firing", "group", "icon", "labels", "message"),
        *("more", "name", "receiver", "resolved", "severity", "source", "status", "status_text", "title", "url"),
    )
)
"""The variables of a template; docs/alerts.md describes them."""
NEEDS_EXTRA = "a template needs jinja2, which `pip install 'esb-gateway[templates]'` installs"


class Rendering(Protocol):
    """A template that can be rendered."""

    def rendered(self, values: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
        """Return the text for these values, and the names that were shown and are not there. TemplateFailed."""
        ...


def is_template(text: str) -> bool:
    """Return True if jinja2 has to make the text: nobody needs it for any other."""
    return "{{" in text or "{%" in text or "{#" in text


def template_of(text: str, *, html: bool = False) -> Rendering:
    """Return the template that this text is. BadTemplate if it has a mistake, or jinja2 is not there."""
    try:
        from esb.plugins.alert_webhook.templates import Template
    except ModuleNotFoundError:
        raise BadTemplate(NEEDS_EXTRA) from None
    return Template(text, VARIABLES, html=html)
