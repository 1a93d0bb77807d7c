"""One WeChat credential against a small server: what is asked of WeChat, and when."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from esb.channels.account import Account
from esb.channels.message import OutboundMessage
from esb.channels.outcome import DeliveryOutcome, DeliveryReport
from esb.channels.pacing import Pace
from esb.channels.recipients import addressed
from esb.channels.sending import Sending, deliver
from esb.channels.verdict import CredentialDeclined, Declined, JudgedAnswer
from esb.channels.wechat.account import INVALID_RECEIVER, TO_USER
from esb.channels.wechat.official_account import OfficialAccount
from esb.channels.wechat.wecom_app import WeCom
from esb.channels.wechat.wording import WORDING
from esb.contracts.services import ProcessServices
from esb.core.call import Call
from esb.core.errors import EsbError, UpstreamError
from esb.core.events import Event, Observer, UpstreamFinished
from esb.outgoing.tokens.cache import TokenCache, TokenKey, TokenRefused
from tests.support.calls import make_call
from tests.support.clock import Clock
from tests.support.gateway import OpenServer
from tests.support.process_services import open_process_services
from tests.support.servers.raw_server import raw_server, silent

SECRET = "s+e/c=r&e t"
BODY = {"msgtype": "text", "agentid": 1, "text": {"content": "C"}}


class WeChat:
    """Both platforms: writes down what it is asked, gives out one token after another, accepts every message."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.fetch_answer: dict[str, Any] | None = None
        self.send_answers: list[dict[str, Any]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.tokens = 0

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        self.asked.append((request.method, request.path, dict(request.query), body))
        if request.path.endswith("token"):
            await self.open.wait()
            self.tokens += 1
            given = {"errcode": 0, "errmsg": "ok", "access_token": f"token {self.tokens}", "expires_in": 7200}
            return web.json_response(self.fetch_answer or given)
        answer = self.send_answers.pop(0) if self.send_answers else {"errcode": 0, "errmsg": "ok", "msgid": "1"}
        return web.json_response(answer)

    def used(self) -> list[str]:
        """The tokens of the sends, in order."""
        return [query["access_token"] for _, path, query, _ in self.asked if path.endswith("/send")]


@pytest.fixture
def wechat() -> WeChat:
    return WeChat()


@pytest.fixture
async def host(wechat: WeChat, open_server: OpenServer) -> str:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", wechat.handle)
    return await open_server(app)


class World:
    """The services and the clock that accounts are given."""

    def __init__(self, services: ProcessServices, clock: Clock) -> None:
        self.services = services
        self.clock = clock

    def wecom(self, host: str, **changes: Any) -> WeCom:
        options = {"host": host, "account": "ww0000000000000001", "secret": SECRET, **changes}
        return WeCom(self.services, **options)

    def official_account(self, host: str, kind: str) -> OfficialAccount:
        return OfficialAccount(self.services, host=host, account="wx0000000000000001", secret=SECRET, kind=kind)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    clock = Clock()
    async with open_process_services(clock) as services:
        yield World(services, clock)


MESSAGE = OutboundMessage(("zhangsan",), "/cgi-bin/message/send", [BODY], {}, TO_USER, deduplicated=True)


async def send(account: Account, call: Call | None = None, message: OutboundMessage = MESSAGE) -> JudgedAnswer:
    return await account.post(call or make_call(), message)


async def test_wecom_is_asked_for_a_token_and_then_to_send(world: World, wechat: WeChat, host: str) -> None:
    reply = await send(world.wecom(host))
    assert (reply.verdict.errcode, reply.body["msgid"]) == (0, "1")
    assert wechat.asked == [
        ("GET", "/cgi-bin/gettoken", {"corpid": "ww0000000000000001", "corpsecret": SECRET}, None),
        ("POST", "/cgi-bin/message/send", {"access_token": "token 1"}, {"touser": "zhangsan", **BODY}),
    ]


async def test_the_stable_token_of_an_official_account_is_asked_for_in_a_body(
    world: World, wechat: WeChat, host: str
) -> None:
    await send(world.official_account(host, "stable"))
    credential = {"grant_type": "client_credential", "appid": "wx0000000000000001", "secret": SECRET}
    assert wechat.asked[0] == ("POST", "/cgi-bin/stable_token", {}, credential)


async def test_the_plain_token_of_an_official_account_is_asked_for_in_a_query(
    world: World, wechat: WeChat, host: str
) -> None:
    await send(world.official_account(host, "plain"))
    credential = {"grant_type": "client_credential", "appid": "wx0000000000000001", "secret": SECRET}
    assert wechat.asked[0] == ("GET", "/cgi-bin/token", credential, None)


async def test_a_slash_behind_the_host_does_no_harm(world: World, wechat: WeChat, host: str) -> None:
    await send(world.wecom(f"{host}/"))
    assert [path for _, path, _, _ in wechat.asked] == ["/cgi-bin/gettoken", "/cgi-bin/message/send"]


async def test_a_host_may_have_a_path_of_its_own(world: World, wechat: WeChat, host: str) -> None:
    await send(world.wecom(f"{host}/proxy/x/"))
    assert wechat.asked[0][1] == "/proxy/x/cgi-bin/gettoken"


async def test_accounts_share_a_token_only_if_all_of_the_credential_is_the_same(
    world: World, wechat: WeChat, host: str
) -> None:
    for account in (
        world.wecom(host),
        world.wecom(host),
        world.wecom(host, secret="another"),
        world.wecom(host, account="ww0000000000000002"),
        world.wecom(f"{host}/proxied"),
        world.wecom(host, borrowed=True),
    ):
        await send(account)
    assert wechat.used() == ["token 1", "token 1", "token 2", "token 3", "token 4", "token 5"]


def test_a_credential_that_came_with_a_call_names_the_parameter_it_came_in(world: World) -> None:
    names = [world.wecom("http://a", borrowed=borrowed).key.secret_parameter for borrowed in (False, True)]
    assert names == ["", "wx_qy_corpsecret"]


async def test_a_warning_beside_code_0_is_no_plain_success(world: World, wechat: WeChat, host: str) -> None:
    wechat.send_answers = [{"errcode": 0, "errmsg": errmsg} for errmsg in ("ok", "Warning: wrong json format. ")]
    account = world.wecom(host)
    assert [(await send(account)).verdict.kind for _ in range(2)] == ["ok", "message"]


def test_a_token_of_wecom_outlives_the_next_fetch(world: World) -> None:
    assert not world.wecom("http://h").key.exclusive


def test_the_key_of_a_token_does_not_hold_the_secret(world: World) -> None:
    account = world.wecom("https://qyapi.weixin.qq.com")
    assert SECRET not in repr(account) + repr(account.key) + account.key.secret_digest


@pytest.mark.parametrize(
    ("answer", "errcode"),
    [
        ({"errcode": "0", "errmsg": "ok", "msgid": "1"}, 0),
        ({"errcode": "81013", "errmsg": "user & party & tag all invalid"}, 81013),
        ({"errcode": "-1", "errmsg": "busy"}, -1),
        ({"msgid": 1}, 0),
    ],
)
async def test_a_code_may_be_written_as_text_or_be_missing_beside_a_message_id(
    world: World, wechat: WeChat, host: str, answer: dict[str, Any], errcode: int
) -> None:
    wechat.send_answers = [answer] * 3
    assert (await send(world.wecom(host))).verdict.errcode == errcode


@pytest.mark.parametrize("errcode", ["", "ok", "1.0", 1.5, True, None])
async def test_a_code_that_is_no_number_is_no_answer_of_wechat(
    world: World, wechat: WeChat, host: str, errcode: Any
) -> None:
    more = {} if errcode is None else {"msgid": 1}
    wechat.send_answers = [{"errcode": errcode, "errmsg": "ok", **more}]
    with pytest.raises(UpstreamError, match="no errcode that is a number") as caught:
        await send(world.wecom(host), message=replace(MESSAGE, deduplicated=False))
    assert (caught.value.http_status, caught.value.sent) == (200, True)


@pytest.mark.parametrize(
    ("answer", "accepted", "failed", "unknown", "msgids"),
    [
        ({"msgid": 7}, ("a", "B"), [], (), ("7",)),
        ({"msgid": ""}, ("a", "B"), [], (), ()),
        ({}, ("a", "B"), [], (), ()),
        ({"invaliduser": " b |", "unlicenseduser": "A"}, (), ["a", "B"], (), ()),
        ({"unlicenseduser": "A", "msgid": "1"}, ("B",), ["a"], (), ("1",)),
        ({"invaliduser": "c"}, (), [], ("a", "B"), ()),
        ({"invaliduser": ["a"]}, ("B",), ["a"], (), ()),
        ({"invaliduser": [["a"]]}, (), [], ("a", "B"), ()),
    ],
)
async def test_who_gets_nothing_is_told_apart_from_who_does(
    world: World,
    wechat: WeChat,
    host: str,
    answer: dict[str, Any],
    accepted: tuple[str, ...],
    failed: list[str],
    unknown: tuple[str, ...],
    msgids: tuple[str, ...],
) -> None:
    wechat.send_answers = [{"errcode": 0, "errmsg": "ok", **answer}]
    account = world.wecom(host)
    outcome = account.outcome(("a", "B"), await send(account))
    assert [(failure.receiver, failure.errcode, failure.kind) for failure in outcome.failed] == [
        (receiver, INVALID_RECEIVER, "receiver") for receiver in failed
    ]
    assert (outcome.accepted, outcome.msgids, outcome.unknown) == (accepted, msgids, unknown)
    assert (outcome.refusal.kind if outcome.refusal else "") == ("unknown" if unknown else "")


@pytest.mark.parametrize(("token", "usable"), [({}, True), ({"expires_in": 0}, False), ({"access_token": ""}, False)])
async def test_a_token_may_live_for_one_second_and_not_for_none(
    world: World, wechat: WeChat, host: str, token: dict[str, Any], usable: bool
) -> None:
    wechat.fetch_answer = {"errcode": 0, "errmsg": "ok", "access_token": "t", "expires_in": 1, **token}
    if usable:
        await send(world.wecom(host))
        assert wechat.used() == ["t"]
    else:
        with pytest.raises(UpstreamError, match="no usable access_token") as caught:
            await send(world.wecom(host))
        assert (caught.value.sent, caught.value.transient) == (False, True)


@pytest.mark.parametrize("errcode", [40001, 40014, 42001, "42001"])
async def test_a_dead_token_is_replaced_and_the_message_sent_again(
    world: World, wechat: WeChat, host: str, errcode: int | str
) -> None:
    wechat.send_answers = [{"errcode": errcode, "errmsg": "dead"}]
    assert (await send(world.wecom(host))).verdict.errcode == 0
    assert wechat.used() == ["token 1", "token 2"]


async def test_while_a_quota_is_used_up_nobody_is_ready(world: World, wechat: WeChat, host: str) -> None:
    account = world.wecom(host)
    await send(account)
    assert await account.ready(make_call()) is not None
    wechat.send_answers = [{"errcode": 45009, "errmsg": "freq out of limit"}]
    await send(account)
    with pytest.raises(Declined) as caught:
        await account.ready(make_call())
    assert (caught.value.verdict.errcode, caught.value.verdict.retry_after) == (45009, 60.0)
    assert (await send(account)).verdict.retry_after == 60.0


async def test_a_quota_is_that_of_one_credential_of_one_platform(world: World, wechat: WeChat, host: str) -> None:
    wechat.send_answers = [{"errcode": 45009, "errmsg": "freq out of limit"}]
    await send(world.wecom(host))
    assert await world.wecom(host).gate.closed() is not None
    elsewhere = OfficialAccount(world.services, host=host, account="ww0000000000000001", secret=SECRET)
    for other in (world.wecom(host, account="ww2"), world.wecom(host, secret="another"), elsewhere):
        assert await other.gate.closed() is None


async def test_what_is_known_of_everybody_stays_known_when_time_is_over(world: World) -> None:
    accepted = DeliveryOutcome(accepted=("zhangsan",), msgids=("1",))
    messages = [MESSAGE, MESSAGE.to(["lisi"]), MESSAGE.to(["wangwu"])]
    sending = Sending(world.wecom("http://a"), make_call())
    sending._outcomes.append(accepted)
    assert sending.cut_off(messages[:1]) == accepted
    sending._waiting.add("wangwu")
    outcome = sending.cut_off(messages)
    assert (outcome.accepted, outcome.msgids, outcome.unknown) == (("zhangsan",), ("1",), ())
    sending._call.record.sent = True
    outcome = sending.cut_off(messages)
    assert (outcome.unknown, [failure.receiver for failure in outcome.failed]) == (("lisi",), ["wangwu"])


async def test_a_token_that_was_at_hand_is_proven_by_the_first_message(world: World, wechat: WeChat, host: str) -> None:
    account = world.wecom(host)
    assert await account.ready(make_call()) is None  # it is fetched
    entry = await account.ready(make_call())
    assert entry is not None
    assert not entry.proven
    await account.post(make_call(), MESSAGE, 0, entry)
    assert entry.proven


async def test_whoever_has_no_turn_yet_looks_for_one_after_times_that_double(
    world: World, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = world.services.store
    pace = Pace(store, "app", 1, "too many")
    await pace.turns(make_call(timeout=30), [MESSAGE])  # and nobody hears of it again
    began, looks = world.clock.now, []
    reserve = store.reserve

    async def looked_at(*keys: Any, **permits: Any) -> Any:
        looks.append(world.clock.now - began)
        return await reserve(*keys, **permits)

    monkeypatch.setattr(store, "reserve", looked_at)
    call = make_call(timeout=92)
    report = await deliver(world.wecom(host), call, addressed(["zhangsan"]), [MESSAGE], WORDING, pace=pace)
    assert isinstance(report, DeliveryReport)
    assert report.outcome.accepted == ("zhangsan",)
    assert [round(look) for look in looks] == [0, 1, 3, 7, 15]


async def test_a_busy_platform_is_asked_again_after_pauses_that_grow(world: World, wechat: WeChat, host: str) -> None:
    wechat.send_answers = [{"errcode": -1, "errmsg": "system busy"}] * 3
    account, before = world.wecom(host), world.clock.now
    pauses: list[float] = []
    for tries in (1, 2):
        assert await account._another_try(make_call(), tries)
        pauses.append(world.clock.now - before - sum(pauses))
    assert [0.2 <= pauses[0] <= 0.4, 0.4 <= pauses[1] <= 0.8] == [True, True]
    assert not await account._another_try(make_call(), 3)
    assert (await send(account)).verdict.errcode == -1
    assert len(wechat.used()) == 3


async def test_a_second_dead_token_ends_it(world: World, wechat: WeChat, host: str) -> None:
    wechat.send_answers = [{"errcode": 40014, "errmsg": f"dead {number}"} for number in range(5)]
    reply = await send(world.wecom(host))
    assert (reply.verdict.errcode, reply.verdict.errmsg) == (40014, "dead 1")
    assert wechat.used() == ["token 1", "token 2"]


async def test_tokens_that_are_dead_from_the_start_cost_a_second_then_two_and_the_answer_says_so(
    world: World, wechat: WeChat, host: str
) -> None:
    wechat.send_answers = [{"errcode": 40014, "errmsg": "dead"} for _ in range(6)]
    account = world.wecom(host)
    waits = [(await send(account)).verdict.retry_after for _ in range(2)]
    world.clock.advance(1)
    waits += [(await send(account)).verdict.retry_after]
    assert waits == [1, 1, 2]
    assert wechat.used() == [f"token {number}" for number in (1, 2, 2, 2, 3)]
    world.clock.advance(2)
    assert (await send(account)).verdict.errcode == 0
    assert wechat.used()[5:] == ["token 3", "token 4"]


async def test_a_second_dead_token_ends_it_though_it_works_for_others(
    world: World, wechat: WeChat, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = world.wecom(host)
    wechat.send_answers = [{"errcode": 40014, "errmsg": f"dead {number}"} for number in range(5)]
    forget = world.services.tokens.forget

    async def forget_though_it_works(key: TokenKey, value: str) -> bool:
        world.services.tokens.confirm(key, value)
        return await forget(key, value)

    monkeypatch.setattr(world.services.tokens, "forget", forget_though_it_works)
    assert (await send(account)).verdict.errmsg == "dead 1"
    assert wechat.used() == ["token 1", "token 2"]


@pytest.mark.parametrize("errcode", [1, 40013, 48002, 60020, 81013, 45009, 99999])
async def test_another_refusal_is_answered_as_it_is(world: World, wechat: WeChat, host: str, errcode: int) -> None:
    wechat.send_answers = [{"errcode": errcode, "errmsg": "ok"}]
    assert (await send(world.wecom(host))).verdict.errcode == errcode
    assert wechat.used() == ["token 1"]


async def test_a_refused_credential_is_remembered(world: World, wechat: WeChat, host: str) -> None:
    wechat.fetch_answer = {"errcode": 40001, "errmsg": "invalid credential"}
    for _ in range(3):
        with pytest.raises(TokenRefused, match="invalid credential"):
            await send(world.wecom(host))
    assert len(wechat.asked) == 1


async def test_another_refusal_of_a_token_is_not_remembered(world: World, wechat: WeChat, host: str) -> None:
    wechat.fetch_answer = {"errcode": 99999, "errmsg": "not today"}
    with pytest.raises(EsbError, match="not today"):
        await send(world.wecom(host))
    wechat.fetch_answer = None
    assert (await send(world.wecom(host))).verdict.errcode == 0


@pytest.mark.parametrize("kind", ["", "stable", "plain"])
async def test_a_used_up_quota_of_token_fetches_stops_them_for_a_minute(
    world: World, wechat: WeChat, host: str, kind: str
) -> None:
    account = world.official_account(host, kind) if kind else world.wecom(host)
    wechat.fetch_answer = {"errcode": 45009, "errmsg": "api freq out of limit"}
    for _ in range(3):
        with pytest.raises(EsbError, match="api freq out of limit"):
            await send(account)
    assert len(wechat.asked) == 1
    wechat.fetch_answer = None
    world.clock.advance(59)
    with pytest.raises(EsbError, match="api freq out of limit"):
        await send(account)
    world.clock.advance(1)
    assert (await send(account)).verdict.errcode == 0


async def test_a_used_up_quota_of_token_fetches_does_not_stop_who_has_a_token(
    world: World, wechat: WeChat, host: str
) -> None:
    await send(world.wecom(host))
    wechat.fetch_answer = {"errcode": 45009, "errmsg": "api freq out of limit"}
    world.clock.advance(7199)  # time to refresh ahead
    for _ in range(2):
        assert (await send(world.wecom(host))).verdict.errcode == 0


async def test_what_wechat_says_is_told_without_token_and_secret(world: World, wechat: WeChat, host: str) -> None:
    wechat.send_answers = [{"errcode": 40058, "errmsg": f"bad token 1 and token%201 and {SECRET}"}]
    assert (await send(world.wecom(host))).verdict.errmsg == "bad *** and *** and ***"


async def test_a_call_that_runs_out_of_time_leaves_the_fetch_to_the_next(
    world: World, wechat: WeChat, host: str
) -> None:
    wechat.open.clear()
    call = make_call(timeout=0.05)
    with pytest.raises(UpstreamError) as caught:
        await send(world.wecom(host), call)
    assert (caught.value.interface, caught.value.sent, call.record.sent) == ("get_token", False, False)
    next_one = asyncio.ensure_future(send(world.wecom(host)))
    await asyncio.sleep(0)
    wechat.open.set()
    assert (await next_one).verdict.errcode == 0
    assert wechat.tokens == 1


async def test_a_call_knows_whether_a_message_may_have_left(world: World, wechat: WeChat, host: str) -> None:
    refused, accepted = make_call(), make_call()
    wechat.fetch_answer = {"errcode": -1, "errmsg": "system busy"}
    with pytest.raises(EsbError):
        await send(world.wecom(host), refused)
    wechat.fetch_answer = None
    await send(world.wecom(host), accepted)
    assert (refused.record.sent, accepted.record.sent) == (False, True)


async def test_a_refused_repetition_leaves_open_what_became_of_the_first(
    world: World, wechat: WeChat, host: str
) -> None:
    wechat.send_answers = [{"odd": 1}, {"errcode": 45009, "errmsg": "api freq out of limit"}]
    with pytest.raises(UpstreamError) as caught:
        await send(world.wecom(host))
    assert caught.value.sent
    reply = await send(world.wecom(host))
    assert (reply.verdict.kind, len(wechat.used())) == ("quota", 2)  # and the gate is closed all the same


async def test_what_cannot_be_told_apart_from_its_repetition_is_not_repeated(
    world: World, wechat: WeChat, host: str
) -> None:
    wechat.send_answers = [{"odd": 1}]
    with pytest.raises(UpstreamError) as caught:
        await send(world.wecom(host), message=replace(MESSAGE, deduplicated=False))
    assert (caught.value.sent, len(wechat.used())) == (True, 1)


@pytest.mark.parametrize(
    ("answer", "sent"),
    [
        ({"errcode": 40058, "errmsg": "no"}, False),
        ({"errcode": 0, "errmsg": "ok. Warning: wrong json format."}, True),
        ({"errcode": 40252, "errmsg": "in review"}, True),
    ],
)
async def test_only_what_may_have_left_counts_as_sent(
    world: World, wechat: WeChat, host: str, answer: dict[str, Any], sent: bool
) -> None:
    call = make_call()
    wechat.send_answers = [answer]
    account = world.official_account(host, "stable") if answer["errcode"] == 40252 else world.wecom(host)
    await send(account, call)
    assert call.record.sent is sent


@pytest.mark.parametrize("timeout", [0.9, 30.0])
async def test_whoever_leaves_before_the_time_is_over_gets_no_report(world: World, timeout: float) -> None:
    async with raw_server(silent) as server:
        account = world.wecom(server.url)
        sending = deliver(account, make_call(timeout=timeout), addressed(["zhangsan"]), [MESSAGE], WORDING)
        task = asyncio.ensure_future(sending)
        await server.has_fallen_silent(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(("errcode", "narrow"), [(45033, True), (-1, False)])
async def test_only_too_many_requests_at_once_let_fewer_in(
    world: World, wechat: WeChat, host: str, errcode: int, narrow: bool
) -> None:
    wechat.send_answers = [{"errcode": errcode, "errmsg": "busy"}]
    account = world.wecom(host)
    assert (await send(account)).verdict.errcode == 0
    assert account._bulkhead.enters(make_call())
    assert account._bulkhead.enters(make_call()) is not narrow


async def test_a_refusal_that_another_process_heard_is_that_of_a_fetch(world: World, wechat: WeChat, host: str) -> None:
    wechat.fetch_answer = {"errcode": 40001, "errmsg": "invalid credential"}
    other = TokenCache(world.services.store, Observer(), world.clock)
    for tokens in (world.services.tokens, other):
        account = World(replace(world.services, tokens=tokens), world.clock).wecom(host)
        with pytest.raises(CredentialDeclined) as caught:
            await send(account)
        verdict = caught.value.verdict
        assert (verdict.errcode, verdict.errmsg, verdict.kind) == (40001, "invalid credential", "config")
    assert len(wechat.asked) == 1
    await other.close()


async def test_a_token_that_may_be_too_young_is_tried_again_once_and_replaced_once(
    world: World, wechat: WeChat, host: str
) -> None:
    wechat.send_answers = [{"errcode": 40001, "errmsg": "invalid credential"}] * 9
    before = world.clock.now
    reply = await send(world.official_account(host, "stable"))
    assert (reply.verdict.errcode, reply.verdict.kind) == (40001, "token")
    assert wechat.used() == ["token 1", "token 1", "token 2"]
    assert world.clock.now - before == 0.5


async def test_a_failure_names_the_platform_and_its_interface(world: World, wechat: WeChat, host: str) -> None:
    for account, names in (
        (world.wecom(host), ("weixin_qy", "send_message")),
        (world.official_account(host, "stable"), ("weixin_mp", "send_msg_with_tpl")),
    ):
        wechat.send_answers = [{"errcode": "none"}] * 3
        with pytest.raises(UpstreamError) as caught:
            await send(account)
        assert (caught.value.system, caught.value.interface) == names


async def test_the_log_is_told_the_status_of_each_answer(wechat: WeChat, host: str) -> None:
    clock, events = Clock(), list[Event]()
    async with open_process_services(clock, Observer([events.append])) as services:
        await send(World(services, clock).wecom(host))
    assert [event.status for event in events if isinstance(event, UpstreamFinished)] == [200, 200]
