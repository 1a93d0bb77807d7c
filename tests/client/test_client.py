"""The typed client: what it sends, what it gives back, and what it never shows."""

import asyncio
import ssl
import traceback
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from esb.client import (
    Answer,
    BadRequest,
    Client,
    Delivery,
    EsbError,
    Missed,
    NoAnswer,
    NotFound,
    PermissionDenied,
    SendAnswer,
    UpstreamError,
)
from esb.client.attempts import LARGEST_ANSWER
from tests.support.called import OpenClient
from tests.support.certificates import Authority
from tests.support.configuration import MESSAGE
from tests.support.gateway import OpenServer
from tests.support.processes.interpreter import python
from tests.support.repository import ROOT
from tests.support.world import World

SEND = "cmsi/send_weixin"
TO_ZHANGSAN = {"receiver": "zhangsan", "data": MESSAGE}


async def test_a_message_is_sent_and_its_answer_is_typed(world: World, open_client: OpenClient) -> None:
    answer = await open_client(world.gateway.url).send(SEND, TO_ZHANGSAN)

    assert isinstance(answer, SendAnswer)
    assert (answer.accepted, answer.failed, answer.unknown) == (("zhangsan",), (), ())
    assert len(answer.msgids) == 1
    assert len(answer.request_id) == 32
    assert answer.data["accepted"] == ["zhangsan"]
    assert [message["app"] for message in await world.inbox()] == ["ww0000000000000001/1000002"]


async def test_a_message_that_is_sent_later_is_told_by_its_delivery(
    open_server: OpenServer, open_client: OpenClient
) -> None:
    told = {"id": "0" * 32, "state": "queued", "due": "2027-03-01T08:00:00Z", "expires": "2027-03-02T08:00:00Z"}
    asked: list[dict[str, Any]] = []

    async def accept(request: web.Request) -> web.Response:
        asked.append(await request.json())
        data = {"delivery": told, "accepted": [], "failed": [], "unknown": [], "msgids": []}
        return web.json_response({"result": True, "code": 0, "message": "OK", "data": data}, status=202)

    app = web.Application()
    app.router.add_post("/{path:.*}", accept)
    client = open_client(await open_server(app))

    answer = await client.send(SEND, {**TO_ZHANGSAN, "async": True, "deliver_at": "1h"})

    assert answer.delivery == Delivery(**told)
    assert answer.accepted == ()
    assert (asked[0]["async"], asked[0]["deliver_at"]) == (True, "1h")
    assert SendAnswer.read({}, "").delivery is None


async def test_every_component_can_be_called(world: World, open_client: OpenClient) -> None:
    client = open_client(world.gateway.url)

    answer = await client.call("/cmsi/get_msg_type/")

    assert isinstance(answer, Answer)
    assert answer.data[0]["type"] == "weixin"
    assert answer.message == "OK"


async def test_each_code_is_an_error_of_its_own(world: World, open_client: OpenClient) -> None:
    client = open_client(world.gateway.url)
    stranger = open_client(world.gateway.url, app_code="no_rights", app_secret="no-rights-secret")

    with pytest.raises(EsbError, match=r"\[1306000\] message data \[data\] .*; request id [0-9a-f]{32}") as wrong:
        await client.send(SEND, {"receiver": "zhangsan"})
    assert (wrong.value.code, wrong.value.answer, wrong.value.retryable) == (1306000, None, False)
    with pytest.raises(NotFound) as missing:
        await client.call("cmsi/nothing")
    assert missing.value.status == 404
    with pytest.raises(PermissionDenied):
        await stranger.send(SEND, TO_ZHANGSAN)
    await client.send(SEND, TO_ZHANGSAN, idempotency_key="order-42")
    with pytest.raises(BadRequest):
        await client.send(SEND, {**TO_ZHANGSAN, "receiver": "lisi"}, idempotency_key="order-42")
    assert client.pauses == stranger.pauses == []


async def test_a_failure_tells_the_fate_of_every_receiver(world: World, open_client: OpenClient) -> None:
    with pytest.raises(EsbError) as failed:
        await open_client(world.gateway.url).send(SEND, {**TO_ZHANGSAN, "receiver": ["zhangsan", "nobody"]})

    answer = failed.value.answer
    assert answer is not None
    assert answer.accepted == ("zhangsan",)
    assert [(missed.receiver, missed.kind, missed.retryable) for missed in answer.failed] == [
        ("nobody", "receiver", False)
    ]


async def test_a_dry_run_shows_what_would_be_sent(world: World, open_client: OpenClient) -> None:
    answer = await open_client(world.gateway.url).send(SEND, TO_ZHANGSAN, dry_run=True)

    assert answer.dry_run
    (preview,) = answer.previews
    assert (preview.receivers, preview.body["touser"]) == (("zhangsan",), "zhangsan")
    assert await world.inbox() == []


async def test_a_call_is_for_a_user_and_in_a_language(world: World, open_client: OpenClient) -> None:
    client = open_client(world.gateway.url, bk_username="", language="zh-hans")

    with pytest.raises(EsbError, match="用户认证失败"):
        await client.send(SEND, TO_ZHANGSAN)
    for user in ({"bk_username": "lisi"}, {"bk_token": "demo-token"}):
        answer = await client.ask(client.client.as_user(**user).send, SEND, TO_ZHANGSAN)
        assert answer.accepted == ("zhangsan",)
    with pytest.raises(EsbError):
        await client.ask(client.client.as_user(bk_token="wrong").send, SEND, TO_ZHANGSAN)


async def test_no_secret_is_shown(world: World, open_client: OpenClient) -> None:
    client = open_client(world.gateway.url, app_secret="a-wrong-secret", bk_token="a-wrong-token", retries=0)
    unreachable = open_client("http://127.0.0.1:9", app_secret="a-wrong-secret", bk_token="a-wrong-token", retries=0)
    shown = repr(client.client)
    for each in (client, unreachable):
        with pytest.raises(EsbError) as failed:
            await each.send(SEND, TO_ZHANGSAN)
        error: BaseException | None = failed.value
        shown += "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))

    assert "esb_demo" in shown
    assert "a-wrong-" not in shown


@pytest.mark.parametrize(
    "url",
    ["gateway:8080", "ftp://gateway", "http://", "http://user:password@gateway", "http://gateway/?a=b", "http://g/#a"],
)
def test_an_address_that_would_not_do_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url: ") as refused:
        Client(url, "code", "secret")

    assert "password@" not in str(refused.value)


@pytest.mark.parametrize(
    "component", ["cmsi", "cmsi/../secret", "cmsi/./a", "//", "cmsi/a?b", "cmsi/a b", "http://a/b"]
)
def test_a_component_is_a_path_below_the_gateway(component: str) -> None:
    with pytest.raises(ValueError, match="component: system/name"):
        Client("http://127.0.0.1:9", "code", "secret").call(component)


async def test_a_gateway_may_stand_below_a_path(open_server: OpenServer, open_client: OpenClient) -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        return web.json_response({"result": True, "data": None})

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)

    await open_client(await open_server(app) + "/esb/").call("v2/cc/search")

    assert seen == ["/esb/api/c/compapi/v2/cc/search/"]


async def test_what_is_no_envelope_is_no_answer(open_server: OpenServer, open_client: OpenClient) -> None:
    answers = [
        web.Response(status=502, text="<html>"),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
        web.Response(text="[]"),
        web.Response(text='{"data": 1}'),
        web.Response(body=b" " * (LARGEST_ANSWER + 1)),
    ]
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        return answers[len(seen) - 1]

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    client = open_client(await open_server(app))

    for _ in range(len(answers)):
        with pytest.raises(NoAnswer, match=r"no envelope|too large") as failed:
            await client.call("a/b")
        assert failed.value.sent
    assert {*seen} == {"/api/c/compapi/a/b/"}
    assert client.pauses == []


async def test_certificates_are_verified(open_client: OpenClient, tmp_path: Path, unused_tcp_port: int) -> None:
    authority = Authority(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(authority.issue("gateway"))

    async def answer(request: web.Request) -> web.Response:
        return web.json_response({"result": True, "data": request.headers["X-Bkapi-Authorization"]})

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", unused_tcp_port, ssl_context=context).start()
    url = f"https://127.0.0.1:{unused_tcp_port}"

    with pytest.raises(NoAnswer, match=r"no connection: .*(?i:certificate)") as refused:
        await open_client(url, retries=0).call("a/b")
    trusted = open_client(url, tls=ssl.create_default_context(cafile=str(authority.ca)))
    answered = await trusted.call("a/b")
    await trusted.close()
    await runner.cleanup()

    assert not refused.value.sent
    assert "demo-secret" in answered.data


async def test_connections_are_used_again(open_server: OpenServer, open_client: OpenClient) -> None:
    peers = set()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        return web.json_response({"result": True, "data": None})

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    client = open_client(await open_server(app))

    for _ in range(3):
        await client.call("a/b")
    once = len(peers)
    await asyncio.gather(*(client.call("a/b") for _ in range(20)))
    await client.close()
    await client.call("a/b")

    assert once == 1


async def test_a_client_closes_what_it_opened(world: World) -> None:
    def use() -> SendAnswer:
        with Client(world.gateway.url, "esb_demo", "demo-secret", bk_username="admin") as client:
            return client.send(SEND, TO_ZHANGSAN)

    assert (await asyncio.to_thread(use)).accepted == ("zhangsan",)


async def test_a_system_behind_the_gateway_that_fails_is_named(world: World, open_client: OpenClient) -> None:
    await world.fault("qy", {"status": 400}, times=0)

    with pytest.raises(UpstreamError) as failed:
        await open_client(world.gateway.url).send(SEND, TO_ZHANGSAN)

    assert failed.value.answer is not None
    assert [missed.receiver for missed in failed.value.answer.failed] == ["zhangsan"]
    assert isinstance(failed.value.answer.failed[0], Missed)


@pytest.mark.parametrize("imports", ["import esb.client", "import esb; from esb import client"])
def test_the_client_loads_nothing_of_the_gateway_and_aiohttp_only_for_asyncio(imports: str) -> None:
    done = python(
        "-c",
        f"import sys; {imports}\n"
        "ours = {name for name in sys.modules if name.startswith('esb.')}\n"
        "assert all(name.startswith(('esb.client', 'esb._version')) for name in ours), ours\n"
        "assert not {'aiohttp', 'pydantic', 'yaml', 'structlog', 'click'} & {*sys.modules}\n"
        "assert esb.client.AsyncClient.__module__ == 'esb.client.async_client' and 'aiohttp' in sys.modules\n"
        "print(hasattr(esb.client, 'NoSuchClient'))\n",
        folder=ROOT,
    )

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "False", "")
