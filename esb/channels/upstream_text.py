"""Texts and codes of upstreams, as a caller may read them."""

import re
from typing import Any

from esb.core.redaction import redacted

MOST_CHARACTERS = 300
"""The most characters of an upstream's own text that a caller sees."""
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_ADDRESS = re.compile(r"https?://\S+", re.IGNORECASE)


def readable_text(text: Any, *secrets: str) -> str:
    """Return an upstream's own text in one line: without addresses, without these secrets, and not long."""
    return " ".join(redacted(_ADDRESS.sub("", str(text or "")), secrets).split())[:MOST_CHARACTERS]


def readable_code(code: Any, *secrets: str) -> int | str:
    """Return an upstream's own code; -1 if what stands there is none: an upstream may write anything."""
    if isinstance(code, int):
        return code
    return code if isinstance(code, str) and _CODE.fullmatch(code) and code not in secrets else -1
