"""The page that explains a call: link by link, and never with a yes that nobody has said."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from esb import Call, Handler
from esb.contracts.explain import VERDICTS as CONTRACT
from esb.portal.explain import VERDICTS
from tests.support.portal import Portal, open_portal
from tests.support.processes.deployment import TOKENS

CALL = "/explain?app=esb_demo&component=cmsi.send_weixin&user=admin"
SCRIPT = "<script>alert(1)</script>"


class Silent:
    """A middleware that inherits nothing, and does not explain itself."""

    def __init__(self, config: Any, services: Any) -> None:
        """Take nothing."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        return await handler(call)


async def test_the_form_comes_first(portal: Portal) -> None:
    await portal.log_in()
    page = await portal.get("/explain")
    assert 'name="component"' in page
    assert 'class="chain"' not in page
    assert await portal.json("/explain") == {"links": []}


async def test_each_link_says_what_it_decides_and_where_that_stands(portal: Portal) -> None:
    await portal.log_in()
    page = await portal.get(CALL)
    found = await portal.json(CALL)
    assert found["verdict"] == "allowed"
    assert [link["link"] for link in found["links"]][:3] == ["component", "app_auth", "user_auth"]
    for link in found["links"]:
        assert f"<b>{link['link']}</b>" in page
        assert link["where"] in page
    assert "esb.yaml:" in page
    assert "The call is let in" in page


async def test_a_refusal_shows_what_a_caller_would_get(portal: Portal) -> None:
    await portal.log_in()
    page = await portal.get("/explain?app=nobody&component=cmsi.send_weixin&user=admin")
    found = await portal.json("/explain?app=nobody&component=cmsi.send_weixin&user=admin")
    assert found["verdict"] == "refused"
    assert f"<code>{found['code']}</code>" in page
    assert "The call is let in" not in page


async def test_others_link_to_it_with_all_that_is_asked(portal: Portal) -> None:
    await portal.log_in()
    page = await portal.get(f"{CALL}&as=bk_token&receiver=zhangsan,lisi&at=2026-12-31&test_env=1")
    for typed in ("esb_demo", "cmsi.send_weixin", "admin", "zhangsan,lisi", "2026-12-31"):
        assert f'value="{typed}"' in page
    assert '<option value="bk_token" selected>' in page
    assert "checked" in page
    assert "test environment" in page


@pytest.mark.parametrize("wrong", ["at=tomorrow", "as=me", f"user={'x' * 300}"])
async def test_a_wrong_question_is_refused_beside_what_was_typed(portal: Portal, wrong: str) -> None:
    await portal.log_in()
    page = await portal.get(f"/explain?app=esb_demo&component=cmsi.send_weixin&{wrong}", 400)
    assert 'role="alert"' in page
    assert "Value error" not in page
    assert 'value="esb_demo"' in page
    assert wrong.partition("=")[2] in page or wrong == "as=me"


async def test_whatever_is_asked_is_text(portal: Portal) -> None:
    await portal.log_in()
    page = await portal.get(f"/explain?app={SCRIPT}&component={SCRIPT}&user={SCRIPT}")
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page


async def test_a_middleware_that_does_not_explain_itself_is_no_yes(tmp_path: Path, opened: AsyncExitStack) -> None:
    chain = f"middlewares: [{{use: app_auth}}, {{use: '{__name__}:Silent'}}, {{use: user_auth}}]\n"
    portal = await opened.enter_async_context(open_portal(tmp_path, more=chain))
    await portal.log_in()
    page = await portal.get(CALL)
    assert '<span class="badge busy">not explained</span>' in page
    assert "The call is let in" not in page
    assert "Nobody can say before it is made" in page
    assert (await portal.json(CALL))["verdict"] == "unknown"


def test_every_verdict_has_a_word_and_one_alone_is_good() -> None:
    assert set(VERDICTS) == CONTRACT
    assert [verdict for verdict, word in VERDICTS.items() if word.kind == "good"] == ["allowed"]


async def test_the_page_is_for_operators(tmp_path: Path, opened: AsyncExitStack) -> None:
    portal = await opened.enter_async_context(open_portal(tmp_path, admin_keys=f"{TOKENS}, read: token"))
    await portal.get(CALL, 401)


async def test_it_speaks_chinese(portal: Portal) -> None:
    await portal.log_in()
    page = await portal.get(f"{CALL}&lang=zh-hans")
    assert "解释调用" in page
    assert "User told by" not in page
