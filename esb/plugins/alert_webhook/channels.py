"""The parameters by which each channel takes a title and a content, and how much of them it shows."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TITLE_BYTES = 180


@dataclass(frozen=True, slots=True)
class Channel:
    """A component that sends: its `form` holds TITLE and CONTENT where they go; `content` is in bytes of UTF-8."""

    form: Mapping[str, Any]
    content: int
    title: int = TITLE_BYTES
    icons: bool = True


TITLE, CONTENT, BOTH = object(), object(), object()
"""Marks for the title, for the content, and for both in one text."""
NOTICE = {"data": {"heading": TITLE, "message": CONTENT}}
CHANNELS: Mapping[str, Channel] = {
    # WeCom takes 2048 bytes, in which title, date and the rest have their part.
    "send_weixin": Channel(NOTICE, 1700),
    "send_qy_weixin": Channel({"content": BOTH}, 1800),
    # A field of a template message shows 20 to 200 characters.
    "send_mp_weixin": Channel(NOTICE, 600),
    "send_wecom_robot": Channel({"content": BOTH}, 1800),
    "send_mail": Channel({"title": TITLE, "content": CONTENT, "body_format": "Text"}, 60_000, 300),
    # An SMS of several parts is paid for by the part, and a voice reads for a minute at most.
    "send_sms": Channel({"content": BOTH}, 400, 120, icons=False),
    "send_voice_msg": Channel({"auto_read_message": BOTH}, 200, 100, icons=False),
    "send_msg": Channel({"title": TITLE, "content": CONTENT, "body_format": "Text"}, 1700),
}
ANY = Channel({"title": TITLE, "content": CONTENT}, 1700)
"""Any other component; its params say how it takes them, if not by these names."""


def channel_at(path: str) -> Channel:
    """Return the channel at a component's path: the last word of it says which."""
    return CHANNELS.get(path.strip("/").rpartition("/")[2], ANY)


def filled(channel: Channel, params: Mapping[str, Any], title: str, content: str) -> dict[str, Any]:
    """Return the parameters of a call: the channel's form, and over it those of the configuration. null drops one."""
    texts = {id(TITLE): title, id(CONTENT): content, id(BOTH): f"{title}\n{content}"}

    def put(form: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: put(value) if isinstance(value, Mapping) else texts.get(id(value), value)
            for name, value in form.items()
        }

    return _without_null(over(put(channel.form), params))


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both mappings as one; where they differ, the value of the upper one."""
    both = dict(below)
    for name, value in above.items():
        lower = both.get(name)
        both[name] = over(lower, value) if isinstance(value, Mapping) and isinstance(lower, Mapping) else value
    return both


def _without_null(params: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_null(value) if isinstance(value, Mapping) else value
        for name, value in params.items()
        if value is not None
    }


def is_html(channel: Channel, params: Mapping[str, Any]) -> bool:
    """Return True if the channel shows the content as HTML."""
    form = over(channel.form, params)
    return str(form.get("body_format", "")).lower() == "html" and channel.form.get("content") is CONTENT


def as_html(text: str) -> str:
    """Return plain text as HTML, line by line."""
    return html.escape(text).replace("\n", "<br>\n")
