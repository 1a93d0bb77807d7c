"""A mail: who writes what to whom, and its MIME form. Nothing is sent here.

Sources: RFC 5322 (header lines), RFC 2045 and 2392 (msg-ids are one word, which must not be folded or encoded),
RFC 2047 (words that are not ASCII), RFC 2231 (file names), RFC 2046 (a text beside its Html), RFC 2387 (pictures that
a text shows by their Content-ID).
"""

import asyncio
import mimetypes
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from email.header import Header
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formataddr, make_msgid
from functools import partial
from pathlib import PurePath
from typing import Any

from esb.channels.mail.address import Mailbox
from esb.channels.mail.html_text import text_of


class MailPolicy(EmailPolicy):
    """The standard library's rules for mails, but for msg-ids: it would fold a long one into encoded words."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in MSG_IDS:
            return f"{name}: {value}{self.linesep}".encode("ascii")
        return super().fold_binary(name, value)


MSG_IDS = frozenset({"content-id", "message-id"})
POLICY = MailPolicy(linesep="\r\n", cte_type="7bit")
"""Mails that every server takes: no line over 998 bytes, no byte over 127."""
PICTURES = frozenset({"image", "jpg", "png", "jpeg"})
"""Types of attachments that are shown inside the text unless the caller says otherwise."""
SHORT_NAME = 60
"""Characters of a name that fits a line beside its address; a longer one has to be folded."""
HTML, PLAIN = "Html", "Text"
"""The formats of a mail, as callers name them."""
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*")


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
    zone: tzinfo | None = None
    written_at: float | None = None
    """Seconds since 1970; None: now."""
    known_as: str = ""
    """The part of its Message-ID before the domain, which copies of a mail share; "" for a new one."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A mail as it goes over the wire, and its Message-ID. `international`: only SMTPUTF8 can carry its addresses."""

    message_id: str
    content: bytes = field(repr=False)
    international: bool = False


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


def preview(mail: Mail) -> dict[str, Any]:
    """Return a mail as a dry run shows it; its files by name, type and size."""
    files = [
        {"filename": file.filename, "type": file.media_type, "bytes": len(file.content), "inline": file.inline}
        for file in mail.attachments
    ]
    return {
        "sender": mail.sender.address,
        "receiver": [box.address for box in mail.receivers],
        "cc": [box.address for box in mail.copies],
        "title": mail.title,
        "content": mail.content,
        "body_format": HTML if mail.is_html else PLAIN,
        "attachments": files,
    }


class Abandoned(Exception):
    """Nobody waits for the mail any more."""


def compose(mail: Mail, is_abandoned: Callable[[], bool] = lambda: False) -> Composed:
    """The mail in MIME form. Slow for big attachments: `composed` runs it beside the event loop.

    `is_abandoned` is asked before each attachment; Abandoned is raised if it says yes.
    """
    message = EmailMessage(policy=POLICY)
    message["Subject"] = mail.title
    message["Date"] = _date(mail)
    message["Message-ID"] = (
        f"<{mail.known_as}@{mail.sender.domain}>" if mail.known_as else make_msgid(domain=mail.sender.domain)
    )
    _set_text(message, mail, partial(_go_on, is_abandoned))
    for attachment in mail.attachments:
        if not _is_shown(mail, attachment):
            _go_on(is_abandoned)
            message.add_attachment(attachment.content, **_described(attachment))
    _go_on(is_abandoned)
    head = _addresses("From", (mail.sender,)) + _addresses("To", mail.receivers) + _addresses("Cc", mail.copies)
    return Composed(str(message["Message-ID"]), head + message.as_bytes(), not head.isascii())


def _date(mail: Mail) -> datetime:
    """Return the moment at which the mail was written, in its zone; None for the machine's."""
    written = datetime.now(UTC) if mail.written_at is None else datetime.fromtimestamp(mail.written_at, UTC)
    return written.astimezone(mail.zone)


def _set_text(message: EmailMessage, mail: Mail, go_on: Callable[[], None]) -> None:
    """Write the content into the message: Html with the pictures that it shows, and beside it what it says as text."""
    if not mail.is_html:
        message.set_content(mail.content, charset="utf-8")
        return
    markup = message
    if alternative := text_of(mail.content, go_on):
        message.set_content(alternative, charset="utf-8")
        message.add_alternative(mail.content, subtype="html", charset="utf-8")
        markup = message.get_payload(1)  # type: ignore[assignment]  # a message of two parts, made one line above
    else:
        message.set_content(mail.content, subtype="html", charset="utf-8")
    for attachment in mail.attachments:
        if _is_shown(mail, attachment):
            go_on()
            markup.add_related(attachment.content, **_described(attachment))


def _is_shown(mail: Mail, attachment: Attachment) -> bool:
    """Tell whether the text shows this picture, by its Content-ID."""
    return mail.is_html and bool(attachment.content_id)


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
    return f"{header}: {(',' + POLICY.linesep + ' ').join(map(_address, mailboxes))}{POLICY.linesep}".encode()


def _address(box: Mailbox) -> str:
    if box.name.isascii() and len(box.name) <= SHORT_NAME:
        return f"{quoted}<{box.address}>" if (quoted := formataddr((box.name, "")).removesuffix("<>")) else box.address
    return f"{Header(box.name, 'utf-8').encode(linesep=POLICY.linesep)} <{box.address}>"


def _guessed(suffix: str) -> str:
    guessed, compression = mimetypes.guess_type(f"file{suffix}")
    return guessed if guessed and not compression else ""
