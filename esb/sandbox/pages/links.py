"""Addresses that a message leads to: only those of web pages become links."""

import re
from html import escape
from urllib.parse import urlsplit

WEB = ("http", "https")
UNFIT = re.compile(r"[\x00-\x20\x7f-\xa0\"'<>\\^`{|}\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]")
"""Characters that no address has: those that end it in HTML, and those that hide where it leads."""
LONGEST = 2048


def web_address(value: object) -> str:
    """Return the address if it is that of a web page, otherwise ""; never one by which a script could run."""
    if not isinstance(value, str) or len(value) > LONGEST or UNFIT.search(value):
        return ""
    try:
        parts = urlsplit(value)
    except ValueError:
        return ""
    return value if parts.scheme.lower() in WEB and parts.netloc else ""


def anchor(address: str, inner: str) -> str:
    """Return a link as HTML around `inner`, which is HTML; `inner` alone where the address is none of a web page."""
    found = web_address(address)
    if not found:
        return inner
    return f'<a href="{escape(found)}" rel="noopener noreferrer nofollow" target="_blank">{inner}</a>'
