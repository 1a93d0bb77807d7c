"""A message as a template sees it: in which form it is shown, and what it says."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from esb.sandbox.inbox import Message
from esb.sandbox.mail_content import visible_text
from esb.sandbox.pages.given import ITEMS, Given
from esb.sandbox.pages.hues import hue
from esb.sandbox.pages.images import image_type
from esb.sandbox.pages.listing import PATH
from esb.sandbox.state import State
from esb.sandbox.template_data import shown_value

FORMS = frozenset(
    {
        *("text", "markdown", "markdown_v2", "textcard", "template_card", "news", "mpnews", "miniprogram_notice"),
        *("image", "voice", "video", "file"),
    }
)
"""The msgtypes that have a form of their own."""
TEMPLATES = frozenset({"/cgi-bin/message/template/send", "/cgi-bin/message/subscribe/bizsend"})
SHOWN_NAMES, SHOWN_FAULTS = 12, 50
"""Receivers named beside a message, and faults in their list; the others are counted."""
LAST_S = 253_000_000_000.0
"""Seconds since the epoch after which Python knows no dates."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a template message; `place` is first, remark, or keyword."""

    key: str
    value: str
    hue: str

    @property
    def place(self) -> str:
        return self.key if self.key in ("first", "remark") else "keyword"


@dataclass(frozen=True, slots=True)
class File:
    """A file that comes with a message: where its bytes are, and how many."""

    address: str
    name: str
    size: int
    is_picture: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A message and its form. `body` is the whole request, `content` what of it is shown in this form.

    `rows` are those of a template message; `most` is the number of characters of a text that are shown, 0 for a message
    that is too long to be shown among others.
    """

    message: Message
    form: str
    document: Mapping[str, Any]
    body: Given
    content: Given
    rows: list[Row]
    files: list[File]
    received: datetime
    today: bool
    most: int


def view(state: State, message: Message, most: int) -> View:
    """Return a message as it is shown in this world."""
    document = _document(message)
    form, content = _form(message, document)
    received = _moment(message.received_at)
    return View(
        message=message,
        form=form,
        document=document,
        body=Given(document),
        content=Given(content),
        rows=_rows(document, state.knobs.mp_template_text == "shown") if form == "template" else [],
        files=_files(state, message, content),
        received=received,
        today=received.date() == _moment(state.now()).date(),
        most=most,
    )


def _moment(seconds: float) -> datetime:
    """Return a time of this world, whose clock anybody may push ahead, on the clock of this machine."""
    return datetime.fromtimestamp(min(seconds, LAST_S)).astimezone()


def _document(message: Message) -> dict[str, Any]:
    try:
        body = message.body
    except ValueError:  # an upload or the like: no form shows it
        return {}
    return body if isinstance(body, dict) else {}


def _form(message: Message, document: Mapping[str, Any]) -> tuple[str, object]:
    if message.platform == "mail":
        return "mail", {**document, "shown": document["text"] or visible_text(document["html"])}
    if message.platform in ("sms", "voice"):
        return ("call" if message.platform == "voice" else "sms"), document
    if message.endpoint in TEMPLATES:
        return "template", document
    kind = document.get("msgtype")
    content = document.get(kind) if isinstance(kind, str) else document
    if kind in ("news", "mpnews") and not Given(content).items("articles"):
        return "other", content  # it was made before, and has only an id
    return (kind if kind in FORMS else "other"), content


def _rows(document: Mapping[str, Any], shown: bool) -> list[Row]:
    given = Given(document)
    color = given.text("color")
    rows = [Row(key, field.text("value"), hue(field.text("color") or color)) for key, field in given.pairs("data")]
    if shown:
        return [Row(row.key, shown_value(row.value), "plain") for row in rows if row.place == "keyword"]
    return rows


def _files(state: State, message: Message, content: object) -> list[File]:
    if not isinstance(content, dict):
        return []
    if message.platform == "mail":
        return [
            File(f"{PATH}/{message.id}/attachments/{number}", each["name"], each["bytes"])
            for number, each in enumerate(content["attachments"][:ITEMS])
        ]
    if message.platform == "robot" and isinstance(content.get("base64"), str):
        picture = robot_picture(content)
        return [File(f"{PATH}/{message.id}/image", "", len(picture), bool(image_type(picture)))]
    media = state.media.find(content.get("media_id"))
    if media is None:
        return []
    address = f"{PATH}/media/{quote(media.id, safe='')}"
    return [File(address, media.name, len(media.content), bool(image_type(media.content)))]


def robot_picture(content: Mapping[str, Any]) -> bytes:
    """Return the picture of a robot's message, b"" of one that is none."""
    try:
        return b64decode(content["base64"])
    except ValueError:
        return b""
