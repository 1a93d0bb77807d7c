"""An attachment of a mail as callers send it: base64, and words that say what it is and where it is shown."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from esb.channels.base64_param import decoded_bytes
from esb.channels.mail.address import one_line
from esb.channels.mail.mime import Attachment, is_picture, media_type
from esb.core.errors import ParameterError
from esb.core.params import REQUIRED, Dicts, Label, Params, RequiredText, Text, problem

MOST_ATTACHMENTS = 200
DISPOSITIONS = ("", "inline", "attachment")
_CONTENT_ID = re.compile(r"<?[!-;=?-~]{1,200}>?")


def _given(value: Any) -> Any:
    if value is None:
        raise problem(REQUIRED)
    return value


Content = Annotated[Text, BeforeValidator(_given, json_schema_input_type=str)]
"""Text that may be empty, as a file may, but is there."""


class AttachmentParams(Params):
    """One item of the parameter `attachments`."""

    filename: Annotated[RequiredText, AfterValidator(one_line), Label("filename")] = Field(
        description="file name", examples=["test.txt"]
    )
    content: Annotated[Content, Label("content")] = Field(
        description="base64 of the file; empty for a file of no bytes", repr=False, examples=["aGVsbG8="]
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

    @field_validator("disposition")
    @classmethod
    def _known_disposition(cls, value: str) -> str:
        word = value.partition(";")[0].strip().lower()
        if word not in DISPOSITIONS:
            raise problem("Must be one of {choices}", choices="inline, attachment")
        return word

    def attachment(self) -> Attachment:
        """The file itself. ParameterError if it is no base64."""
        try:
            content = decoded_bytes(self.content)
        except ValueError:
            raise ParameterError("content [content] Must be base64 of the file {name}", name=self.filename) from None
        picture = is_picture(self.type, self.filename)
        inline = self.disposition == "inline" if self.disposition else picture
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
