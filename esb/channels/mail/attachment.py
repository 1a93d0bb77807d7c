"""An attachment of a mail as callers send it: base64, and words that say what it is and where it is shown."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from esb.channels.base64_param import decoded_bytes
from esb.channels.mail.mime import Attachment, is_picture, media_type, one_line
from esb.core.errors import ParameterError
from esb.core.params import Dicts, Label, Params, RequiredText, Text, problem

MOST_ATTACHMENTS = 200
_CONTENT_ID = re.compile(r"<?[!-;=?-~]{1,200}>?")


class AttachmentParams(Params):
    """One item of the parameter `attachments`."""

    filename: Annotated[RequiredText, AfterValidator(one_line), Label("filename")] = Field(
        description="file name", examples=["test.txt"]
    )
    content: Annotated[RequiredText, Label("content")] = Field(
        description="base64 of the file", repr=False, examples=["aGVsbG8="]
    )
    type: Annotated[Text, Label("type")] = Field(
        "", description="MIME type or suffix; taken from the file name when left out"
    )
    disposition: Annotated[Text, Label("disposition")] = Field(
        "", description="inline or attachment; when left out, inline for pictures and attachment for other files"
    )
    content_id: Annotated[Text, Label("content_id")] = Field(
        "", description="name by which the mail's Html shows the picture: cid:content_id"
    )

    def attachment(self) -> Attachment:
        """The file itself. ParameterError if it is no base64."""
        try:
            content = decoded_bytes(self.content)
        except ValueError:
            raise ParameterError("content [content] Must be base64 of the file {name}", name=self.filename) from None
        picture = is_picture(self.type, self.filename)
        inline = self.disposition.lower().startswith("inline") if self.disposition else picture
        return Attachment(self.filename, content, media_type(self.type, self.filename), inline, self._cid(picture))

    def _cid(self, picture: bool) -> str:
        """The caller's Content-ID; a picture's file name where that can be one."""
        named = self.content_id or (self.filename if picture else "")
        if _CONTENT_ID.fullmatch(named):
            return f"<{named.strip('<>')}>"
        if self.content_id:
            raise ParameterError("content_id [content_id] Must be ASCII without spaces")
        return ""


def _not_too_many(value: Any) -> Any:
    if len(value) > MOST_ATTACHMENTS:
        raise problem("Must be at most {most} attachments", most=MOST_ATTACHMENTS)
    return value


Attachments = Annotated[tuple[AttachmentParams, ...], BeforeValidator(_not_too_many), Dicts]
"""The parameter `attachments`."""
