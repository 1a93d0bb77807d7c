"""What an official account can ask about itself in the sandbox."""

import pytest

from tests.support.wechat_client import APPID, MP_SECRET, OPENID, TEMPLATE, TEMPLATE_SEND, WeChat

TEMPLATES = "/cgi-bin/template/get_all_private_template"
QUOTA = "/cgi-bin/openapi/quota/get"


async def test_templates_are_told_with_their_keys(wechat: WeChat) -> None:
    typed = {"thing1": "thing", "time2": "time"}
    account = {"appid": APPID, "secret": MP_SECRET, "openids": [OPENID], "templates": {"typed": typed, "free": {}}}
    await wechat.seed(mp=[account])
    reply = await wechat.call("GET", TEMPLATES, params={"access_token": await wechat.stable_token()})

    assert "errcode" not in reply
    assert {each["template_id"]: each["content"] for each in reply["template_list"]} == {
        "typed": "{{thing1.DATA}}\n{{time2.DATA}}",
        "free": "{{first.DATA}}\n{{keyword1.DATA}}\n{{keyword2.DATA}}\n{{remark.DATA}}",
    }


async def test_templates_are_told_to_a_token_only(wechat: WeChat) -> None:
    assert (await wechat.call("GET", TEMPLATES))["errcode"] == 41001


async def test_the_quota_of_an_interface_counts_what_was_sent(wechat: WeChat) -> None:
    await wechat.turn(mp_template_per_day=5)
    token = await wechat.stable_token()
    await wechat.template(token)
    await wechat.template(token)
    reply = await wechat.mp(QUOTA, token, cgi_path=TEMPLATE_SEND)

    assert reply["quota"] == {"daily_limit": 5, "used": 2, "remain": 3}


async def test_an_interface_without_a_limit_has_that_of_real_accounts(wechat: WeChat) -> None:
    reply = await wechat.mp(QUOTA, await wechat.stable_token(), cgi_path=TEMPLATE_SEND)

    assert reply["quota"] == {"daily_limit": 100_000, "used": 0, "remain": 100_000}


@pytest.mark.parametrize("cgi_path", ["/cgi-bin/nothing", ""])
async def test_an_interface_that_is_not_counted_is_refused(wechat: WeChat, cgi_path: str) -> None:
    assert (await wechat.mp(QUOTA, await wechat.stable_token(), cgi_path=cgi_path))["errcode"] == 76021


async def test_the_template_that_is_sent_is_one_that_is_told(wechat: WeChat) -> None:
    reply = await wechat.call("GET", TEMPLATES, params={"access_token": await wechat.stable_token()})

    assert [each["template_id"] for each in reply["template_list"]] == [TEMPLATE]
