"""One message of every form that the sandbox shows, with texts of a test's choice in each of their fields."""

import base64
import hashlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from tests.support.wechat_client import WeChat

Content = dict[str, Any]


def png(width: int = 24, height: int = 16) -> bytes:
    """Return a picture, as small as it gets."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + bytes(range(100, 100 + width))) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def contents(text: str, url: str) -> Iterator[tuple[str, Content]]:
    """Yield msgtype and content of each kind of WeCom message, with this text and this address in all its fields."""
    yield "text", {"content": text}
    yield (
        "markdown",
        {"content": f'# {text}\n> {text}\n**{text}** `{text}` [{text}]({url}) <font color="info">{text}</font>'},
    )
    yield (
        "markdown_v2",
        {"content": f"# {text}\n- *{text}*\n| {text} |\n|---|\n| {text} |\n![{text}]({url})\n```\n{text}\n```"},
    )
    yield (
        "textcard",
        {"title": text, "description": f'<div class="gray">{text}</div>{text}', "url": f"{url}#://", "btntxt": text},
    )
    article = {"title": text, "description": text, "url": url, "picurl": url}
    yield "news", {"articles": [article, article]}
    yield "news", {"articles": [article]}
    yield (
        "mpnews",
        {"articles": [{**article, "content": text, "digest": text, "author": text, "content_source_url": url}]},
    )
    items = [{"key": text, "value": text}]
    yield "miniprogram_notice", {"appid": text, "title": text, "description": text, "content_item": items}
    for kind in ("text_notice", "news_notice", "button_interaction", "vote_interaction", "multiple_interaction"):
        yield "template_card", {**card(text, url), "card_type": kind}


def card(text: str, url: str) -> Content:
    """Return a template card with every part there is."""
    option = {"id": text, "text": text}
    return {
        "source": {"desc": text, "desc_color": text, "icon_url": url},
        "main_title": {"title": text, "desc": text},
        "emphasis_content": {"title": text, "desc": text},
        "quote_area": {"title": text, "quote_text": text, "url": url},
        "sub_title_text": text,
        "card_image": {"url": url},
        "image_text_area": {"title": text, "desc": text, "image_url": url, "url": url},
        "vertical_content_list": [{"title": text, "desc": text}],
        "horizontal_content_list": [
            {"keyname": text, "value": text, "type": kind, "url": url} for kind in (0, 1, 2, 3)
        ],
        "jump_list": [{"title": text, "url": url, "type": 1}],
        "card_action": {"type": 1, "url": url},
        "button_selection": {"title": text, "selected_id": text, "option_list": [option]},
        "button_list": [{"text": text, "style": text, "key": text, "url": url}],
        "checkbox": {"mode": 1, "option_list": [{**option, "is_checked": True}]},
        "select_list": [{"title": text, "selected_id": text, "option_list": [option]}],
        "submit_button": {"text": text, "key": text},
        "action_menu": {"desc": text, "action_list": [{"text": text, "key": text}]},
    }


async def send_everything(wechat: WeChat, text: str, url: str) -> int:
    """Send one message of every form of WeChat's; return how many have arrived."""
    token, mp = await wechat.wecom_token(), await wechat.plain_token()
    for kind, content in contents(text, url):
        assert (await wechat.send(token, msgtype=kind, **{kind: content}))["errcode"] == 0, kind
    for kind, file in (("image", png()), ("file", b"some bytes")):
        media = await upload(wechat, token, kind, file, text)
        await wechat.send(token, msgtype=kind, **{kind: {"media_id": media}})
        await wechat.send(token, msgtype=kind, **{kind: {"media_id": text}})
    field = {"value": text, "color": text}
    data = {"first": field, text: field, "remark": field}
    mini = {"appid": text, "pagepath": text}
    await wechat.template(mp, data=data, url=url, color=text)
    await wechat.template(mp, data=data, url=url, miniprogram=mini)
    await wechat.custom(mp, text)
    picture = {"base64": base64.b64encode(png()).decode(), "md5": hashlib.md5(png(), usedforsecurity=False).hexdigest()}
    await wechat.robot_body({"msgtype": "image", "image": picture})
    await wechat.robot_body({"msgtype": "text", "text": {"content": text, "mentioned_list": [text]}})
    return len(await wechat.messages())


async def upload(wechat: WeChat, token: str, kind: str, content: bytes, name: str) -> str:
    """Upload a file to WeCom; return its media id."""
    quoted = name.replace("\r", "").replace("\n", "").replace('"', "%22")
    body = (
        f'--b\r\nContent-Disposition: form-data; name="media"; filename="{quoted}"\r\n\r\n'.encode()
        + content
        + b"\r\n--b--\r\n"
    )
    response = await wechat.http.post(
        "/cgi-bin/media/upload",
        params={"access_token": token, "type": kind},
        data=body,
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    return str((await response.json(content_type=None))["media_id"])
