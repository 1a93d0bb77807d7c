"""The language of a page: what the visitor chose, else what the browser asks for."""

import gettext
from functools import cache

from aiohttp import web

from esb.core.i18n import CHINESE, LOCALE, Catalogues, Translate, is_chinese

DOMAIN = "portal"
"""The catalogue of the pages is one of its own: a gateway without a portal never reads it."""
COOKIE = "blueking_language"
ENGLISH_TAG, CHINESE_TAG = "en", "zh-hans"
CATALOGUES = Catalogues()
"""Those of the gateway: for callers and operators, labels and descriptions. Read by the first page in Chinese."""
CHOICE = "lang"
"""The query parameter by which a visitor chooses."""


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Return the catalogue of en or zh-hans."""
    if language == CHINESE_TAG:
        return gettext.translation(DOMAIN, LOCALE, [CHINESE])
    return gettext.NullTranslations()


def every_text(language: str) -> Translate:
    """Return the translation of all that a page may have to say: its own texts, and those of the gateway."""
    own, of_gateway = translations(language).gettext, CATALOGUES.translate(language)

    def translate(text: str) -> str:
        told = own(text) if text else ""  # which names the header of a catalogue
        return of_gateway(text) if told == text and text else told

    return translate


def chosen(request: web.Request) -> str | None:
    """Return the language that this request chooses for all that follow, None if it does not."""
    choice = request.query.get(CHOICE)
    return None if choice is None else _tag(choice)


def language_of(request: web.Request) -> str:
    """Return the language to answer in."""
    choice = chosen(request) or request.cookies.get(COOKIE)
    return _tag(request.headers.get("Accept-Language", "").partition(",")[0] if choice is None else choice)


def _tag(language: str) -> str:
    return CHINESE_TAG if is_chinese(language) else ENGLISH_TAG
