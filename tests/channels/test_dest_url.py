from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from esb.channels.dest_url import Relay as RelayService
from esb.channels.dest_url import relay_said, relay_target, relayed, unfinished
from esb.channels.outcome import DeliveryOutcome, Failure
from esb.channels.recipients import Rehearsal, addressed
from esb.core.call import Options
from esb.core.errors import Limited, Message, UpstreamError
from esb.core.events import Observer
from esb.outgoing.client import Outgoing
from tests.support.calls import make_call
from tests.support.gateway import OpenServer
from tests.support.servers.tencent import Relay

TARGET = relay_target("send_sms")


@pytest.fixture
async def http() -> AsyncIterator[Outgoing]:
    out = Outgoing(Observer())
    out.open()
    yield out
    await out.close()


async def test_a_dry_run_tells_what_would_be_handed_over_and_not_to_whom() -> None:
    relay = RelayService(Outgoing(Observer()), TARGET, "http://secret.example/", failed="no", some_users="some")
    assert relay
    call = make_call(options=Options(dry_run=True))
    assert await relay.send(call, addressed(["a"]), {"content": "C"}) == Rehearsal(
        addressed(["a"]), [(("a",), "dest_url", {"content": "C"})]
    )
    assert not RelayService(Outgoing(Observer()), TARGET, "", failed="no", some_users="some")


async def test_an_accepted_message_was_sent(http: Outgoing, open_server: OpenServer) -> None:
    service = Relay({"result": True, "data": {"id": 7}})
    call = make_call()
    url = f"{await open_server(service.application())}/relay"
    reached = await relayed(http, call, TARGET, url, {"content": "你好"}, ["a", "b"])
    assert reached == DeliveryOutcome(accepted=("a", "b"), answered={"id": 7})
    assert (service.messages, call.record.sent) == ([{"content": "你好"}], True)


@pytest.mark.parametrize(
    ("answer", "kind"), [({"result": True}, "ok"), ({"result": False}, "unknown"), ({}, "unknown")]
)
def test_what_a_service_says_is_success_or_not_known(answer: dict[str, Any], kind: str) -> None:
    assert TARGET.judge is not None
    assert TARGET.judge(answer) == kind


@pytest.mark.parametrize(
    ("answer", "sent"), [({"result": False}, False), ({"result": 0, "code": 7}, False), ({"code": 7}, True)]
)
async def test_only_the_services_own_no_leaves_no_doubt(
    http: Outgoing, open_server: OpenServer, answer: dict[str, Any], sent: bool
) -> None:
    call = make_call()
    await relayed(http, call, TARGET, await open_server(Relay(answer).application()) + "/relay", {}, ["a"])
    assert call.record.sent is sent


async def test_an_answer_without_a_result_leaves_open_who_got_the_message(
    http: Outgoing, open_server: OpenServer
) -> None:
    url = f"{await open_server(Relay({'code': 7}).application())}/relay"
    reached = await relayed(http, make_call(), TARGET, url, {}, ["a"])
    assert (reached.accepted, reached.failed, reached.unknown) == ((), (), ("a",))
    error = reached.error
    assert isinstance(error, UpstreamError)
    assert (error.system, error.interface) == ("CMSI", "send_sms")
    assert str(error.reason) == "the response holds no result that can be read"


async def test_a_refusal_shows_nothing_of_the_address(http: Outgoing, open_server: OpenServer) -> None:
    service = Relay({"result": False, "code": "E 1", "message": ""})
    url = f"{await open_server(service.application())}/relay?key=hook%2Bkey&v=1"
    service.answer["message"] = f"relay v1 cannot serve {url} for hook+key or hook%2Bkey"
    reached = await relayed(http, make_call(), TARGET, url, {}, ["a"])
    assert reached.failed == (Failure("a", -1, "relay v1 cannot serve for *** or ***"),)


@pytest.mark.parametrize(
    ("path", "told", "shown"),
    [
        ("relay/0123456789abcdef/x", "no hook 0123456789abcdef here", "no hook *** here"),
        ("relay/0123456789abcde/", "no hook 0123456789abcde here", "no hook 0123456789abcde here"),
        ("relay?key=words", "no words", "no ***"),
        ("relay?key=word", "no word", "no word"),
        ("relay?key=word", "no /relay?key=word", "no ***"),
    ],
)
async def test_a_key_in_the_address_is_told_to_nobody_and_a_word_may_be(
    http: Outgoing, open_server: OpenServer, path: str, told: str, shown: str
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.json_response({"result": False, "code": 7, "message": told})

    app = web.Application()
    app.router.add_post("/{path:.*}", refuse)
    reached = await relayed(http, make_call(), TARGET, f"{await open_server(app)}/{path}", {}, ["a"])
    assert [(failure.errcode, failure.errmsg) for failure in reached.failed] == [(7, shown)]


async def test_a_service_that_is_down_was_sent_nothing(http: Outgoing, unused_tcp_port: int) -> None:
    call = make_call()
    reached = await relayed(http, call, TARGET, f"http://127.0.0.1:{unused_tcp_port}/", {}, ["a"])
    assert (len(reached.failed), reached.unknown, call.record.sent) == (1, (), False)
    assert (TARGET.system, TARGET.interface) == ("CMSI", "send_sms")


@pytest.mark.parametrize(("header", "seconds"), [({"Retry-After": "7"}, 7.0), ({}, 1.0)])
async def test_a_service_that_takes_no_more_for_now_was_sent_nothing_and_says_when_to_come_again(
    http: Outgoing, open_server: OpenServer, header: dict[str, str], seconds: float
) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=429, text="slow down", headers=header)

    app = web.Application()
    app.router.add_post("/relay", refuse)
    call = make_call()
    reached = await relayed(http, call, TARGET, f"{await open_server(app)}/relay", {}, ["a"])
    assert [(failure.kind, failure.retry_after) for failure in reached.failed] == [("quota", seconds)]
    assert (reached.unknown, call.record.sent) == ((), False)


async def test_a_full_way_out_was_sent_nothing(open_server: OpenServer) -> None:
    out = Outgoing(Observer(), max_per_target=0)
    out.open()
    call = make_call()
    reached = await relayed(out, call, TARGET, await open_server(Relay().application()), {}, ["a"])
    assert isinstance(reached.error, Limited)
    assert not call.record.sent
    await out.close()


def test_the_services_own_words_are_told_and_the_channels_where_it_has_none() -> None:
    def said(failure: Failure) -> str:
        return relay_said("failed", addressed(["a"]), DeliveryOutcome(failed=(failure,))).render()

    assert said(Failure("a", 1, "no credit")) == "no credit"
    assert said(Failure("a", 1, "")) == "failed"
    assert said(Failure("a", None, Message("down"))) == "failed"


def test_what_is_not_configured_is_named() -> None:
    error = unfinished(["a", "b"])
    assert str(error).endswith("the operator has to configure dest_url, or else a, b")
    assert error.data == {"username_check": {"invalid": []}}
