"""One message of every form that the sandbox shows, with texts of a test's choice in each of their fields."""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from esb.channels.tencent.cloud import authorization
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


async def send_sms(wechat: WeChat, text: str, numbers: list[str]) -> Content:
    """Send a text message by Tencent Cloud's SendSms; return its answer."""
    request = {"SmsSdkAppId": "1400000001", "SignName": "sandbox", "TemplateId": "1000001", "PhoneNumberSet": numbers}
    return await _tencent(wechat, "SendSms", "sms", "2021-01-11", {**request, "TemplateParamSet": [text]})


async def call_up(wechat: WeChat, text: str, number: str) -> Content:
    """Let a text be read out by Tencent Cloud's SendTtsVoice; return its answer."""
    request = {"VoiceSdkAppid": "1400000002", "TemplateId": "1000002", "CalledNumber": number}
    return await _tencent(wechat, "SendTtsVoice", "vms", "2020-09-02", {**request, "TemplateParamSet": [text]})


async def _tencent(wechat: WeChat, action: str, product: str, version: str, body: Content) -> Content:
    raw, timestamp = json.dumps(body).encode(), int(wechat.clock.since_1970())
    host = f"{wechat.http.host}:{wechat.http.port}"
    signed = authorization("AKIDsandbox", "tencent-secret", product=product, host=host, body=raw, timestamp=timestamp)
    headers = {
        "Authorization": signed,
        "Content-Type": "application/json; charset=utf-8",
        "X-TC-Action": action,
        "X-TC-Timestamp": str(timestamp),
        "X-TC-Version": version,
    }
    return await wechat.call("POST", "/", data=raw, headers=headers)


def mail(text: str, sender: str = "esb@example.com", **files: bytes) -> EmailMessage:
    """Return a mail with this text wherever people see it; `files` are its attachments."""
    message = EmailMessage()
    message["Subject"], message["From"] = text, Address(text, addr_spec=sender)
    message["To"], message["Cc"] = Address(text, addr_spec="ann@example.com"), "bob@example.com"
    message.set_content(text)
    for name, content in files.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name + text)
    return message
