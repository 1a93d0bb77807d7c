"""alert_webhook: HTTP status says whether to come again, for senders that look at nothing else."""

from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import ClientResponse

from esb import Call, Component, Envelope, Params
from tests.support.alerts import ALERTMANAGER, HOOK, stanza
from tests.support.configuration import WECOM
from tests.support.gateway import Gateway, OpenGateway, Sandbox


class Odd(Component[Any, Params]):
    """Ends as its path says."""

    async def handle(self, call: Call, params: Params) -> Any:
        if call.path == "/odd/no/":
            return Envelope({"result": False, "code": 7, "message": "no"})
        if call.path == "/odd/half/":
            return Envelope({"result": "false"})
        raise ZeroDivisionError


ODD = "".join(f'  - {{path: /odd/{name}/, use: "{__name__}:Odd"}}\n' for name in ("no", "half", "crash"))


async def hook(open_gateway: OpenGateway, sandbox: Sandbox, to: str = "/cmsi/send_weixin/", **more: Any) -> Gateway:
    config = f"to: {to}, params: {{receiver: zhangsan}}"
    return await open_gateway(WECOM + ODD + stanza(config), sandbox_url=sandbox.url, **more)


async def post(gateway: Gateway, path: str = HOOK, **options: Any) -> ClientResponse:
    return await gateway.request("POST", path, **({"json": ALERTMANAGER} | options))


async def test_what_was_sent_is_200(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    assert (await post(await hook(open_gateway, sandbox))).status == 200


async def test_who_may_not_call_is_told_so(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await hook(open_gateway, sandbox)
    wrong = await post(gateway, HOOK.replace("HOOK", "WRONG"))
    assert (wrong.status, (await wrong.json())["code"]) == (401, 1306000)
    assert (await post(gateway, "/api/c/compapi/alerts/hook/", headers={"X-Bkapi-Authorization": "{}"})).status == 401
    assert (await post(gateway, "/api/c/compapi/alerts/nowhere/")).status == 404


@pytest.mark.parametrize("body", [b"{", b'{"foo": 1}', b"\xff\xfe{", b"<alert/>"])
async def test_a_wrong_body_is_400(open_gateway: OpenGateway, sandbox: Sandbox, body: bytes) -> None:
    response = await post(await hook(open_gateway, sandbox), json=None, data=body)
    assert (response.status, (await response.json())["result"]) == (400, False)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"match": {"path": "/cgi-bin/gettoken"}, "action": {"status": 502}}, 503),
        ({"match": {"path": "/cgi-bin/message/send"}, "action": {"errcode": 45009, "errmsg": "quota"}}, 503),
        ({"match": {"path": "/cgi-bin/message/send"}, "action": {"errcode": 40058, "errmsg": "bad"}}, 422),
        ({"match": {"path": "/cgi-bin/message/send"}, "action": {"close": True}, "when": "after"}, 422),
    ],
    ids=["no token", "over quota", "refused", "unknown"],
)
async def test_a_channel_that_fails_is_told_by_what_another_try_can_do(
    open_gateway: OpenGateway, sandbox: Sandbox, fault: Mapping[str, Any], status: int
) -> None:
    stanzas = WECOM.replace("wx_qy_member", "wx_qy_duplicate_check: false, wx_qy_member")
    gateway = await open_gateway(
        stanzas + stanza("to: /cmsi/send_weixin/, params: {receiver: zhangsan}"), sandbox_url=sandbox.url
    )
    await sandbox.post("faults", {**fault, "times": 0})
    first = await post(gateway)
    again = await post(gateway)
    answer = await first.json()
    assert (first.status, again.status, answer["result"]) == (status, status, False)
    if status == 503 and answer["data"].get("retry_after"):
        assert int(first.headers["Retry-After"]) >= 1
    assert ("Retry-After" in first.headers) <= (status == 503)


async def test_unknown_people_are_a_final_no(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await open_gateway(
        WECOM + stanza("to: /cmsi/send_weixin/, params: {receiver__username: nobody}"), sandbox_url=sandbox.url
    )
    assert (await post(gateway)).status in {400, 422}
    assert await sandbox.messages() == []


@pytest.mark.parametrize(("name", "status"), [("no", 422), ("half", 422), ("crash", 500)])
async def test_components_that_answer_in_their_own_way_are_read(
    open_gateway: OpenGateway, sandbox: Sandbox, name: str, status: int
) -> None:
    assert (await post(await hook(open_gateway, sandbox, f"/odd/{name}/"))).status == status


async def test_who_calls_too_often_is_told_when_to_come_again(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    chain = "middlewares: [{use: app_auth}, {use: rate_limit, config: {default: [{tokens: 1}]}}]\n"
    gateway = await hook(open_gateway, sandbox, more=chain)
    first, second = await post(gateway), await post(gateway)
    assert (first.status, second.status, (await second.json())["code"]) == (200, 503, 1306429)
    assert 1 <= int(second.headers["Retry-After"]) <= 60


async def test_other_components_answer_failures_with_200(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await hook(open_gateway, sandbox)
    assert (await post(gateway, "/api/c/compapi/cmsi/send_weixin/")).status == 200
