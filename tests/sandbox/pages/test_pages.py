"""The pages of the inbox over HTTP: what they show, in which language and form, and how much of it."""

import re
from html.parser import HTMLParser
from json import dumps
from typing import Any

import pytest
from aiohttp import ClientResponse

from esb.sandbox.pages import listing, rendering
from esb.sandbox.wire import Call
from esb.sandbox.world import WORLD
from tests.support.sandbox_messages import png, send_everything, upload
from tests.support.wechat_client import OPENID, TEMPLATE, WeChat

INBOX = "/_sandbox/inbox"
HTML, JSON = {"Accept": "text/html"}, {"Accept": "application/json"}
CHINESE = "zh-CN,zh;q=0.9,en;q=0.5"


async def page(wechat: WeChat, path: str = INBOX, status: int = 200, language: str = "") -> str:
    response = await wechat.raw("GET", path, headers={**HTML, "Accept-Language": language})
    text = await response.text()
    assert response.status == status, text
    assert response.content_type == "text/html"
    return text


async def json(wechat: WeChat, path: str = INBOX, status: int = 200) -> Any:
    response = await wechat.raw("GET", path, headers=JSON)
    assert response.status == status
    return await response.json()


def ids(text: str) -> list[int]:
    return [int(found) for found in re.findall(r'id="message-(\d+)"', text)]


def bubble(text: str, number: int) -> str:
    """Return the text of one message as people read it."""
    [found] = re.findall(rf'<li class="message[^>]*id="message-{number}">(.*?)</article>', text, re.DOTALL)
    return words(found)


def words(html: str) -> str:
    """Return the visible text of HTML."""
    reader = Words()
    reader.feed(html)
    return " ".join(" ".join(reader.found).split())


class Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def is_safe(response: ClientResponse) -> bool:
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    wanted = {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    return wanted.items() <= response.headers.items()


async def test_a_browser_that_only_knows_the_address_finds_the_inbox(wechat: WeChat) -> None:
    response = await wechat.raw("GET", "/", headers=HTML)
    assert (response.status, response.headers["Location"]) == (302, INBOX)
    assert (await wechat.raw("GET", "/")).status == 404


async def test_an_empty_inbox_tells_how_to_fill_it(wechat: WeChat) -> None:
    text = words(await page(wechat))
    assert "Nothing has arrived yet" in text
    assert f"curl 'http://{wechat.http.host}:{wechat.http.port}/cgi-bin/webhook/send?key=bot-key'" in text

    await wechat.seed()
    assert "curl" not in words(await page(wechat))


async def test_messages_are_shown_the_newest_first_with_whom_they_reached(wechat: WeChat) -> None:
    await wechat.send(await wechat.wecom_token(), touser="zhangsan|lisi|nobody", text={"content": "one"})
    await wechat.robot("two")
    text = await page(wechat)

    assert ids(text) == [2, 1]
    assert bubble(text, 2).endswith("two ✓ bot-key".replace("✓", "got it"))
    assert "one got it zhangsan lisi invalid nobody" in bubble(text, 1)


async def test_what_became_of_a_message_is_shown(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.turn(qy_member_per_minute=1)
    await wechat.send(token, enable_duplicate_check=1)
    await wechat.send(token, enable_duplicate_check=1)
    dropped = await wechat.send(token)
    await wechat.call("POST", "/cgi-bin/message/recall", {"msgid": dropped["msgid"]}, params={"access_token": token})
    await wechat.fault("/cgi-bin/webhook/send", {"errcode": -1}, when="after")
    await wechat.robot()
    text = await page(wechat)

    assert "Repetition of #1, shown to nobody" in bubble(text, 2)
    assert "Recalled dropped in silence zhangsan" in bubble(text, 3)
    assert "Fault 1 struck" in bubble(text, 4)


async def test_template_messages_are_shown_by_their_keys(wechat: WeChat) -> None:
    token = await wechat.plain_token()
    data = {
        "keyword1": {"value": "第一个值", "color": "#e64340"},
        "first": {"value": "开头"},
        "remark": {"value": "结尾😀"},
        "thing2": {"value": "x" * 30},
    }
    await wechat.template(token, data=data)
    full = await page(wechat)
    await wechat.turn(mp_template_text="shown")
    as_shown = await page(wechat)

    assert f"开头 keyword1 第一个值 thing2 {'x' * 30} 结尾😀 got it {OPENID}" in bubble(full, 1)
    assert 'class="row-value hue-red">第一个值<' in full
    assert f"{TEMPLATE[:11]}… keyword1 第一个值 thing2 {'x' * 20} got it" in bubble(as_shown, 1)


async def test_every_form_is_shown_and_none_of_its_texts_is_lost(wechat: WeChat) -> None:
    number = await send_everything(wechat, "NEEDLE", "https://example.com/needle")
    text = await page(wechat)
    assert len(ids(text)) == number
    for each in range(1, number + 1):
        found = bubble(text, each)
        picture = f'src="/_sandbox/inbox/{each}/image"' in text or "/media/media-" in text
        assert "NEEDLE" in found or picture, found
    assert text.count('href="https://example.com/needle"') > 20


async def test_a_form_that_nobody_draws_is_shown_as_it_was_sent(wechat: WeChat) -> None:
    token = await wechat.plain_token()
    for kind, content in (
        ("music", {"musicurl": "https://a.b/<c>"}),
        ("mpnews", {"media_id": "m"}),
        ("wxcard", {"card_id": "w"}),
    ):
        await wechat.mp("/cgi-bin/message/custom/send", token, touser=OPENID, msgtype=kind, **{kind: content})
    text = await page(wechat)
    assert '"musicurl": "https://a.b/<c>"' in bubble(text, 1)
    assert '"media_id": "m"' in bubble(text, 2)
    assert '"card_id": "w"' in bubble(text, 3)


async def test_pictures_and_files_are_given_out_but_never_run(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    picture = await upload(wechat, token, "image", png(), "a.png")
    page_of_evil = await upload(wechat, token, "file", b"<script>alert(1)</script>", 'evil".html')
    svg = await upload(wechat, token, "image", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "a.svg")
    kinds = {}
    for media in (picture, page_of_evil, svg):
        response = await wechat.raw("GET", f"{INBOX}/media/{media}")
        kinds[media] = (response.content_type, response.headers.get("Content-Disposition"))
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
        assert response.headers["X-Content-Type-Options"] == "nosniff"

    assert kinds[picture] == ("image/png", None)
    assert kinds[page_of_evil] == ("application/octet-stream", "attachment; filename*=UTF-8''evil%22.html")
    assert kinds[svg] == ("application/octet-stream", "attachment; filename*=UTF-8''a.svg")
    await page(wechat, f"{INBOX}/media/nothing", 404)


async def test_one_message_has_a_page_with_request_and_answer(wechat: WeChat) -> None:
    await wechat.send(await wechat.wecom_token(), text={"content": "look"})
    text = words(await page(wechat, f"{INBOX}/1"))

    assert "/cgi-bin/message/send" in text
    assert '"content": "look"' in text
    assert '"msgid": "sandbox-00000000000000000001"' in text
    assert await json(wechat, f"{INBOX}/1") == (await wechat.messages())[0]
    raw = await wechat.raw("GET", f"{INBOX}/1/raw")
    assert (await raw.json(content_type=None))["text"] == {"content": "look"}
    assert raw.headers["Content-Disposition"].endswith("message-1.json")


@pytest.mark.parametrize(
    "path", ["/2", "/0", "/x", "/1/image", "/1/attachments/0", "/1/x", "/media/", "/nothing", "/²", "/" + "1" * 5000]
)
async def test_a_page_that_is_not_there_says_so(wechat: WeChat, path: str) -> None:
    await wechat.robot()
    assert "There is no such message" in words(await page(wechat, INBOX + path, 404))
    assert await json(wechat, INBOX + path, 404) == {"error": "no such message, or it is not kept any more"}


async def test_an_address_that_makes_no_sense_says_why(wechat: WeChat) -> None:
    expected = "before: expected the id of a message, found '<b>'"
    assert expected in words(await page(wechat, f"{INBOX}?before=<b>", 400))
    assert await json(wechat, f"{INBOX}?before=<b>", 400) == {"error": expected}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("platform=robot", [4, 2]),
        ("platform=mail", []),
        ("touser=lisi", [3]),
        ("touser=nobody", [3]),
        ("text=tw", [2]),
        ("app=bot-key&text=four", [4]),
        ("before=3", [2, 1]),
        ("touser=&text=", [4, 3, 2, 1]),
    ],
)
async def test_messages_are_filtered(wechat: WeChat, query: str, expected: list[int]) -> None:
    token = await wechat.wecom_token()
    await wechat.send(token, text={"content": "one"})
    await wechat.robot("two")
    await wechat.send(token, touser="lisi|nobody", text={"content": "three"})
    await wechat.robot("four")

    text = await page(wechat, f"{INBOX}?{query}")
    assert ids(text) == expected
    assert ("No message fits" in text) == (not expected)
    assert [each["id"] for each in (await json(wechat, f"{INBOX}?{query}"))["messages"]] == expected


async def test_ten_thousand_messages_are_shown_page_by_page(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    for _ in range(60):
        await wechat.send(token, text={"content": "<&'\">" * 400})
    inbox = wechat.http.app[WORLD].state.inbox
    for number in range(9_940):
        body = dumps({"msgtype": "text", "text": {"content": f"message {number}"}}).encode()
        call = Call("POST", "/cgi-bin/webhook/send", {}, body, "127.0.0.1")
        inbox.add(call, 0, "robot", "bot-key", f"message {number}", ["bot-key"])
    text = await page(wechat)

    assert "10000" in words(text)
    assert (len(ids(text)), ids(text)[0]) == (listing.PAGE, 10_000)
    assert len(text.encode()) < 300_000

    seen, path = [], f"{INBOX}?before=101"
    while path:
        text = await page(wechat, path)
        seen += ids(text)
        assert len(text.encode()) < 300_000
        older = re.search(r'rel="next" href="([^"]+)"', text)
        path = older[1] if older else ""
    assert seen == list(range(100, 0, -1))


async def test_a_long_message_is_a_link_among_others_and_whole_on_its_own_page(wechat: WeChat) -> None:
    many = {"option_list": [{"id": "1", "text": "&" * 512}] * 20}
    card = {"card_type": "vote_interaction", "main_title": {"title": "t"}, "checkbox": many}
    await wechat.send(await wechat.wecom_token(), msgtype="template_card", template_card=card)

    assert "This message is long. Open it" in bubble(await page(wechat), 1)
    assert bubble(await page(wechat, f"{INBOX}/1"), 1).count("&" * 512) == 20


async def test_a_long_name_is_cut_and_one_message_may_have_many(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    await wechat.send(token, touser="zhangsan|" + "n" * 1_000_000)
    await wechat.send(token, touser="zhangsan|" + "|".join(f"nobody{number}" for number in range(900)))
    text = await page(wechat)

    assert ids(text) == [2, 1]
    assert f"invalid {'n' * 79}…" in bubble(text, 1)
    assert "nobody11 +888" in bubble(text, 2)
    assert len(text) < 60_000
    assert "… 900 in all" in words(await page(wechat, f"{INBOX}/2"))


async def test_the_clock_may_be_anywhere(wechat: WeChat) -> None:
    await wechat.control("POST", "clock", {"advance": 1e15})
    await wechat.robot("late")
    assert "late" in bubble(await page(wechat), 1)


async def test_a_message_is_shown_by_the_id_that_its_sender_was_told(wechat: WeChat) -> None:
    token = await wechat.wecom_token()
    msgids = [(await wechat.send(token))["msgid"] for _ in range(3)]
    assert ids(await page(wechat, f"{INBOX}?msgid={msgids[1]}")) == [2]


async def test_a_rare_message_is_found_behind_many_others(wechat: WeChat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LOOKED_AT", 5)
    await wechat.send(await wechat.wecom_token())
    for _ in range(8):
        await wechat.robot()
    first = await page(wechat, f"{INBOX}?platform=qy")
    assert ids(first) == []
    assert "platform=qy&amp;before=5" in first
    assert ids(await page(wechat, f"{INBOX}?platform=qy&before=5")) == [1]


async def test_pages_speak_chinese_to_whoever_asks_for_it_or_has_chosen_it(wechat: WeChat) -> None:
    assert '<html lang="zh-Hans">' in await page(wechat, language=CHINESE)
    assert "还没有收到消息" in await page(wechat, language=CHINESE)
    assert '<html lang="en">' in await page(wechat, f"{INBOX}?lang=en", language=CHINESE)
    assert '<html lang="en">' in await page(wechat, language=CHINESE)  # the cookie remembers
    assert '<html lang="zh-Hans">' in await page(wechat, f"{INBOX}?lang=zh-hans")
    assert '<html lang="zh-Hans">' in await page(wechat)


async def test_every_page_is_safe_and_every_static_file_is_kept(wechat: WeChat) -> None:
    await wechat.robot()
    for path, status in ((INBOX, 200), (f"{INBOX}/1", 200), (f"{INBOX}/9", 404), (f"{INBOX}?before=x", 400)):
        for accept in (HTML, JSON):
            response = await wechat.raw("GET", path, headers=accept)
            assert (response.status, is_safe(response)) == (status, True)
    names = re.findall(r'(?:src|href)="(/_sandbox/inbox/static/[^"]+)"', await page(wechat))
    assert sorted(name.rpartition(".")[2] for name in names) == ["css", "js", "svg"]
    for name in names:
        response = await wechat.raw("GET", name)
        assert (response.status, response.headers["Cache-Control"]) == (200, "public, max-age=31536000, immutable")
    assert (await wechat.raw("GET", f"{INBOX}/static/inbox.000000000000.css")).status == 404


async def test_messages_are_given_as_html_to_whoever_asks_for_that(wechat: WeChat) -> None:
    await wechat.robot("one")
    await wechat.robot("two")
    response = await wechat.raw("GET", "/_sandbox/messages?wait=5&since=1", headers=HTML)

    assert is_safe(response)
    text = await response.text()
    assert ids(text) == [2]
    assert "<html" not in text
    typed = await wechat.raw("GET", "/_sandbox/messages", headers={**HTML, "Sec-Fetch-Dest": "document"})
    assert len((await typed.json())["messages"]) == 2
    assert (await wechat.raw("GET", "/_sandbox/messages?wait=x", headers=HTML)).status == 400


async def test_other_methods_find_nothing(wechat: WeChat) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await wechat.raw(method, INBOX, headers=HTML)).status == 404
    assert (await wechat.raw("HEAD", INBOX, headers=HTML)).status == 200


def test_the_bounds_of_a_page_leave_room_for_all_that_is_around_the_messages() -> None:
    assert rendering.BUBBLE_BYTES <= rendering.LIST_BYTES <= 300_000 - 60_000
