"""A notice, as a caller of send_weixin or send_mp_weixin writes it, and how each platform shows it."""

import base64
import binascii
import time
from typing import Annotated

from pydantic import Field

from esb.errors import ParameterError
from esb.fields import Label, LooseBool, Params, RequiredText, Text


class Notice(Params):
    """The parameter `data` of the components that send a notice: heading, text, date and remark."""

    heading: Annotated[RequiredText, Label("notification header text")] = Field(description="heading of the message")
    message: Annotated[RequiredText, Label("notification text")] = Field(description="the message itself")
    date: Text = Field("", description='when it was sent; now, as "YYYY-mm-dd HH:MM", when left out')
    remark: Text = Field("", description="the last line of the message")
    is_message_base64: LooseBool = Field(False, description="message is base64 of UTF-8 text")

    def text(self) -> str:
        """The message as text. What says that it is base64 and is not, is refused: nobody could read it."""
        if not self.is_message_base64:
            return self.message
        try:
            text = base64.b64decode("".join(self.message.split()), validate=True).decode().strip()
        except (binascii.Error, UnicodeDecodeError):
            text = ""
        if not text or "\x00" in text:
            raise ParameterError("notification text [message] Must be base64 of UTF-8 text, as is_message_base64 says")
        return text

    def fields(self) -> dict[str, str]:
        """The values of an official account's template."""
        fields = {"first": self.heading, "keyword1": self.text(), "keyword2": self.date or _now()}
        return {**fields, "remark": self.remark} if self.remark else fields

    def lines(self) -> str:
        """A WeCom text: heading, message, date and remark, a line each."""
        lines = [self.heading, self.text(), f"Date: {self.date or _now()}"]
        return "\n".join([*lines, self.remark] if self.remark else lines)


def _now() -> str:
    return time.strftime("%Y-%m-%d %H:%M")
