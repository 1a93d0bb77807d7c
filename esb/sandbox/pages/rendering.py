"""Pages and bubbles as HTML, by jinja2: every value is escaped, a name that nobody gave is a mistake."""

import gettext
import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from esb.sandbox.inbox import Message
from esb.sandbox.pages import fault_buttons, markdown, plain_text, static_files
from esb.sandbox.pages.language import CHINESE
from esb.sandbox.pages.views import SHOWN_FAULTS, SHOWN_NAMES, view
from esb.sandbox.state import State

LOCALE = Path(__file__).parents[1] / "locale"
DOMAIN = "inbox"
TEXT_IN_LIST, TEXT_ALONE = 4000, 100_000
"""Characters of a message's text that are shown among others, and on its own page."""
NAME = 80
"""Characters of a name or of a rule that are shown."""
BUBBLE_BYTES = 40_000
"""Bytes of one message among others: of a longer one there is a link to its own page."""
LIST_BYTES = 200_000
"""Bytes of the messages of one page."""


class Pages:
    """The pages in one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._environment = _environment(language)

    def page(self, name: str, **values: Any) -> str:
        """Return a whole page, or a part of one."""
        return self._environment.get_template(name).render(values)

    def bubble(self, state: State, message: Message) -> Markup:
        """Return one message among others; of a long one there is only a link."""
        html = self._bubble(state, message, TEXT_IN_LIST)
        return html if len(html.encode(errors="replace")) <= BUBBLE_BYTES else self._bubble(state, message, 0)

    def alone(self, state: State, message: Message) -> Markup:
        """Return one message as long as it is."""
        return self._bubble(state, message, TEXT_ALONE)

    def bubbles(self, state: State, messages: Iterable[Message]) -> Iterator[tuple[Message, Markup]]:
        """Yield messages with their HTML, until a page is full."""
        size = 0
        for message in messages:
            html = self.bubble(state, message)
            size += len(html.encode(errors="replace"))
            if size > LIST_BYTES:
                return
            yield message, html

    def _bubble(self, state: State, message: Message, most: int) -> Markup:
        return _safe(self.page("bubble.html", view=view(state, message, most)))


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("esb.sandbox.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    translations = gettext.translation(DOMAIN, LOCALE, ["zh_Hans"]) if language == CHINESE else None
    environment.install_gettext_translations(translations or gettext.NullTranslations(), newstyle=True)  # type: ignore[attr-defined]  # the extension's
    environment.filters.update(
        links=lambda text: _safe(plain_text.with_links(text)),
        description=lambda text: _safe(plain_text.card_description(text)),
        markdown=lambda text: _safe(markdown.markdown(text)),
        markdown_v2=lambda text: _safe(markdown.markdown_v2(text)),
        short=_short,
        json=lambda value: json.dumps(value, ensure_ascii=False, indent=2, default=str)[:TEXT_ALONE],
    )
    environment.globals.update(
        static={file: f"/_sandbox/inbox/static/{name}" for file, name in static_files.names().items()},
        language=language,
        fault_buttons=fault_buttons.buttons(),
        fault_calls=fault_buttons.CALLS,
        name_of_fault=fault_buttons.name_of,
        calls_of_fault=lambda rendered: _short(fault_buttons.calls_of(rendered)),
        longest_name=NAME,
        shown_names=SHOWN_NAMES,
        shown_faults=SHOWN_FAULTS,
    )
    return environment


def _short(text: str) -> str:
    return text if len(text) <= NAME else f"{text[: NAME - 1]}…"


def _safe(html: str) -> Markup:
    return Markup(html)  # noqa: S704 - made by this package alone, of escaped text
