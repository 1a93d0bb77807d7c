"""Mails as people read them: headers decoded, the text, and the attachments, out of the bytes that SMTP brought.

Whatever the bytes are, they are shown somehow: a mail that cannot be read is what somebody is looking for.
"""

import re
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message as Part
from email.parser import BytesParser
from email.utils import getaddresses
from html import unescape
from typing import Any

FOLD = re.compile(r"\r?\n(?=[ \t])")
LONGEST_HEADER = 32_768
"""Characters of a header that are shown: the receivers of a mail to a thousand people have room."""
TAG = re.compile(r"<(?P<closes>/?)(?P<name>[A-Za-z][A-Za-z0-9]{0,20})")
UNSEEN = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("head", "script", "style", "title")}
"""Elements of HTML whose text nobody sees, and their ends."""
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
    """A mail, taken apart; `to` and `cc` are addresses, `text` and `html` are "" where it has none."""

    headers: list[tuple[str, str]]
    to: list[str]
    cc: list[str]
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
            "to": self.to,
            "cc": self.cc,
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


def read(raw: bytes) -> Mail:
    """Return what is in a mail (RFC 5322, MIME), whatever its form."""
    parsed, leaves = _taken_apart(raw)
    texts: dict[str, str] = {}
    attachments = []
    for part in leaves:
        kind, name = _kind(part), _decoded(part.get_filename() or "")
        content = _content(part)
        if kind in ("text/plain", "text/html") and not name and part.get_content_disposition() != "attachment":
            texts[kind] = "\n".join(filter(None, (texts.get(kind), _text(part, content))))
        else:
            attachments.append(Attachment(name, kind, content))
    headers = [(name, _decoded(str(value))) for name, value in parsed.raw_items()]
    to, cc = _addresses(parsed, "to"), _addresses(parsed, "cc")
    return Mail(headers, to, cc, texts.get("text/plain", ""), texts.get("text/html", ""), attachments)


def visible_text(html: str) -> str:
    """Return the text of HTML without its markup, a line for each block. Takes time in proportion to its length."""
    pieces: list[str] = []
    at = 0
    while (opening := html.find("<", at)) >= 0:
        pieces.append(html[at:opening].replace("\n", " "))
        at, seen = _after_markup(html, opening)
        pieces.append(seen)
    pieces.append(html[at:].replace("\n", " "))
    lines = (" ".join(line.split()) for line in _unescaped("".join(pieces)).split("\n"))
    return "\n".join(line for line in lines if line)


def _after_markup(html: str, opening: int) -> tuple[int, str]:
    """Return where the markup ends that begins here, the end of all if it never does; and what is seen of it."""
    if html.startswith("<!--", opening):
        return _end_of(html, "-->", opening), ""
    tag = TAG.match(html, opening)
    if tag is None:
        return opening + 1, "<"
    name, end = tag["name"].lower(), _end_of(html, ">", opening)
    if name not in UNSEEN or tag["closes"]:
        return end, "\n" if name in BREAKS else ""
    closing = UNSEEN[name].search(html, end)
    return (len(html) if closing is None else _end_of(html, ">", closing.start())), ""


def _end_of(html: str, mark: str, start: int) -> int:
    found = html.find(mark, start)
    return len(html) if found < 0 else found + len(mark)


def _unescaped(text: str) -> str:
    try:
        return unescape(text)
    except ValueError:  # a character reference with more digits than Python reads
        return text


def _taken_apart(raw: bytes) -> tuple[Part, list[Part]]:
    """Return a mail and its parts that hold no others; one that is nested without end is one part."""
    try:
        parsed = message_from_bytes(raw)
        return parsed, [part for part in parsed.walk() if not part.is_multipart()]
    except RecursionError:
        parsed = BytesParser().parsebytes(raw, headersonly=True)
        return parsed, [parsed]


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


def _addresses(parsed: Part, wanted: str) -> list[str]:
    """Return the addresses in the headers of this name; their text where there are none.

    They are found before the names beside them are decoded, in which anything may stand, brackets and commas, too.
    """
    values = [_unfolded(str(value)) for name, value in parsed.raw_items() if name.lower() == wanted]
    try:
        found = [address for _, address in getaddresses(values) if address]
    except RecursionError:  # of comments in comments
        found = []
    return found or [*map(_decoded, values)]


def _unfolded(value: str) -> str:
    """Return a header as one line, its UTF-8 (RFC 6532) decoded."""
    return FOLD.sub("", value[:LONGEST_HEADER]).encode(errors="surrogateescape").decode(errors="replace")


def _decoded(value: str) -> str:
    """Return a header as people read it: unfolded, its encoded words (RFC 2047) decoded, too."""
    written = _unfolded(value)
    try:
        return str(make_header(decode_header(written)))
    except (MessageError, LookupError, ValueError):
        return written
