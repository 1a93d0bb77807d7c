"""A mail: who writes what to whom, and its MIME form. Nothing is sent here.

Sources: RFC 5322 (addresses, header lines), RFC 2047 (words that are not ASCII), RFC 2387 and 2392 (pictures that
a text shows by their Content-ID).
"""

import asyncio
import mimetypes
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.header import Header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formataddr, localtime, make_msgid
from pathlib import PurePath
from typing import Any

from esb.core.params import problem

POLICY = SMTP.clone(cte_type="7bit")
"""Mails that every server takes: no line over 998 bytes, no byte over 127."""
PICTURES = frozenset({"image", "jpg", "png", "jpeg"})
"""Types of attachments that are shown inside the text unless the caller says otherwise."""
LONGEST_LINE = 1000
"""The characters of a title, a mailbox or a file name. Folding one that is longer takes long."""
_NAMED = re.compile(r"([^<>]*)<([^<>]+)>")
_ADDRESS = re.compile(r"[!-~]+@[!-~]+")
_BREAK = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters, and what separates lines and paragraphs; the tab is none of these."""
_NOT_IN_ADDRESS = re.compile(r"[()<>,;\\\"]")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address, and the name to show for it."""

    address: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file. `content_id` (with its angle brackets) is what a text shows it by; "": it does not."""

    filename: str
    content: bytes = field(repr=False)
    media_type: str
    inline: bool = False
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail before it is sent."""

    sender: Mailbox
    receivers: tuple[Mailbox, ...]
    copies: tuple[Mailbox, ...]
    title: str
    content: str = field(repr=False)
    is_html: bool = True
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail as it goes over the wire, and its Message-ID."""

    message_id: str
    content: bytes = field(repr=False)


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
    if not _ADDRESS.fullmatch(address) or _NOT_IN_ADDRESS.search(address) or address.count("@") != 1:
        return None
    if not is_one_line(text):  # last, since it is the slowest
        return None
    return Mailbox(address, name.strip().strip('"').strip())


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


def media_type(kind: str, filename: str) -> str:
    """The MIME type of a file whose caller calls it `kind`: a MIME type, a suffix, or nothing."""
    named = kind.lower()
    if not _MEDIA_TYPE.fullmatch(named):
        named = _guessed(PurePath(filename).suffix) or _guessed(f".{named}")
        if kind.lower() in PICTURES and not named.startswith("image/"):
            named = "image/png"  # viewers look at the bytes, as long as they are told that it is a picture
    if not named or named.startswith(("message/", "multipart/")):
        return "application/octet-stream"  # a mail inside a mail could not be carried unchanged
    return named


def is_picture(kind: str, filename: str) -> bool:
    return (kind or PurePath(filename).suffix.removeprefix(".")).lower() in PICTURES


class Abandoned(Exception):
    """Nobody waits for the mail any more."""


def compose(mail: Mail, is_abandoned: Callable[[], bool] = lambda: False) -> Composed:
    """The mail in MIME form. Slow for big attachments: `composed` runs it beside the event loop.

    `is_abandoned` is asked before each attachment; Abandoned is raised if it says yes.
    """
    message = EmailMessage(policy=POLICY)
    message["Subject"] = mail.title
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=mail.sender.address.rpartition("@")[2])
    message.set_content(mail.content, subtype="html" if mail.is_html else "plain", charset="utf-8")
    shown = [attachment for attachment in mail.attachments if mail.is_html and attachment.content_id]
    for attachment in shown:
        _go_on(is_abandoned)
        message.add_related(attachment.content, **_described(attachment))
    for attachment in mail.attachments:
        if attachment not in shown:
            _go_on(is_abandoned)
            message.add_attachment(attachment.content, **_described(attachment))
    _go_on(is_abandoned)
    head = _addresses("From", (mail.sender,)) + _addresses("To", mail.receivers) + _addresses("Cc", mail.copies)
    return Composed(str(message["Message-ID"]), head + message.as_bytes())


async def composed(mail: Mail) -> Composed:
    """Compose a mail in a thread, which ends soon after its call does."""
    is_over = threading.Event()
    try:
        return await asyncio.to_thread(compose, mail, is_over.is_set)
    finally:
        is_over.set()


def _go_on(is_abandoned: Callable[[], bool]) -> None:
    if is_abandoned():
        raise Abandoned


def _described(attachment: Attachment) -> dict[str, Any]:
    maintype, _, subtype = attachment.media_type.partition("/")
    described = {
        "maintype": maintype,
        "subtype": subtype,
        "disposition": "inline" if attachment.inline else "attachment",
        "filename": attachment.filename,
    }
    return {**described, "cid": attachment.content_id} if attachment.content_id else described


def _addresses(header: str, mailboxes: tuple[Mailbox, ...]) -> bytes:
    """A header line of addresses, one a line; none if there are none.

    Written by hand, because the email package takes seconds for thousands of them.
    """
    if not mailboxes:
        return b""
    return f"{header}: {(',' + POLICY.linesep + ' ').join(map(_address, mailboxes))}{POLICY.linesep}".encode("ascii")


def _address(box: Mailbox) -> str:
    if box.name.isascii():
        return formataddr((box.name, box.address))
    return f"{Header(box.name, 'utf-8').encode(linesep=POLICY.linesep)} <{box.address}>"


def _guessed(suffix: str) -> str:
    guessed, compression = mimetypes.guess_type(f"file{suffix}")
    return guessed if guessed and not compression else ""
