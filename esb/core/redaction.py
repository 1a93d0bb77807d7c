"""Redaction of secrets in what others say: an upstream may repeat our request in its refusal, query and body too."""

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

REDACTED = "***"
NOT_SHORT = 6
"""Characters from which on a secret is taken out wherever it stands. A shorter one is taken out only where it stands
by itself: inside of words it tells nobody that it is a secret, and texts without it would be full of holes.
"""
SHORTEST_REPLACED = 4
"""Characters from which on what stands in a configuration is taken out of texts about it. A shorter one would garble
them and hide nothing; it is hidden where it stands alone.
"""

HIDDEN_KEY = re.compile(
    r"secret|(token|password|passwd|passphrase|pwd|credential|key|authorization|auth|access|sig|signature)s?$|^sign$"
    r"|(mail|phone|mobile)s?$",
    re.IGNORECASE,
)
UNCHANGED = re.compile(r"[0-9A-Za-z_.~-]*")
"""A secret that looks the same in every form, as nearly all do: no other form of it need be made. Bench: errcode."""


def sounds_secret(key: str) -> bool:
    """Return True if what stands under this name is probably a secret, a mail address or a phone number."""
    return HIDDEN_KEY.search(key) is not None


def redacted(text: str, secrets: Iterable[str]) -> str:
    """Take these secrets out of a text, in whatever form a request or an answer may have carried them."""
    forms: set[str] = set()
    for secret in secrets:
        if 0 < len(secret) <= len(text):  # no form of it is shorter, and most tokens are longer than most texts
            forms |= _forms(secret)
    for form in sorted(forms, key=len, reverse=True):  # a whole before its parts
        text = text.replace(form, REDACTED) if len(form) >= NOT_SHORT else _by_itself(form).sub(REDACTED, text)
    return text


def _by_itself(form: str) -> re.Pattern[str]:
    before = "(?<![0-9A-Za-z])" if form[0].isalnum() else ""
    after = "(?![0-9A-Za-z])" if form[-1].isalnum() else ""
    return re.compile(before + re.escape(form) + after)


def _forms(secret: str) -> set[str]:
    if UNCHANGED.fullmatch(secret):
        return {secret}
    as_json = {json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False)}
    return {secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret), *as_json}
