"""The languages that answers speak: English, in which the texts are written, and Chinese, from a catalogue.

The catalogue is esb/locale/zh_Hans/LC_MESSAGES/esb.po; its keys are the English templates. `make catalogues` collects
new ones from the code and compiles the .mo, which is what runs. A text is found where it stands as a literal (the
functions are listed in babel.keywords); one that stands elsewhere is marked with `template("…")` or is a Message.
"""

import gettext
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from esb.core.errors import untranslated

LOCALE = Path(__file__).parent.parent / "locale"
DOMAIN = "esb"
CHINESE = "zh_Hans"

Translate = Callable[[str], str]
"""Translate an English template; one that the other language lacks stays English."""


class Catalogues:
    """The catalogues, read once, when somebody speaks the language."""

    @cached_property
    def _chinese(self) -> Translate:
        return gettext.translation(DOMAIN, LOCALE, [CHINESE]).gettext

    def translate(self, language: str) -> Translate:
        """Return the translation for a Blueking-Language: Chinese for zh-hans, zh-cn, zh …, else English."""
        if language and is_chinese(language):
            return self._chinese
        return untranslated


def is_chinese(language: str) -> bool:
    """Return True if this Blueking-Language asks for Chinese. Traditional Chinese has no catalogue of its own."""
    return language.strip().lower().replace("_", "-").partition("-")[0] == "zh"
