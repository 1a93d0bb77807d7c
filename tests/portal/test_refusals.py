"""Refusals of operations: on a page in the page's language, in JSON in English."""

import pytest
from aiohttp import ClientSession

from esb.database import trouble
from esb.portal.language import every_text
from esb.portal.parts import Answered
from tests.support.portal import JSON, Portal
from tests.support.processes.deployment import BEARER

APP = "/apps/monitor"
REFUSED = [
    ("/apps", {"code": "monitor"}, 409, "应用 'monitor' 已经存在"),
    ("/apps", {"code": ""}, 422, "code: 此项必填"),
    ("/apps", {"code": "a b"}, 422, "应用编码不能含有空白和不可见字符：'a b'"),
    (f"{APP}/expires", {"expires": "soon"}, 422, "expires: 应为 2026-12-31T18:00:00+08:00 这样的时间"),
    (f"{APP}/owners", {"owners": "x" * 300}, 422, "用户名的长度为 1 到 255 个字符，现在是 300 个"),
    (f"{APP}/callbacks", {"name": "done", "url": "ftp://x"}, 422, "必须以 http:// 或 https:// 开头"),
    (f"{APP}/callbacks", {"name": "done", "do": "remove"}, 404, "monitor 没有回调 'done'；它一个也没有"),
    (f"{APP}/secrets", {"secret": " x"}, 422, "密钥为 1 到 "),
    (f"{APP}/secrets", {"until": "2020-01-01"}, 422, "until: 这个时间已经过去"),
    (f"{APP}/secrets/99", {"do": "now"}, 404, "monitor 没有密钥 '99'；它有 '1'"),
    (f"{APP}/grants", {"pattern": "!cmsi.*"}, 422, "通配模式只能授予，不能排除"),
    (f"{APP}/grants", {"pattern": "a.*", "since": "2100-01-01", "until": "90d"}, 422, "权限的结束时间必须晚于开始时间"),
    (f"{APP}/grants/99", {"do": "revoke"}, 404, "monitor 没有权限 '99'"),
    ("/apps/monitr/owners", {"owners": "li"}, 404, "数据库中没有应用 'monitr'；你要找的是 'monitor' 吗？"),
]
"""Path of a form, what is typed in, status, and what the page says."""
SEARCHES = [
    ("/apps?unused=never", 422, "unused: 应为 2026-12-31T18:00:00+08:00 这样的时间"),
    ("/history?cursor=x", 422, "cursor：没有哪一页给出过这个值"),
    ("/apps/monitr", 404, "数据库中没有应用 'monitr'"),
    ("/apps/monitor/use?since=never", 422, "since: 应为"),
    (f"/deliveries/{'0' * 32}", 404, f"没有投递 {'0' * 32}"),
    (f"/deliveries?id={'0' * 32}", 404, f"没有投递 {'0' * 32}"),
    ("/deliveries?since=never", 422, "since: 应为"),
    ("/explain?app=a&component=b.c&at=never", 400, "at: 应为 2026-12-31T18:00:00+08:00 这样的时间"),
]


@pytest.fixture
async def operator(portal: Portal) -> Portal:
    """A portal in which an operator has logged in who reads Chinese, and has made an app."""
    await portal.get("/?lang=zh-hans")
    await portal.log_in()
    await portal.administer("POST", "/-/apps", {"code": "monitor"})
    return portal


async def test_a_form_is_refused_in_the_language_of_its_page(operator: Portal) -> None:
    for path, form, status, told in REFUSED:
        page = (await operator.page_after(path, status, **form)).replace("&#39;", "'")
        assert told in page, (path, form)


@pytest.mark.parametrize(("path", "status", "told"), SEARCHES)
async def test_a_search_is_refused_in_the_language_of_its_page(
    operator: Portal, path: str, status: int, told: str
) -> None:
    assert told in (await operator.get(path, status)).replace("&#39;", "'")


async def test_the_answer_to_a_form_in_json_and_the_admin_listener_speak_english(operator: Portal) -> None:
    data, headers = {"code": "monitor"}, {**JSON, **BEARER, "Blueking-Language": "zh-hans"}
    async with operator.browser.post(f"{operator.url}/apps", data=data, headers=headers) as response:
        assert await response.json() == {"error": "there is an app 'monitor' already"}
    admin = await operator.administer("GET", "/-/config", {})
    url = f"http://127.0.0.1:{admin['server']['admin']['port']}/-/apps"
    async with ClientSession() as client, client.post(url, json=data, headers=headers) as response:
        assert await response.json() == {"error": "there is an app 'monitor' already"}


def test_every_reason_why_the_database_is_away_has_a_chinese_one() -> None:
    reasons = [each for name, each in vars(trouble).items() if name.isupper() and isinstance(each, str) and " " in each]
    assert len(reasons) >= 17
    told = {each: Answered(503, {"error": each}).why("zh-hans") for each in reasons}
    assert [each for each, chinese in told.items() if chinese == each and not each.startswith("rejected")] == []
    assert every_text("en")(reasons[0]) == reasons[0]
