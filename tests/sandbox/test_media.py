"""Files that apps upload to the sandbox, and group chats to which apps send."""

from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData

from tests.support.wechat_client import AGENTID, CORP_SECRET, CORPID, MESSAGE_SEND, WeChat

UPLOAD = "/cgi-bin/media/upload"
CHAT = "/cgi-bin/appchat/send"


async def upload(
    wechat: WeChat, content: bytes = b"a,b\r\n1,2\r\n", kind: str = "file", part: str = "media", name: str = "磁盘.csv"
) -> dict[str, Any]:
    form = FormData(quote_fields=False)
    form.add_field(part, BytesIO(content), filename=name, content_type="text/csv")
    token = (await wechat.fetch_wecom())["access_token"]
    return await wechat.call("POST", UPLOAD, params={"access_token": token, "type": kind}, data=form)


async def sent(wechat: WeChat, media_id: str, kind: str = "file") -> dict[str, Any]:
    token = (await wechat.fetch_wecom())["access_token"]
    body = {"touser": "zhangsan", "agentid": AGENTID, "msgtype": kind, kind: {"media_id": media_id}}
    return await wechat.call("POST", MESSAGE_SEND, params={"access_token": token}, json=body)


@pytest.mark.parametrize("unit", [bytes(range(256)), b"--x\r\n\r\n--\r\n", b"\r\n"])
async def test_a_file_is_given_out_as_it_came_and_its_name_is_shown(wechat: WeChat, unit: bytes) -> None:
    content = unit * 8000
    media = await upload(wechat, content)
    assert (media["errcode"], media["type"], media["created_at"].isdecimal()) == (0, "file", True)
    assert (await sent(wechat, media["media_id"]))["errcode"] == 0

    async with wechat.http.get(f"/_sandbox/media/{media['media_id']}") as response:
        assert await response.read() == content
    (message,) = await wechat.messages()
    assert message["text"] == "磁盘.csv"


@pytest.mark.parametrize(
    ("changes", "errcode"),
    [
        ({"kind": "poem"}, 40004),
        ({"part": "other"}, 41005),
        ({"size": 5}, 40006),
        ({"kind": "voice", "size": 2 * 2**20 + 1}, 45001),
        ({"kind": "image", "size": 10 * 2**20 + 1}, 40009),
    ],
)
async def test_a_file_that_wecom_would_not_take_is_refused(
    wechat: WeChat, changes: dict[str, Any], errcode: int
) -> None:
    content = bytes(changes.pop("size", 6))
    assert (await upload(wechat, content, **changes))["errcode"] == errcode


async def test_what_is_no_form_is_refused(wechat: WeChat) -> None:
    token = (await wechat.fetch_wecom())["access_token"]
    answer = await wechat.call("POST", UPLOAD, params={"access_token": token, "type": "file"}, data=b"123456")
    assert answer["errcode"] == 41005


async def test_a_file_can_be_sent_for_three_days_and_by_its_own_corporation_only(wechat: WeChat) -> None:
    media = await upload(wechat)
    wechat.clock.now += 3 * 86400 - 1
    assert (await sent(wechat, media["media_id"]))["errcode"] == 0
    wechat.clock.now += 1
    assert (await sent(wechat, media["media_id"]))["errcode"] == 40007


async def test_a_file_that_nobody_uploaded_is_not_there(wechat: WeChat) -> None:
    async with wechat.http.get("/_sandbox/media/nothing") as response:
        assert response.status == 404


async def test_the_oldest_files_go_when_there_are_too_many(wechat: WeChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esb.sandbox.media.KEPT_BYTES", 20)
    first, second = [await upload(wechat, b"0123456789"), await upload(wechat, b"01234567890")]
    statuses = []
    for media in (first, second):
        async with wechat.http.get(f"/_sandbox/media/{media['media_id']}") as response:
            statuses.append(response.status)
    assert statuses == [404, 200]


@pytest.mark.parametrize(
    ("chats", "chatid", "errcode"),
    [(None, "chat1", 0), (["chat1"], "chat1", 0), (["chat1"], "chat2", 86003), (None, "a b", 86001), (None, 7, 86001)],
)
async def test_an_app_sends_to_its_own_group_chats(
    wechat: WeChat, chats: list[str] | None, chatid: Any, errcode: int
) -> None:
    app = {"agentid": AGENTID, "secret": CORP_SECRET} | ({} if chats is None else {"chats": chats})
    await wechat.seed(qy=[{"corpid": CORPID, "members": ["zhangsan"], "apps": [app]}])
    token = (await wechat.fetch_wecom())["access_token"]
    body = {"chatid": chatid, "msgtype": "text", "text": {"content": "T"}}
    assert (await wechat.call("POST", CHAT, params={"access_token": token}, json=body))["errcode"] == errcode

    delivered = [(message["text"], message["delivered"]) for message in await wechat.messages()]
    assert delivered == ([] if errcode else [("T", ["chat1"])])


async def test_a_group_chat_shows_no_cards(wechat: WeChat) -> None:
    token = (await wechat.fetch_wecom())["access_token"]
    body = {"chatid": "chat1", "msgtype": "template_card", "template_card": {"card_type": "text_notice"}}
    assert (await wechat.call("POST", CHAT, params={"access_token": token}, json=body))["errcode"] == 40008
