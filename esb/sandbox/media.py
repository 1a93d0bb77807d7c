"""Media that apps upload (media/upload): kept for three days, and given out as they came.

Source of the limits: developer.work.weixin.qq.com/document/path/90389.
"""

from collections import deque
from dataclasses import dataclass, field
from email.message import Message

from esb.sandbox.wire import Refusal

MOST_BYTES = {"image": 10 * 2**20, "voice": 2 * 2**20, "video": 10 * 2**20, "file": 20 * 2**20}
LEAST_BYTES = 6
KEPT_S = 3 * 86400
KEPT_BYTES = 256 * 2**20
"""Bytes of all media together: a load test must not eat the machine's memory. The oldest go first."""


@dataclass(frozen=True, slots=True)
class Media:
    """One upload; `corpid` is that of the corporation whose apps may send it."""

    id: str
    corpid: str
    name: str
    content: bytes = field(repr=False)
    uploaded_at: float


class MediaStore:
    """The media of a world, by their ids."""

    def __init__(self) -> None:
        self._media: dict[str, Media] = {}
        self._order: deque[Media] = deque()
        self._bytes = 0

    def add(self, media: Media) -> None:
        self._media[media.id] = media
        self._order.append(media)
        self._bytes += len(media.content)
        while self._bytes > KEPT_BYTES:
            oldest = self._order.popleft()
            self._bytes -= len(oldest.content)
            del self._media[oldest.id]

    def find(self, media_id: object) -> Media | None:
        return self._media.get(media_id) if isinstance(media_id, str) else None

    def sent_name(self, media_id: object, corpid: str, now: float) -> str:
        """Return the name of a file that is sent, "" for one that was never uploaded here: then nothing is known of it.

        40007 for one that is too old, or another corporation's.
        """
        media = self.find(media_id)
        if media is None:
            return ""
        if media.corpid != corpid or now - media.uploaded_at >= KEPT_S:
            raise Refusal(40007)
        return media.name


def uploaded(kind: str, content_type: str, body: bytes) -> tuple[str, bytes]:
    """Return name and bytes of the part `media` of a form (RFC 7578).

    40004 for an unknown kind, 41005 without a file, 40006, 40009 or 45001 for its size.
    """
    if kind not in MOST_BYTES:
        raise Refusal(40004)
    name, content = _part(content_type, body)
    if len(content) < LEAST_BYTES:
        raise Refusal(40006)
    if len(content) > MOST_BYTES[kind]:
        raise Refusal(40009 if kind == "image" else 45001)
    return name, content


def _part(content_type: str, body: bytes) -> tuple[str, bytes]:
    boundary = _headers(f"Content-Type: {content_type}").get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        raise Refusal(41005)
    for part in body.split(b"--" + boundary.encode()):
        head, blank, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = _headers(head.decode(errors="replace"))
        name = headers.get_filename()
        if blank and name and headers.get_param("name", header="Content-Disposition") == "media":
            return name.replace("%22", '"'), content.removesuffix(b"\r\n")
    raise Refusal(41005)


def _headers(text: str) -> Message:
    """Return headers as the standard library reads them."""
    headers = Message()
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    return headers
