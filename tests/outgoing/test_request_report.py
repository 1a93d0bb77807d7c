"""A call's record tells whether a message may have left, by what became of the requests that carry one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest

from esb.core.call import Call
from esb.core.errors import Limited, UpstreamError
from esb.core.events import Event, Observer, UpstreamFinished
from esb.outgoing.client import Outgoing, RequestReport, Target
from esb.outgoing.engine import Engine
from tests.support.calls import make_call
from tests.support.engines import ENGINES
from tests.support.loop_time import movable_loop_time
from tests.support.servers.raw_server import RawServer, Script, answering, raw_server, silent

SEND = Target("chat", "send", sends=True)


def is_full(answer: Mapping[str, Any]) -> bool:
    return answer.get("errcode") == 7


PICKY = Target("chat", "send", sends=True, refuses=is_full)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.param()
    return made


@pytest.fixture
async def outgoing(engine: Engine) -> AsyncIterator[Outgoing]:
    opened = Outgoing(Observer(), max_per_target=1, engine=engine)
    opened.open()
    yield opened
    await opened.close()


async def server(opened: AsyncExitStack, script: Script) -> RawServer:
    return await opened.enter_async_context(raw_server(script))


@pytest.mark.parametrize(
    ("target", "body", "sent"),
    [
        (SEND, b'{"errcode":0}', True),
        (SEND, b'{"errcode":"0"}', True),
        (SEND, b'{"errcode":"8"}', False),
        (SEND, b'{"code":0}', True),
        (SEND, b'{"code":8}', False),
        (SEND, b'{"result":true,"code":8}', True),
        (SEND, b'{"odd":1}', True),
        (SEND, b'{"result":false}', False),
        (SEND, b'{"errcode":8}', False),
        (PICKY, b'{"errcode":7}', False),
        (PICKY, b'{"errcode":8}', True),
        (Target("chat", "ask"), b'{"errcode":0}', False),
    ],
)
async def test_an_answer_leaves_no_doubt_only_if_it_is_a_no(
    outgoing: Outgoing, opened: AsyncExitStack, target: Target, body: bytes, sent: bool
) -> None:
    call = make_call()
    await outgoing.json(call, target, "POST", (await server(opened, answering(body))).url, body={})
    assert call.record.sent is sent


@pytest.mark.parametrize(
    ("body", "errcode", "kind"),
    [
        (b'{"errcode":0}', 0, "ok"),
        (b'{"result":true,"code":7}', 7, "ok"),
        (b'{"errcode":"8"}', "8", "unknown"),
        (b'{"result":false,"code":0}', 0, "unknown"),
        (b'{"odd":1}', None, "ok"),
    ],
)
async def test_what_nobody_judges_is_well_or_not_known(
    opened: AsyncExitStack, body: bytes, errcode: int | str | None, kind: str
) -> None:
    events: list[Event] = []
    outgoing = Outgoing(Observer([events.append]))
    outgoing.open()
    await outgoing.json(make_call(), SEND, "POST", (await server(opened, answering(body))).url, body={})
    await outgoing.close()
    (event,) = events
    assert isinstance(event, UpstreamFinished)
    assert (event.errcode, event.kind, event.status, event.failure) == (errcode, kind, 200, "")


async def test_a_later_no_does_not_take_back_what_was_sent(outgoing: Outgoing, opened: AsyncExitStack) -> None:
    call = make_call()
    for body in (b'{"errcode":0}', b'{"errcode":8}'):
        await outgoing.json(call, SEND, "POST", (await server(opened, answering(body))).url, body={})
    assert call.record.sent


@pytest.mark.parametrize(("status", "sent"), [("200 OK", True), ("404 Not Found", False), ("502 Bad Gateway", True)])
async def test_of_an_answer_that_is_not_read_the_status_counts(
    outgoing: Outgoing, opened: AsyncExitStack, status: str, sent: bool
) -> None:
    call = make_call()
    await outgoing.request(call, SEND, "POST", (await server(opened, answering(b"{}", status))).url)
    assert call.record.sent is sent


async def test_the_way_out_knows_whether_it_is_open(engine: Engine) -> None:
    outgoing = Outgoing(Observer(), engine=engine)
    was_open = [outgoing.is_open]
    outgoing.open()
    was_open.append(outgoing.is_open)
    await outgoing.close()
    assert [*was_open, outgoing.is_open] == [False, True, False]


async def test_a_request_that_ends_well_and_of_which_nothing_is_noted_counts_as_sent() -> None:
    call = make_call()
    with RequestReport(Observer(), call, SEND):
        pass
    assert call.record.sent


async def test_when_all_time_is_over_nothing_is_sent_any_more(outgoing: Outgoing, opened: AsyncExitStack) -> None:
    upstream, call = await server(opened, answering(b"{}")), make_call()
    with pytest.raises(UpstreamError) as caught:
        await outgoing.json(call, SEND, "POST", upstream.url, body={}, timeout=0.0)
    with pytest.raises(UpstreamError) as streaming:
        async with outgoing.stream(call, SEND, "POST", upstream.url, timeout=0.0):
            pass
    assert [caught.value.sent, streaming.value.sent, call.record.sent, upstream.opened] == [False, False, False, 0]


@pytest.mark.parametrize("target", [SEND, Target("chat", "ask")])
async def test_a_streamed_answer_counts_from_its_head_on(
    outgoing: Outgoing, opened: AsyncExitStack, target: Target
) -> None:
    call = make_call()
    url = (await server(opened, answering(b"{}"))).url
    async with outgoing.stream(call, target, "POST", url, body=b"{}"):
        assert call.record.sent is bool(target.sends)


async def cut_off(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_request_cut_off_may_have_arrived_and_one_with_no_room_has_not(
    outgoing: Outgoing, opened: AsyncExitStack
) -> None:
    hanging = await server(opened, silent)
    first, second = make_call(), make_call(id="another")

    async def send(call: Call, path: str) -> Any:
        return await outgoing.json(call, SEND, "POST", hanging.url + path, body={})

    task = asyncio.ensure_future(send(first, "/a"))
    await hanging.has_fallen_silent(1)
    with pytest.raises(Limited):
        await send(second, "/b")  # the room is the server's
    await cut_off(task)
    assert (first.record.sent, second.record.sent) == (True, False)


async def test_the_time_that_a_request_waited_for_its_turn_is_not_given_to_it_again(
    outgoing: Outgoing, opened: AsyncExitStack
) -> None:
    hanging = await server(opened, silent)
    with movable_loop_time() as advance:
        call = make_call(timeout=20)
        first, second = [
            asyncio.ensure_future(outgoing.json(call, SEND, "POST", hanging.url, body={})) for _ in range(2)
        ]
        await hanging.has_fallen_silent(1)
        advance(19)
        await cut_off(first)
        await hanging.has_fallen_silent(2)
        advance(2)
        with pytest.raises(UpstreamError, match="exceeds 20 seconds"):
            await asyncio.wait_for(second, 10)


@pytest.mark.parametrize(
    ("error", "kind", "failure", "sent"),
    [
        (UpstreamError("chat", "send", "down"), "network", "down", True),
        (UpstreamError("chat", "send", "down", sent=False), "network", "down", False),
        (UpstreamError("chat", "send", "no", http_status=500), "http", "no", True),
        (Limited("full", 1.0), "limited", "too many requests are under way", False),
        (asyncio.CancelledError(), "cancelled", "cancelled", True),
        (GeneratorExit(), "cancelled", "GeneratorExit", True),
        (ZeroDivisionError("a secret"), "unknown", "ZeroDivisionError", True),
    ],
)
async def test_every_end_of_a_request_has_its_class_and_its_words(
    error: BaseException, kind: str, failure: str, sent: bool
) -> None:
    events: list[Event] = []
    call = make_call()
    with suppress(BaseException), RequestReport(Observer([events.append]), call, SEND):
        raise error
    (event,) = events
    assert isinstance(event, UpstreamFinished)
    assert (event.call_id, event.system, event.interface) == (call.id, "chat", "send")
    assert (event.kind, event.failure, event.status, event.errcode) == (kind, failure, None, None)
    assert call.record.sent is sent


@pytest.mark.parametrize(
    ("noted", "errcode", "told"), [("quota", 7, "quota"), ("quota", None, "quota"), ("", 7, "unknown")]
)
async def test_what_the_upstream_said_itself_tells_more(noted: str, errcode: int | None, told: str) -> None:
    events: list[Event] = []
    with suppress(UpstreamError), RequestReport(Observer([events.append]), None, SEND) as report:
        report.kind, report.errcode, report.status = noted, errcode, 200
        raise UpstreamError("chat", "send", "no")
    (event,) = events
    assert isinstance(event, UpstreamFinished)
    assert (event.kind, event.errcode, event.status, event.call_id) == (told, errcode, 200, "")


@pytest.mark.parametrize(("status", "kind"), [(None, "ok"), (200, "ok"), (399, "ok"), (400, "http"), (503, "http")])
async def test_a_status_that_nobody_judged_is_well_below_400(status: int | None, kind: str) -> None:
    events: list[Event] = []
    with RequestReport(Observer([events.append]), None, SEND) as report:
        report.status = status
    (event,) = events
    assert isinstance(event, UpstreamFinished)
    assert (event.kind, event.failure, event.status) == (kind, "", status)


@pytest.mark.parametrize(
    ("errcode", "kind", "sent"),
    [(0, "ok", True), ("0", "ok", True), (None, "ok", True), (7, "held", True), (7, "quota", False), ("7", "x", False)],
)
async def test_a_judged_answer_leaves_no_doubt_only_if_it_is_a_no(errcode: Any, kind: str, sent: bool) -> None:
    call = make_call()
    with RequestReport(Observer(), call, SEND) as report:
        report.note_judged({} if errcode is None else {"errcode": errcode}, kind)
    assert (call.record.sent, report.errcode, report.kind) == (sent, errcode, kind)
