"""Files in messages of WeCom (企业微信): as callers send them, and as they are uploaded.

Sources: developer.work.weixin.qq.com/document/path/90389 (media/upload), path/99110 (pictures of group robots).
"""

import mimetypes
import os
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import md5
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from esb.channels.base64_param import decoded_bytes
from esb.channels.mail.address import one_line
from esb.core.errors import ParameterError
from esb.core.offloading import offloaded
from esb.core.params import Label, Params, RequiredText, Text, problem

IMAGE, FILE = KINDS = ("image", "file")
"""The kinds of media that are uploaded; each is the msgtype of its message too."""
MOST_BYTES = {IMAGE: 10 * 2**20, FILE: 20 * 2**20}
ROBOT_IMAGE_BYTES = 2 * 2**20
LEAST_BYTES = 6
"""WeCom takes no file of five bytes or fewer."""
AT_ONCE = 2**18
"""Characters of base64 that are decoded at once: in less than a millisecond."""
_JPEG = b"\xff\xd8\xff"


class FileParams(Params):
    """The parameter `data.file`: a file to show in the message."""

    name: Annotated[Text, AfterValidator(one_line), Label("file name")] = Field(
        "", description="name that the file has for its readers; a picture may do without", examples=["disk.png"]
    )
    content: Annotated[RequiredText, Label("content of the file")] = Field(
        description="base64 of the file: a picture (JPG or PNG) of at most 10 MB, another file of at most 20 MB",
        repr=False,
        examples=["iVBORw0KGgo="],
    )

    async def media(self, kind: str) -> "MediaFile":
        """Return the file, to be uploaded. ParameterError if it is no base64, or WeCom takes none of its size."""
        if kind == FILE and not self.name:
            raise ParameterError("file name [name] This field is required.")
        return await offloaded(len(self.content), AT_ONCE, self._media, kind)

    async def robot_image(self) -> dict[str, Any]:
        """Return the picture as a robot sends it: within its message. ParameterError likewise."""
        return await offloaded(len(self.content), AT_ONCE, self._robot_image)

    def _media(self, kind: str) -> "MediaFile":
        return MediaFile.of(kind, self.name, self._bytes(MOST_BYTES[kind]))

    def _robot_image(self) -> dict[str, Any]:
        content = self._bytes(ROBOT_IMAGE_BYTES)
        return {"base64": b64encode(content).decode(), "md5": md5(content, usedforsecurity=False).hexdigest()}

    def _bytes(self, most: int) -> bytes:
        try:
            content = decoded_bytes(self.content)
        except ValueError:
            raise ParameterError("content of the file [content] Must be base64") from None
        if not LEAST_BYTES <= len(content) <= most:
            raise ParameterError(
                "content of the file [content] Must have {least} to {most} bytes, it has {size}",
                least=LEAST_BYTES,
                most=most,
                size=len(content),
            )
        return content


def _dict(value: Any) -> Any:
    if not value:
        return None
    if not isinstance(value, dict):
        raise problem("Must be the specified parameter data type {type}", type="dict")
    return value


File = Annotated[FileParams | None, BeforeValidator(_dict), Label("file of the message")]
"""The parameter `file`; None if it is empty."""


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file, and the form in which it is uploaded."""

    kind: str
    content_type: str
    form: bytes = field(repr=False)

    @classmethod
    def of(cls, kind: str, name: str, content: bytes) -> "MediaFile":
        """Put a file into a form: RFC 7578, and names as browsers write them."""
        name = name or ("image.jpg" if content.startswith(_JPEG) else "image.png")
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        boundary = os.urandom(16).hex()  # which no file holds but by a miracle
        quoted = name.replace('"', "%22")
        head = (
            f"--{boundary}\r\n"
            f'Content-Disposition: form-data; name="media"; filename="{quoted}"; filelength={len(content)}\r\n'
            f"Content-Type: {media_type}\r\n\r\n"
        )
        form = b"".join((head.encode(), content, f"\r\n--{boundary}--\r\n".encode()))
        return cls(kind, f"multipart/form-data; boundary={boundary}", form)
