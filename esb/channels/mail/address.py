"""Mailboxes: addresses as people type them, and as mail servers take them.

Sources: RFC 5322 (addresses), RFC 5890 (domains that are not ASCII: every server takes them as xn--…), RFC 6531 (what
stands before the @ may be Unicode, for servers that announce SMTPUTF8).
"""

import re
import unicodedata
from dataclasses import dataclass
from email.utils import unquote

import idna

from esb.core.params import problem

LONGEST_LINE = 1000
"""The characters of a title, a mailbox or a file name. Folding one that is longer takes long."""
LONGEST_DOMAIN = 253
"""The characters of a domain (RFC 1035), of which as many are bytes once it is ASCII."""
_NAMED = re.compile(r'("(?:[^"\\]|\\.)*+"\s*|[^<>]*)<([^<>]+)>')
"""A name, in quotes where it holds signs of its own (RFC 5322, 3.2.4), and the address in angle brackets."""
_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, what separates lines and paragraphs, and half characters; the tab is none of these."""
_LOCAL = re.compile(r"[^\s@()<>,;\\\"]+")
_DOMAIN = re.compile(r"[!-~]+")
_NOT_IN_DOMAIN = re.compile(r"[()<>,;\\\"@]")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, and the name to show for it. Its domain is ASCII."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def mailbox(text: str) -> Mailbox | None:
    """`a@example.com` or `Name <a@example.com>`; None if it is neither, or not on one short line."""
    if len(text) > LONGEST_LINE:
        return None
    name, address = "", text.strip()
    if "<" in address:
        found = _NAMED.fullmatch(address)
        if found is None:
            return None
        name, address = found[1], found[2].strip()
    local, _, domain = address.rpartition("@")
    if not _LOCAL.fullmatch(local) or not is_one_line(text):
        return None
    domain = ascii_domain(domain)
    if not domain:
        return None
    local = unicodedata.normalize("NFC", local)
    return Mailbox(f"{local}@{domain}", unquote(name.strip()).strip())


def ascii_domain(domain: str) -> str:
    """Return a domain as every server takes it; "" if it is none."""
    if not domain.isascii():
        if len(domain) > LONGEST_DOMAIN:
            return ""
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return ""
    return domain if _DOMAIN.fullmatch(domain) and not _NOT_IN_DOMAIN.search(domain) else ""


def is_one_line(text: str) -> bool:
    """Tell whether this can stand in a header: a line break there could begin a header of its own."""
    return text.isprintable() or _BREAK.search(text) is None


def one_line(text: str) -> str:
    """The text of a parameter that becomes a line of the mail's head."""
    if len(text) > LONGEST_LINE:
        raise problem("Must be at most {most} characters", most=LONGEST_LINE)
    if not is_one_line(text):
        raise problem("Line breaks and control characters are not allowed.")
    return text
