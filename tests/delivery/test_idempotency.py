"""Idempotency-Key: a repeated call gets the first one's answer."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from esb import Call, Component, Envelope, Reply
from esb.core.call import Options
from esb.core.errors import EsbError, Limited
from esb.core.events import Crashed, Event, Observer
from esb.delivery.idempotency import LAST_SECONDS
from esb.gateway.app import GATEWAY
from esb.store.memory import MemoryStore
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.components import Free
from tests.support.configuration import DEMO, MESSAGE, SERVICES, WECOM
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.idempotency import make_idempotency
from tests.support.loop_time import late, turns
from tests.support.wire import until

BODY = {**DEMO, "receiver": "zhangsan", "data": MESSAGE}


async def send(gateway: Gateway, key: str | None = "k", **changes: Any) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    response = await gateway.post({**BODY, **changes}, headers=headers)
    envelope: dict[str, Any] = await response.json()
    return envelope


async def test_a_repetition_gets_the_first_answer_under_its_own_request_id(gateway: Gateway, sandbox: Sandbox) -> None:
    first, second = await send(gateway), await send(gateway)

    assert second["data"] == {**first["data"], "replayed": True}
    assert first["request_id"] != second["request_id"]
    assert "replayed" not in first["data"]
    assert len(await sandbox.messages()) == 1


async def test_concurrent_repetitions_wait_for_the_first(gateway: Gateway, sandbox: Sandbox) -> None:
    answers = await asyncio.gather(*(send(gateway) for _ in range(20)))

    assert len(await sandbox.messages()) == 1
    assert sum("replayed" not in answer["data"] for answer in answers) == 1
    assert {tuple(answer["data"]["msgids"]) for answer in answers} == {tuple(answers[0]["data"]["msgids"])}


async def test_the_parameter_is_as_good_as_the_header(gateway: Gateway, sandbox: Sandbox) -> None:
    await send(gateway, None, idempotency_key="k")
    answer = await send(gateway)

    assert answer["data"]["replayed"] is True
    assert len(await sandbox.messages()) == 1


async def test_other_content_under_the_same_key_is_refused(gateway: Gateway, sandbox: Sandbox) -> None:
    await send(gateway)
    answer = await send(gateway, receiver="lisi")

    assert answer["code"] == 1306406
    assert "idempotency key" in answer["message"]
    assert len(await sandbox.messages()) == 1


async def test_the_same_arguments_in_another_order_are_the_same_call(gateway: Gateway, sandbox: Sandbox) -> None:
    first, second = {**BODY, "url": "https://a"}, {"url": "https://a", **BODY}
    assert list(first) != list(second)
    second["data"] = dict(reversed(MESSAGE.items()))
    headers = {"Idempotency-Key": "k"}
    answers = [await (await gateway.post(body, headers=headers)).json() for body in (first, second)]

    assert [answer["data"].get("replayed", False) for answer in answers] == [False, True]
    assert len(await sandbox.messages()) == 1


async def test_other_credentials_are_no_other_content(gateway: Gateway, sandbox: Sandbox) -> None:
    await send(gateway)
    answer = await send(gateway, bk_app_secret="next-secret", bk_username="", bk_token="demo-token")

    assert answer["data"]["replayed"] is True


async def test_the_key_of_one_user_is_refused_to_another_under_way_and_kept(awkward: Gateway) -> None:
    async def ask_as(user: str) -> dict[str, Any]:
        body = {**DEMO, "bk_username": user, "what": "slow"}
        response = await awkward.post(body, "odd/awkward", {"Idempotency-Key": "k"})
        envelope: dict[str, Any] = await response.json()
        return envelope

    answers = list(await asyncio.gather(ask_as("admin"), ask_as("zhangsan")))
    answers.append(await ask_as("zhangsan" if answers[0]["result"] else "admin"))

    told = sorted((answer["code"], (answer["data"] or {}).get("handled")) for answer in answers[:2])
    assert told == [(0, 1), (1306406, None)]
    assert (answers[2]["code"], answers[2]["data"]) == (1306406, None)
    assert "of another user" in answers[2]["message"]


async def test_another_key_and_no_key_are_other_messages(gateway: Gateway, sandbox: Sandbox) -> None:
    for key in ("k", "l", None, None):
        await send(gateway, key)

    assert len(await sandbox.messages()) == 4


async def test_a_call_that_sent_nothing_is_not_remembered(gateway: Gateway, sandbox: Sandbox) -> None:
    refused = await send(gateway, receiver="nobody")
    again = await send(gateway, receiver="zhangsan")

    assert refused["result"] is False
    assert again["result"] is True
    assert "replayed" not in again["data"]


async def test_a_partial_failure_is_remembered_as_it_was_told(gateway: Gateway, sandbox: Sandbox) -> None:
    first = await send(gateway, receiver="zhangsan,nobody")
    second = await send(gateway, receiver="zhangsan,nobody")

    assert first["result"] is False
    assert first["data"]["accepted"] == ["zhangsan"]
    assert (second["message"], second["data"]) == (first["message"], {**first["data"], "replayed": True})
    assert len(await sandbox.messages()) == 1


async def test_a_dry_run_neither_uses_nor_makes_an_answer(gateway: Gateway, sandbox: Sandbox) -> None:
    dry = await send(gateway, dry_run=True)
    real = await send(gateway)

    assert dry["data"]["dry_run"] is True
    assert real["data"]["accepted"] == ["zhangsan"]
    assert "replayed" not in real["data"]


async def test_a_key_that_is_too_long_is_refused(gateway: Gateway) -> None:
    assert (await send(gateway, "k" * 300))["code"] == 1306406


async def test_a_component_that_does_not_send_ignores_the_key(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway("  - {path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}\n")
    answers = [
        await (await gateway.post(dict(DEMO), "cmsi/get_msg_type", {"Idempotency-Key": "k"})).json() for _ in range(2)
    ]

    assert answers[0]["data"] == answers[1]["data"]
    assert isinstance(answers[0]["data"], list)


@dataclass
class Receipt:
    price: Decimal
    call: str


class Awkward(Component[Any, Free]):
    """Sends, and then does what `what` says. It tells how often it was called."""

    params_type = Free
    sends = True
    handled = 0

    async def handle(self, call: Call, params: Free) -> Any:
        self.handled += 1
        call.record.sent = True
        what = call.args.get("what")
        if what == "crash":
            raise ZeroDivisionError
        if what == "hang":
            await asyncio.Event().wait()
        if what == "slow":
            await turns(50)
        if what == "envelope":
            return Envelope(result=True, message="fine", data=[1], total=7)
        if what == "reply":
            return Reply(200, {"Content-Type": "text/csv"}, b"a,b")
        if what == "dataclass":
            return Receipt(Decimal("1.10"), call.id)
        if what == "group":
            raise ExceptionGroup("several", [ExceptionGroup("one", [Limited("too much", 3)])])
        if what == "unwritable":
            return {1, 2}
        if what == "marked":
            return {
                "$message": "not a text of ours",
                "deep": [{"$message": ["{a}", {"a": 1}]}],
                "handled": self.handled,
            }
        return {"handled": self.handled}


@pytest.fixture
async def awkward(open_gateway: OpenGateway) -> Gateway:
    return await open_gateway(
        '  - {path: /odd/awkward/, use: "tests.delivery.test_idempotency:Awkward", timeout: 20}\n'
    )


async def ask(gateway: Gateway, what: str, key: str = "k") -> dict[str, Any]:
    response = await gateway.post({**DEMO, "what": what}, "odd/awkward", {"Idempotency-Key": key})
    envelope: dict[str, Any] = await response.json()
    return envelope


def in_flight(gateway: Gateway) -> set[asyncio.Task[Any]]:
    return gateway.app[GATEWAY].ingress.in_flight


async def test_a_crash_after_a_message_is_no_reason_to_send_it_again(awkward: Gateway) -> None:
    first, second = await ask(awkward, "crash"), await ask(awkward, "crash")

    assert (second["code"], second["message"]) == (first["code"], first["message"])
    assert second["data"] == {"outcome": "unknown", "retryable": False, "replayed": True}


async def test_a_group_of_errors_is_kept_as_its_first_error_for_callers(awkward: Gateway) -> None:
    first, second = await ask(awkward, "group"), await ask(awkward, "group")

    assert (first["code"], first["message"]) == (second["code"], second["message"]) == (1306429, "too much")
    assert second["data"] == {"retry_after": 3, "replayed": True}
    assert [event for event in awkward.events if isinstance(event, Crashed)] == []


async def test_an_answer_that_json_has_not_of_itself_is_kept_as_it_was_written(awkward: Gateway) -> None:
    first, second = await ask(awkward, "dataclass"), await ask(awkward, "dataclass")

    assert first["data"] == {"price": "1.10", "call": first["request_id"]}
    assert second["data"] == {**first["data"], "replayed": True}


async def test_a_call_that_was_cut_off_is_told_as_unknown(awkward: Gateway) -> None:
    asking = asyncio.gather(ask(awkward, "hang"), ask(awkward, "hang"))
    first, second = await late(20 + LAST_SECONDS, asking, until(lambda: len(in_flight(awkward)) == 2))
    third = await ask(awkward, "hang")

    assert (first["code"], second["code"]) == (1306201, 1306201)
    assert first["data"] == {"outcome": "unknown", "retryable": False}
    assert second["data"] == {**first["data"], "replayed": True}
    assert (third["code"], third["data"]) == (1306201, {"outcome": "unknown", "retryable": False, "replayed": True})


async def test_a_caller_who_leaves_finds_the_answer_when_it_comes_back(awkward: Gateway) -> None:
    leaving = asyncio.create_task(ask(awkward, "slow"))
    await until(lambda: bool(in_flight(awkward)))
    leaving.cancel()
    answer = await ask(awkward, "slow")

    assert (answer["data"]["handled"], answer["data"]["replayed"]) == (1, True)


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("envelope", {"result": True, "message": "fine", "data": [1], "total": 7}),
        ("reply", {"result": True, "data": {"replayed": True}}),
        (
            "unwritable",
            {
                "result": False,
                "code": 1306000,
                "data": {"outcome": "unknown", "retryable": False, "replayed": True},
            },
        ),
    ],
)
async def test_every_kind_of_answer_is_remembered(awkward: Gateway, what: str, told: dict[str, Any]) -> None:
    await awkward.post({**DEMO, "what": what}, "odd/awkward", {"Idempotency-Key": "k"})
    answer = await ask(awkward, what)

    assert {key: answer[key] for key in told} == told


async def test_data_that_looks_like_the_gateways_own_marks_comes_back_as_it_was(awkward: Gateway) -> None:
    first, second = await ask(awkward, "marked"), await ask(awkward, "marked")

    assert second["data"] == {**first["data"], "replayed": True}


async def test_a_repetition_is_told_in_its_own_language(gateway: Gateway, sandbox: Sandbox) -> None:
    body = {**BODY, "receiver": "zhangsan,nobody"}
    await gateway.post(body, headers={"Idempotency-Key": "k"})
    second = await (await gateway.post(body, headers={"Idempotency-Key": "k", "Blueking-Language": "zh-hans"})).json()

    assert second["message"].startswith("微信")
    assert second["data"]["replayed"] is True


@pytest.mark.parametrize("key", ["键", "k" * 255, 7])
async def test_a_key_may_be_any_text(gateway: Gateway, sandbox: Sandbox, key: Any) -> None:
    answers = [await send(gateway, None, idempotency_key=key) for _ in range(2)]

    assert [answer["data"].get("replayed", False) for answer in answers] == [False, True]


@pytest.mark.parametrize("key", [True, ["k"], {"k": 1}, 10**300])
async def test_a_key_that_is_no_text_is_refused(gateway: Gateway, key: Any) -> None:
    assert (await send(gateway, None, idempotency_key=key))["code"] == 1306406


async def test_when_the_first_call_sends_nothing_the_next_one_tries(gateway: Gateway, sandbox: Sandbox) -> None:
    await sandbox.post("faults", {"match": {"path": "/cgi-bin/gettoken"}, "action": {"errcode": 99999}, "times": 1})
    answers = await asyncio.gather(*(send(gateway) for _ in range(10)))

    assert sum(not answer["result"] for answer in answers) == 1
    assert sum("replayed" in (answer["data"] or {}) for answer in answers) == 8
    assert len(await sandbox.messages()) == 1


async def test_one_apps_key_is_not_anothers(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    config = SERVICES.replace(
        "- {code: no_users", "- {code: second, secrets: [s], impersonate: ['*']}\n        - {code: no_users"
    )
    gateway = await open_gateway(config=f"{config}components:\n{WECOM}", sandbox_url=sandbox.url)
    await send(gateway)
    other = await send(gateway, bk_app_code="second", bk_app_secret="s", receiver="lisi")

    assert other["data"]["accepted"] == ["lisi"]


async def test_send_msg_remembers_once_for_itself_and_the_channel(open_gateway: OpenGateway, sandbox: Sandbox) -> None:
    gateway = await open_gateway(WECOM + "  - {path: /cmsi/send_msg/, use: cmsi_send_msg}\n", sandbox_url=sandbox.url)
    params = {"msg_type": "weixin", "receiver__username": "admin", "title": "T", "content": "C"}
    answers = [
        await (await gateway.post({**DEMO, **params}, "cmsi/send_msg", {"Idempotency-Key": "k"})).json()
        for _ in range(2)
    ]

    assert answers[1]["data"] == {**answers[0]["data"], "replayed": True}
    assert (await send(gateway))["data"].get("replayed") is None  # the channel itself has not used the key
    assert len(await sandbox.messages()) == 2


async def test_a_repetition_that_comes_just_as_the_first_call_ends_is_answered() -> None:
    clock = Clock()
    idempotency = make_idempotency(MemoryStore(clock, 1000))
    call = make_call(options=Options(idempotency_key="k"))

    async def handler(call: Call) -> Any:
        call.record.sent = distance % 2 == 0
        return {"handled": True}

    async def later(number: int) -> Any:
        await turns(number)
        return await idempotency(call, handler)

    async with asyncio.timeout(30):
        for distance in range(20):
            answers = await asyncio.gather(later(0), later(distance), later(distance))
            assert len(answers) == 3
            call = make_call(options=Options(idempotency_key=f"k{distance}"))
    assert idempotency.under_way == set()


@pytest.mark.parametrize(
    ("error", "told"),
    [(ZeroDivisionError(), [("/cmsi/send_weixin/", "ZeroDivisionError")]), (EsbError("no"), []), (None, [])],
    ids=["a bug", "an error", "no error"],
)
async def test_a_crash_after_its_caller_has_left_is_told_all_the_same(
    error: Exception | None, told: list[tuple[str, str]]
) -> None:
    events: list[Event] = []
    idempotency = make_idempotency(MemoryStore(Clock(), 1000), Observer([events.append]))
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def handler(call: Call) -> Any:
        begun.set()
        await go_on.wait()
        if error is not None:
            raise error

    call = make_call(options=Options(idempotency_key="k"))
    leaving = asyncio.ensure_future(idempotency(call, handler))
    await begun.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    go_on.set()
    await asyncio.gather(*idempotency.under_way)
    await asyncio.sleep(0)

    assert [(event.doing, event.kind) for event in events if isinstance(event, Crashed)] == told
    assert len(events) == len(told) + 1  # and that the key is not protected


async def test_a_call_that_the_relay_refused_is_no_call_to_remember(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    asked: list[Any] = []

    async def handle(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.json_response({"result": len(asked) > 1, "message": "not yet", "data": None})

    app = web.Application()
    app.router.add_post("/", handle)
    url = await open_server(app)
    gateway = await open_gateway(f"  - {{path: /cmsi/send_sms/, use: cmsi_send_sms, config: {{dest_url: '{url}/'}}}}\n")
    body = {**DEMO, "receiver": "13800000000", "content": "C"}
    answers = [await (await gateway.post(body, "cmsi/send_sms", {"Idempotency-Key": "k"})).json() for _ in range(3)]

    assert [answer["result"] for answer in answers] == [False, True, True]
    assert [answer["data"].get("replayed", False) for answer in answers] == [False, False, True]
    assert len(asked) == 2
