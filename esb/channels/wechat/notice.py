"""A notice, as a caller of send_weixin or send_mp_weixin writes it, and the forms that WeChat knows for it."""

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from esb.channels.base64_param import decoded_text
from esb.channels.pagination import markdown_pages, pages
from esb.channels.wechat.media import FILE, IMAGE, File, MediaFile
from esb.channels.wechat.news import Articles, cut_articles, news
from esb.channels.wechat.text_limits import MARKDOWN_BYTES, TEXT_BYTES, V2_MARKDOWN_BYTES
from esb.core.call import Call
from esb.core.errors import Message, ParameterError
from esb.core.params import REQUIRED, Label, LooseBool, Params, Text, problem

TEXT, MARKDOWN, MARKDOWN_V2, TEXTCARD = ("text", "markdown", "markdown_v2", "textcard")
TEMPLATE_CARD, NEWS = ("template_card", "news")
FORMS = (TEXT, MARKDOWN, MARKDOWN_V2, TEXTCARD, IMAGE, FILE, NEWS, TEMPLATE_CARD)
LINES = (TEXT, MARKDOWN, MARKDOWN_V2)
"""Forms that show heading, message, date and remark, a line each."""
WITHOUT_TEXT = (IMAGE, FILE, NEWS, TEMPLATE_CARD)
"""Forms that show neither heading nor message."""
SHOWN = {TEMPLATE_CARD: "template_card", IMAGE: "file", FILE: "file", NEWS: "articles"}
"""The parameter that a form shows instead of a text."""
OBJECTS = tuple(dict.fromkeys(SHOWN.values()))
ONE_PAGE = min(TEXT_BYTES, MARKDOWN_BYTES)
TITLE_CHARACTERS, DESCRIPTION_CHARACTERS, URL_BYTES = 128, 512, 2048
"""Of a textcard. Source: developer.work.weixin.qq.com/document/path/90236."""
DATE = "%Y-%m-%d %H:%M"
"""The form of dates, as the old ESB wrote them."""
_OF_URL = r"\w/#=&%~+@-"
"""Characters that go on with an address; a full stop and the like do so only before another of them."""


class Notice(Params):
    """The parameter `data`: heading, message, date and remark, and the form in which WeCom shows them."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["msgtype"], "properties": {"msgtype": {"enum": [*WITHOUT_TEXT]}}},
            "else": {"required": ["heading", "message"]},
        }
    )

    msgtype: Text = Field(
        TEXT,
        description="form in which WeCom shows the message: text, markdown, markdown_v2, textcard, image, file, news or"
        " template_card",
        json_schema_extra={"enum": [*FORMS, "", None]},
    )
    heading: Annotated[Text, Label("notification header text")] = Field(
        "", description="heading of the notification", validate_default=True, examples=["blueking alarm"]
    )
    message: Annotated[Text, Label("notification text")] = Field(
        "", description="text of the notification", validate_default=True, examples=["This is a test."]
    )
    date: Text = Field(
        "",
        description='when the notification is sent; default is the current time, "YYYY-mm-dd HH:MM"',
        examples=["2017-02-22 15:36"],
    )
    remark: Text = Field("", description="last line of the notification", examples=["This is a test!"])
    is_message_base64: LooseBool = Field(
        False,
        description="whether message is encoded by base64; default False, not encoded; encode UTF-8 text, for instance"
        " with base64.b64encode",
    )
    url: Text = Field(
        "",
        description="where a tap on the message leads; msgtype textcard needs it, text and markdown show it as the last"
        " line",
    )
    template_card: dict[str, Any] | None = Field(None, description="WeCom's own object, for msgtype template_card")
    file: File = Field(None, description="the file, for msgtype image or file")
    articles: Articles = Field((), description="the articles, for msgtype news: at most 8")

    @field_validator("msgtype")
    @classmethod
    def _known_form(cls, value: str) -> str:
        if value in FORMS:
            return value  # nearly always
        if value and value.lower() not in FORMS:
            raise problem("Must be one of {choices}", choices=", ".join(FORMS))
        return value.lower() or TEXT

    @field_validator("heading", "message")
    @classmethod
    def _needed(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("msgtype") not in WITHOUT_TEXT:
            raise problem(REQUIRED)
        return value

    def text(self) -> str:
        """The message as text. What says that it is base64 and is not, is refused: nobody could read it."""
        if not self.is_message_base64:
            return self.message
        try:
            return decoded_text(self.message)
        except ValueError:
            raise ParameterError(
                "notification text [message] Must be base64 of UTF-8 text, as is_message_base64 says"
            ) from None

    def fields(self, zone: tzinfo | None = None) -> dict[str, str]:
        """The parameters that a template shows, by name; a remark only if there is one."""
        fields = {"heading": self.heading, "message": self.text(), "date": self.date or _now(zone)}
        return {**fields, "remark": self.remark} if self.remark else fields

    def contents(
        self, url: str = "", zone: tzinfo | None = None
    ) -> tuple[Sequence[dict[str, Any]], list[dict[str, Any]]]:
        """WeCom's message in this form, page by page, and warnings of what WeCom will not show.

        `url` is where the message leads if `data` says nothing: the last line of a text, which has no other place.
        `zone` is that of the date, if nobody gave one.
        """
        form, url = self.msgtype, self.url or url
        if form not in LINES:
            return self._without_lines(form, url)
        warnings = self.not_shown(*OBJECTS) if self.template_card or self.file or self.articles else []
        text = self._lines(url, zone)
        if len(text.encode()) <= ONE_PAGE:
            return [{"msgtype": form, form: {"content": text}}], warnings  # nearly always
        return [{"msgtype": form, form: {"content": page}} for page in _pages(form, text)], warnings

    def _without_lines(self, form: str, url: str) -> tuple[Sequence[dict[str, Any]], list[dict[str, Any]]]:
        """WeCom's message in a form that is not made of lines, and warnings."""
        if form == TEXTCARD:
            cards, warnings = self._textcard(url)
            return cards, [*warnings, *self.not_shown("date", "remark", *OBJECTS)]
        unshown = self.not_shown("heading", "message", "date", "remark", "url", *OBJECTS)
        return self._objects(form), [*unshown, *cut_articles(self.articles)]

    def _objects(self, form: str) -> list[dict[str, Any]]:
        """WeCom's message for a form without text; none for a file, which is uploaded first."""
        if form == TEMPLATE_CARD:
            return [{"msgtype": form, form: self._card()}]
        if form != NEWS:
            return []
        if not self.articles:
            raise ParameterError("articles of the message [articles] This field is required.")
        return [{"msgtype": form, form: news(self.articles)}]

    async def media(self) -> MediaFile:
        """The file of a message of msgtype image or file. ParameterError if there is none that WeCom takes."""
        if self.file is None:
            raise ParameterError("file of the message [file] This field is required.")
        return await self.file.media(self.msgtype)

    def _lines(self, url: str, zone: tzinfo | None) -> str:
        """Heading, message, date, remark and the link, a line each; the link only where nobody wrote it before."""
        text = self.text() if self.is_message_base64 else self.message
        date, remark = self.date or _now(zone), self.remark
        lines = f"{self.heading}\n{text}\nDate: {date}" + (f"\n{remark}" if remark else "")
        return f"{lines}\n{url}" if url and not _stands_in(lines, url) else lines

    def not_shown(self, *names: str) -> list[dict[str, Any]]:
        """Return a warning for each of these parameters that is given: nothing may vanish without a word."""
        what = Message("msgtype {msgtype} does not show it", {"msgtype": self.msgtype})
        shown = SHOWN.get(self.msgtype)
        return [{"field": name, "what": what} for name in names if name != shown and getattr(self, name)]

    def _textcard(self, url: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        if not url.startswith(("http://", "https://")) or len(url.encode()) > URL_BYTES:
            raise ParameterError("link of the message [url] A textcard needs a URL with http:// or https://")
        text = self.text()
        limits = (("heading", self.heading, TITLE_CHARACTERS), ("message", text, DESCRIPTION_CHARACTERS))
        warnings = [
            {"field": name, "what": Message("WeChat shows only the first {most} characters", {"most": most})}
            for name, value, most in limits
            if len(value) > most
        ]
        card = {"title": self.heading, "description": text, "url": url}
        return [{"msgtype": TEXTCARD, TEXTCARD: card}], warnings

    def _card(self) -> dict[str, Any]:
        if not self.template_card or not self.template_card.get("card_type"):
            raise ParameterError("card of the message [template_card] Must be WeCom's object with a card_type")
        return self.template_card


def dated(call: Call, notice: Notice, zone: tzinfo | None) -> Notice:
    """Return the notice as an attempt of a delivery sends it: without a date, with that of the delivery."""
    run = call.options.run
    if run is None or notice.date:
        return notice
    return notice.model_copy(update={"date": f"{datetime.fromtimestamp(run.accepted_at, zone):{DATE}}"})


def _stands_in(text: str, url: str) -> bool:
    """Tell whether the text has this address as a whole, instead of a longer one that begins or ends so."""
    whole = rf"(?<![{_OF_URL}]){re.escape(url)}(?![.,:;!?]*[{_OF_URL}])"
    return url in text and re.search(whole, text, re.ASCII) is not None


def _pages(form: str, text: str) -> list[str]:
    if form == TEXT:
        return pages(text, TEXT_BYTES)
    return markdown_pages(text, V2_MARKDOWN_BYTES if form == MARKDOWN_V2 else MARKDOWN_BYTES)


def _now(zone: tzinfo | None) -> str:
    return f"{datetime.now(zone):{DATE}}"
