"""Keys of a component's stanza that are right by themselves, and mean nothing to that component."""

from collections.abc import Iterator
from typing import Any

from esb.config import ComponentStanza
from esb.contracts.component import Component
from esb.core.errors import Mistake

UNLIMITED = "null is no limit, which is for components that stream: `use: http` with `response: raw`"
NO_ANSWERS = "answers are kept for `use: http` with `response: envelope` or `wrap`; a stream cannot be said again"
NO_HEADERS = "headers pass through components that stream only: `use: http` with `response: raw`"


def unsuited(stanza: ComponentStanza, component: Component[Any, Any], streams: bool) -> Iterator[Mistake]:
    """Yield the keys of a stanza that mean nothing to its component, which `streams` bodies or does not."""
    if stanza.unlimited and not streams:
        yield stanza.section.mistake(UNLIMITED, "max_body")
    if stanza.headers_in is not None and not streams:
        yield stanza.section.mistake(NO_HEADERS, "headers_in")
    if stanza.idempotency and (streams or not component.reads_request):
        yield stanza.section.mistake(NO_ANSWERS, "idempotency")
