"""The reason of each refusal, over real HTTP: every one that there is, as the log tells it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from esb.core.events import CallFinished
from esb.core.reasons import Reason
from esb.gateway.app import GATEWAY
from esb.incoming.routing import LONGEST_LOGGED
from esb.store.memory import MemoryStore
from esb.store.protocol import StoreAway
from tests.support.configuration import DEMO, MESSAGE, SEND_WEIXIN, WECOM
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.identity import SECRET, fetch, with_signature
from tests.support.wire import connection, request, until

ECHO = "test/echo"
MORE = """\
middlewares:
  - {use: app_auth, config: {failures_per_minute: 5}}
  - use: user_auth
  - use: permission
  - {use: rate_limit, config: {default: [{tokens: 4}]}}
server: {max_in_flight: 2}
"""
COMPONENTS = f"""\
{WECOM}
  - {{path: /test/echo/, aliases: [/v2/test/echo/], use: "tests.support.components:Echo"}}
  - {{path: "/test/{{who}}/named/", aliases: ["/v2/{{who}}/named/"], use: "tests.support.components:Echo"}}
  - {{path: /test/off/, active: false, use: "tests.support.components:Echo"}}
  - {{path: /test/environment/, use: "tests.support.components:Environment"}}
  - {{path: /test/crash/, use: "tests.support.components:Crash"}}
  - {{path: /test/choice/, use: "tests.support.components:Choice"}}
  - {{path: /test/endless/, use: "tests.support.components:Endless"}}
  - {{path: /test/hang/, use: "tests.support.components:Hang"}}
  - {{path: "/alerts/{{token}}/", tokens: [{{app: esb_demo, token: hunter-token-hunter-token-hunter-token-1234}}],
     name: test.alerts, use: "tests.support.components:Echo"}}
"""
Case = Callable[[Gateway], Awaitable[Any]]


def finished(gateway: Gateway) -> list[CallFinished]:
    return [event for event in gateway.events if isinstance(event, CallFinished)]


def with_claims(**claims: str) -> Case:
    return lambda gateway: gateway.call(ECHO, claims)


def signing(seconds: float = 0, secret: str = SECRET, times: int = 1) -> Case:
    async def sign(gateway: Gateway) -> None:
        query = {
            "bk_app_code": "esb_demo",
            "bk_username": "admin",
            "bk_timestamp": str(int(time.time() + seconds)),
            "bk_nonce": "7",
        }
        path = f"/api/c/compapi/{ECHO}/"
        for _ in range(times):
            await fetch(gateway, "GET", path, with_signature(query, path=path, secret=secret))

    return sign


def sending(**params: Any) -> Case:
    return lambda gateway: gateway.send(**params)


def repeated(times: int, case: Case) -> Case:
    async def repeat(gateway: Gateway) -> None:
        for _ in range(times):
            await case(gateway)

    return repeat


async def with_one_key_twice(gateway: Gateway) -> None:
    for heading in ("one", "two"):
        await gateway.post(
            {**DEMO, "receiver": "zhangsan", "data": {**MESSAGE, "heading": heading}},
            headers={"Idempotency-Key": "k"},
        )


async def while_draining(gateway: Gateway) -> None:
    await gateway.app[GATEWAY].drain(0)
    await gateway.call(ECHO)


async def begin(gateway: Gateway, component: str, **auth: str) -> asyncio.Task[Any]:
    call = asyncio.create_task(gateway.call(component, {**DEMO, **auth}))
    await until(lambda: bool(gateway.app[GATEWAY].ingress.in_flight))
    return call


async def while_another_hangs(gateway: Gateway) -> None:
    first = await begin(gateway, "test/hang")
    await gateway.call(ECHO)
    first.cancel()


async def until_the_gateway_goes(gateway: Gateway) -> None:
    call = await begin(gateway, "test/hang")
    await gateway.app[GATEWAY].drain(0)
    await asyncio.wait({call})
    call.exception()


async def and_leave(gateway: Gateway) -> None:
    async with connection(gateway.url) as (reader, writer):
        writer.write(request(b"POST", b"/api/c/compapi/test/endless/", json.dumps(DEMO).encode()))
        await reader.readuntil(b"one")
    await until(lambda: bool(finished(gateway)))


CASES: dict[str, tuple[Reason, Case]] = {
    "nobody is named": (Reason.APP_MISSING, with_claims(bk_app_secret="demo-secret")),
    "an app that nobody knows": (Reason.APP_UNKNOWN, with_claims(bk_app_code="nobody", bk_app_secret="s")),
    "an app that is switched off": (
        Reason.APP_DISABLED,
        with_claims(bk_app_code="switched_off", bk_app_secret="switched-off-secret"),
    ),
    "an app whose time is over": (Reason.APP_EXPIRED, with_claims(bk_app_code="over", bk_app_secret="over-secret")),
    "no secret": (Reason.SECRET_MISSING, with_claims(bk_app_code="esb_demo")),
    "a wrong secret": (Reason.SECRET_WRONG, with_claims(bk_app_code="esb_demo", bk_app_secret="wrong")),
    "a wrong signature": (Reason.SIGNATURE_WRONG, signing(secret="wrong")),
    "an old signature": (Reason.TIMESTAMP_EXPIRED, signing(-4000)),
    "a signature of tomorrow": (Reason.TIMESTAMP_EXPIRED, signing(4000)),
    "a nonce used before": (Reason.NONCE_USED, signing(times=2)),
    "a wrong bk_token": (Reason.TOKEN_INVALID, with_claims(**{**DEMO, "bk_token": "wrong"})),
    "bk_access_token": (Reason.TOKEN_INVALID, with_claims(**{**DEMO, "bk_access_token": "any"})),
    "an access token": (
        Reason.TOKEN_INVALID,
        lambda gateway: gateway.post({}, ECHO, {"X-Bkapi-Authorization": '{"access_token": "any"}'}),
    ),
    "a gateway's JWT": (Reason.TOKEN_INVALID, lambda gateway: gateway.post({}, ECHO, {"X-Bkapi-JWT": "any"})),
    "a wrong token in the path": (Reason.TOKEN_INVALID, lambda gateway: gateway.call("alerts/wrong", {})),
    "no user": (Reason.USER_MISSING, with_claims(bk_app_code="esb_demo", bk_app_secret="demo-secret")),
    "a user whom the app may not name": (
        Reason.IMPERSONATION_DENIED,
        with_claims(bk_app_code="no_users", bk_app_secret="no-users-secret", bk_username="admin"),
    ),
    "a name that is none": (Reason.IMPERSONATION_DENIED, with_claims(**{**DEMO, "bk_username": " admin"})),
    "wrong too often": (
        Reason.FAILURES_LIMITED,
        repeated(7, with_claims(bk_app_code="esb_demo", bk_app_secret="wrong")),
    ),
    "a component that is not allowed": (
        Reason.NOT_PERMITTED,
        with_claims(bk_app_code="no_rights", bk_app_secret="no-rights-secret", bk_username="admin"),
    ),
    "too often": (Reason.RATE_LIMITED, repeated(5, with_claims(**DEMO))),
    "too many at once": (Reason.OVERLOADED, while_another_hangs),
    "a header that is wrong": (
        Reason.REQUEST,
        lambda gateway: gateway.post({}, ECHO, {"X-Bkapi-Authorization": "no JSON"}),
    ),
    "a body that is cut": (Reason.BODY, lambda gateway: gateway.post(b'{"a": ', ECHO)),
    "a body in another encoding": (Reason.BODY, lambda gateway: gateway.post('{"a": "二"}'.encode("gbk"), ECHO)),
    "a body that is too large": (
        Reason.BODY,
        lambda gateway: gateway.post(b" " * (10 * 2**20 + 1), ECHO),
    ),
    "a parameter that is missing": (Reason.PARAMETERS, lambda gateway: gateway.call(SEND_WEIXIN)),
    "a receiver whom nobody knows": (Reason.RECEIVERS, sending(receiver="", receiver__username="nobody")),
    "some receivers whom nobody knows": (Reason.RECEIVERS, sending(receiver="", receiver__username="admin,nobody")),
    "a key of another call": (Reason.IDEMPOTENCY_KEY, with_one_key_twice),
    "a path that nobody declares": (Reason.NOT_FOUND, lambda gateway: gateway.call("test/nothing")),
    "another method": (Reason.NOT_FOUND, lambda gateway: gateway.request("PUT", f"/api/c/compapi/{SEND_WEIXIN}/")),
    "an inactive component": (Reason.INACTIVE, lambda gateway: gateway.call("test/off")),
    "an old self-service path": (
        Reason.INACTIVE,
        lambda gateway: gateway.request("POST", "/api/c/self-service-api/x/"),
    ),
    "no test environment": (
        Reason.NO_TEST_ENVIRONMENT,
        lambda gateway: gateway.post(DEMO, "test/environment", {"X-Use-Test-Env": "1"}),
    ),
    "while draining": (Reason.DRAINING, while_draining),
    "what a component says itself": (Reason.COMPONENT, lambda gateway: gateway.call("test/choice", what="error")),
    "an envelope that says no": (
        Reason.REFUSED,
        lambda gateway: gateway.call("test/choice", what="failed envelope"),
    ),
    "a bug": (Reason.CRASH, lambda gateway: gateway.call("test/crash")),
    "a caller who leaves": (Reason.CALLER_LEFT, and_leave),
    "a gateway that goes": (Reason.CUT_OFF, until_the_gateway_goes),
}
FAULTS: dict[str, tuple[Reason, dict[str, Any]]] = {
    "WeChat fails": (Reason.UPSTREAM, {"status": 500}),
    "WeChat says nothing": (Reason.UPSTREAM, {"reset": "head"}),
    "WeChat refuses": (Reason.REFUSED, {"errcode": 40003}),
    "WeChat takes no more": (Reason.QUOTA, {"errcode": 45009}),
}


@pytest.fixture
async def refusing(open_gateway: OpenGateway, sandbox: Sandbox) -> Gateway:
    return await open_gateway(COMPONENTS, more=MORE, sandbox_url=sandbox.url)


@pytest.mark.parametrize("name", CASES)
async def test_each_refusal_gives_its_reason(refusing: Gateway, name: str) -> None:
    reason, case = CASES[name]
    await case(refusing)
    ended = finished(refusing)[-1]
    assert ended.reason is reason
    assert ended.source


@pytest.mark.parametrize("name", FAULTS)
async def test_what_another_system_does_gives_its_reason(refusing: Gateway, sandbox: Sandbox, name: str) -> None:
    reason, action = FAULTS[name]
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/message/send"}, "action": action, "times": 0})
    await refusing.send()
    assert [(ended.reason, ended.source) for ended in finished(refusing)] == [(reason, "upstream")]


async def test_a_store_that_is_away_is_the_reason(refusing: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: Any) -> None:
        raise StoreAway("store", "take", "it is away")

    monkeypatch.setattr(MemoryStore, "take", away)
    await refusing.call(ECHO)
    assert [ended.reason for ended in finished(refusing)] == [Reason.STORE]


def test_every_reason_is_among_them() -> None:
    told = {reason for reason, _ in (*CASES.values(), *FAULTS.values())}
    elsewhere = {Reason.SECRET_ENDED}  # only a secret of the database has an end: tests/services/apps/test_sql.py
    assert told | {Reason.STORE} | elsewhere == set(Reason) - {Reason.AUTHENTICATION}  # a back end's that names none


async def test_a_call_that_goes_well_has_no_reason(refusing: Gateway) -> None:
    await refusing.send()
    (ended,) = finished(refusing)
    assert (ended.reason, ended.source, ended.claimed_app, ended.asked_path) == (None, "", "", "")


# Who it claims to be


@pytest.mark.parametrize(
    "body",
    [
        {"bk_app_code": "esb_demo", "bk_app_secret": "wrong"},
        {"app_code": "esb_demo"},
    ],
)
async def test_a_refused_call_tells_which_app_it_claims_to_be(refusing: Gateway, body: dict[str, str]) -> None:
    await refusing.post(body, ECHO)
    (ended,) = finished(refusing)
    assert (ended.app, ended.claimed_app) == ("", "esb_demo")


@pytest.mark.parametrize("path", ["/api/c/compapi/test/nothing/", "/nowhere", f"/api/c/compapi/{ECHO}/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_header_tells_it_where_nothing_else_was_read(refusing: Gateway, method: str, path: str) -> None:
    headers = {"X-Bkapi-Authorization": json.dumps({"bk_app_code": "shop", "bk_app_secret": "wrong"})}
    await refusing.request(method, path, headers=headers, data=b"{")
    (ended,) = finished(refusing)
    assert (ended.app, ended.claimed_app) == ("", "shop")


async def test_an_app_that_is_known_claims_nothing(refusing: Gateway) -> None:
    await refusing.call("test/crash")
    (ended,) = finished(refusing)
    assert (ended.app, ended.claimed_app, ended.reason) == ("esb_demo", "", Reason.CRASH)


# What it asks for


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("test/echo/", ""),
        ("test/echo", ""),
        ("v2/test/echo/", "/api/c/compapi/v2/test/echo/"),
        ("v2/test/echo?a=1", "/api/c/compapi/v2/test/echo/"),
        ("test/anna/named/", ""),
        ("v2/anna/named/", "/api/c/compapi/v2/{who}/named/"),
    ],
)
async def test_an_alias_is_told_as_it_is_declared(refusing: Gateway, path: str, asked: str) -> None:
    await refusing.call(path.removesuffix("/"))
    (ended,) = finished(refusing)
    assert ended.asked_path == asked
    assert ended.path in {"/test/echo/", "/test/{who}/named/"}


async def test_an_alias_is_told_of_a_refused_call_too(refusing: Gateway) -> None:
    await refusing.call("v2/test/echo", {})
    (ended,) = finished(refusing)
    assert (ended.asked_path, ended.reason) == ("/api/c/compapi/v2/test/echo/", Reason.SECRET_MISSING)


@pytest.mark.parametrize("path", ["/api/c/compapi/test/off/", "/api/c/self-service-api/x/", "/a%0Ab"])
async def test_a_path_is_told_of_every_call_that_reached_no_component(refusing: Gateway, path: str) -> None:
    async with connection(refusing.url) as (reader, writer):
        writer.write(request(b"POST", path.encode(), b"{}"))
        await reader.readuntil(b"\r\n\r\n")
    (ended,) = finished(refusing)
    assert (ended.path, ended.asked_path) == (path, path)


async def test_a_path_without_end_is_cut(refusing: Gateway) -> None:
    await refusing.request("GET", f"/{'a' * 4000}")
    (ended,) = finished(refusing)
    assert ended.asked_path == f"/{'a' * (LONGEST_LOGGED - 1)}"


async def test_a_token_in_a_path_is_not_told_while_draining(refusing: Gateway) -> None:
    await refusing.app[GATEWAY].drain(0)
    await refusing.call("alerts/hunter-token-hunter-token-hunter-token-1234", {})
    (ended,) = finished(refusing)
    assert ended.reason is Reason.DRAINING
    assert ended.asked_path == "/api/c/compapi/alerts/***"


# Which secret


@pytest.mark.parametrize(("secret", "number"), [("demo-secret", 1), ("next-secret", 2)])
async def test_it_is_told_which_of_the_secrets_was_used(refusing: Gateway, secret: str, number: int) -> None:
    await refusing.call(ECHO, {**DEMO, "bk_app_secret": secret})
    await signing(secret=secret)(refusing)
    assert [ended.secret_number for ended in finished(refusing)] == [number, number]


@pytest.mark.parametrize("claims", [{**DEMO, "bk_app_secret": "wrong"}, {}])
async def test_a_wrong_secret_has_no_number(refusing: Gateway, claims: dict[str, str]) -> None:
    await refusing.call(ECHO, claims)
    assert [ended.secret_number for ended in finished(refusing)] == [0]


# What was sent


SENT = {"accepted": 1, "failed": 0, "unknown": 0, "class": "ok", "errcode": None}


async def test_a_sending_is_told_in_numbers(refusing: Gateway) -> None:
    answer = await refusing.send("zhangsan;lisi")
    (ended,) = finished(refusing)
    assert ended.sent == {**SENT, "accepted": 2, "msgids": answer["data"]["msgids"]}
    assert len(answer["data"]["msgids"]) == 1


@pytest.mark.parametrize(
    ("action", "sent"),
    [
        ({"errcode": 40003}, {**SENT, "accepted": 0, "failed": 1, "class": "receiver", "errcode": 40003}),
        ({"errcode": 45009}, {**SENT, "accepted": 0, "failed": 1, "class": "quota", "errcode": 45009}),
        ({"reset": "body"}, {**SENT, "accepted": 0, "unknown": 1, "class": "busy"}),
    ],
)
async def test_a_sending_that_failed_is_told_with_its_class(
    refusing: Gateway, sandbox: Sandbox, action: dict[str, Any], sent: dict[str, Any]
) -> None:
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/message/send"}, "action": action, "times": 0})
    await refusing.send()
    (ended,) = finished(refusing)
    assert ended.sent == {**sent, "msgids": []}


async def test_a_sending_to_some_is_told_of_each(refusing: Gateway) -> None:
    await refusing.send("zhangsan;nobody")
    await refusing.send("", receiver__username="admin,nobody")
    for ended in finished(refusing):
        assert ended.sent is not None
        assert (ended.sent["accepted"], ended.sent["failed"], ended.sent["class"]) == (1, 1, "receiver")
    assert "nobody" not in repr([ended.sent for ended in finished(refusing)])


@pytest.mark.parametrize("params", [{"receiver": ""}, {"dry_run": True}])
async def test_where_nothing_was_sent_nothing_is_told_of_it(refusing: Gateway, params: dict[str, Any]) -> None:
    await refusing.send(**{"receiver": "zhangsan", **params})
    assert [ended.sent for ended in finished(refusing)] == [None]


async def test_a_repetition_has_sent_nothing(refusing: Gateway) -> None:
    for _ in range(2):
        await refusing.send(idempotency_key="k")
    first, second = finished(refusing)
    assert first.sent is not None
    assert second.sent is None
