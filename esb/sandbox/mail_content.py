"""Mails as people read them: headers decoded, the text, and the attachments, out of the bytes that SMTP brought.

Whatever the bytes are, they are shown somehow: a mail that cannot be read is what somebody is looking for.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Part
from email.utils import getaddresses
from html.parser import HTMLParser
from typing import Any

FOLD = re.compile(r"\r?\n(?=[ \t])")
UNSEEN = frozenset({"head", "script", "style", "title"})
"""Elements of HTML whose text nobody sees."""
BREAKS = frozenset({"br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "p", "table", "tr"})
"""Elements of HTML that begin a line."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail that is no text of it; `name` is "" where it has none."""

    name: str
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, taken apart; `text` and `html` are "" where it has none."""

    headers: list[tuple[str, str]]
    text: str
    html: str
    attachments: list[Attachment]

    @property
    def subject(self) -> str:
        return self._header("subject")

    @property
    def words(self) -> str:
        """All that a reader sees: the subject, and the text below it, that of the HTML if there is no other."""
        return "\n".join(filter(None, (self.subject, self.text or visible_text(self.html))))

    def rendered(self) -> dict[str, Any]:
        """Return the mail as JSON; of an attachment its name, kind and size."""
        return {
            "from": self._header("from"),
            "to": self._addresses("to"),
            "cc": self._addresses("cc"),
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "attachments": [
                {"name": part.name, "content_type": part.content_type, "bytes": len(part.content)}
                for part in self.attachments
            ],
            "headers": [list(header) for header in self.headers],
        }

    def _header(self, wanted: str) -> str:
        return next((value for name, value in self.headers if name.lower() == wanted), "")

    def _addresses(self, wanted: str) -> list[str]:
        values = [value for name, value in self.headers if name.lower() == wanted]
        return [address for _, address in getaddresses(values) if address]


def read(raw: bytes) -> Mail:
    """Return what is in a mail (RFC 5322, MIME), whatever its form."""
    parsed = message_from_bytes(raw)
    texts: dict[str, str] = {}
    attachments = []
    for part in _leaves(parsed):
        kind, name = _kind(part), _decoded(part.get_filename() or "")
        content = _content(part)
        if kind in ("text/plain", "text/html") and not name and part.get_content_disposition() != "attachment":
            texts[kind] = "\n".join(filter(None, (texts.get(kind), _text(part, content))))
        else:
            attachments.append(Attachment(name, kind, content))
    headers = [(name, _decoded(str(value))) for name, value in parsed.raw_items()]
    return Mail(headers, texts.get("text/plain", ""), texts.get("text/html", ""), attachments)


def visible_text(html: str) -> str:
    """Return the text of HTML without its markup, a line for each block."""
    reader = _VisibleText()
    reader.feed(html)
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).split("\n"))
    return "\n".join(line for line in lines if line)


class _VisibleText(HTMLParser):
    """A reader that keeps what people see. `pieces` have a line break where a block begins."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._unseen += tag in UNSEEN
        if tag in BREAKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen = max(0, self._unseen - (tag in UNSEEN))

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(data.replace("\n", " "))


def _leaves(parsed: Part) -> Iterator[Part]:
    return (part for part in parsed.walk() if not part.is_multipart())


def _kind(part: Part) -> str:
    """Return the content type; what calls itself multipart and has no parts is text."""
    return "text/plain" if part.get_content_maintype() == "multipart" else part.get_content_type()


def _content(part: Part) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _text(part: Part, content: bytes) -> str:
    charset = part.get_content_charset("utf-8")
    try:
        text = content.decode(charset, "replace")
    except LookupError:  # a charset that nobody knows
        text = content.decode(errors="replace")
    return text.replace("\r\n", "\n").removesuffix("\n")


def _decoded(value: str) -> str:
    """Return a header as people read it: unfolded, its encoded words (RFC 2047) and its UTF-8 (RFC 6532) decoded."""
    written = FOLD.sub("", value).encode(errors="surrogateescape").decode(errors="replace")
    try:
        return str(make_header(decode_header(written)))
    except (MessageError, LookupError, ValueError):
        return written
