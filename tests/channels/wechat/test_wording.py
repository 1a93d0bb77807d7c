"""Messages about a WeChat sending that did not reach everybody, in the old ESB's words."""

import asyncio
from dataclasses import replace

import pytest

from esb.channels.outcome import DeliveryOutcome, DeliveryReport, Failure
from esb.channels.recipients import Audience, addressed
from esb.channels.verdict import Verdict
from esb.channels.wechat.account import INVALID, UNLICENSED
from esb.channels.wechat.wording import WORDING
from esb.core.errors import EsbError, Limited, Message, QuotaUsedUp, Refused, UpstreamError
from esb.core.events import UpstreamFinished
from tests.support.gateway import Gateway, OpenGateway, Sandbox
from tests.support.loop_time import late, turns
from tests.support.send_weixin import MP, MP_SEND, OPENIDS, SEND, fault, reached, seed, stanza
from tests.support.wire import until

REFUSED = Failure("b", 40003, "invalid openid", "receiver")
DOWN = UpstreamError("weixin_qy", "send_message", "down", sent=True)


async def test_who_does_not_get_the_second_page_is_told_with_the_pages_it_got(
    gateway: Gateway, sandbox: Sandbox
) -> None:
    await fault(sandbox, SEND, {"errcode": 40003, "errmsg": "invalid userid"}, 1, match={"nth": 2})
    told = await gateway.send("zhangsan", data={"heading": "H", "message": "x" * 3000})
    assert reached(told) == ([], ["zhangsan"], [])
    assert told["data"]["failed"][0]["pages_accepted"] == 1


async def test_an_outcome_that_is_open_and_a_refusal_are_told_together(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    gateway = await open_gateway(stanza(MP, timeout=8), sandbox_url=sandbox.url)
    await sandbox.post("seed", seed(openids=OPENIDS[:2]))
    await fault(sandbox, MP_SEND, {"hang": True}, match={"touser": OPENIDS[1]})

    def only_one_hangs() -> bool:
        return sum(isinstance(event, UpstreamFinished) for event in gateway.events) == len(["token", "one", "three"])

    told = await late(8, gateway.send(OPENIDS[:3]), until(only_one_hangs))
    assert reached(told) == ([OPENIDS[0]], [OPENIDS[2]], [OPENIDS[1]])
    assert told["result"] is False


async def test_the_messages_of_one_call_wait_their_turn_and_another_call_is_told_to_come_again(
    open_gateway: OpenGateway, sandbox: Sandbox
) -> None:
    config = f"""
version: 1
server: {{max_per_target: 1}}
services:
  apps: {{use: static, config: {{apps: [{{code: esb_demo, secrets: [demo-secret], impersonate: ["*"]}}]}}}}
components:
  - path: /cmsi/send_weixin/
    use: cmsi_send_weixin
    timeout: 8
    config: {{wx_type: mp, wx_app_id: wx0000000000000001, wx_secret: mp-secret, wx_mp_host: "{sandbox.url}",
              wx_template_id: {"T" * 43}}}
"""
    gateway = await open_gateway(config=config)
    await sandbox.post("seed", seed(openids=OPENIDS))
    await gateway.send(OPENIDS[0])
    assert reached(await gateway.send(OPENIDS)) == (list(OPENIDS), [], [])

    await fault(sandbox, MP_SEND, {"hang": True})
    sent = await sandbox.calls(MP_SEND)
    hanging = asyncio.create_task(gateway.send(OPENIDS[0]))
    await sandbox.has_been_called(MP_SEND, sent + 1)
    refused = await gateway.send(OPENIDS)
    assert refused["code"] == 1306429
    assert len(reached(refused)[1]) == len(OPENIDS)
    assert refused["data"]["retry_after"] == 1.0
    assert reached(await late(8, hanging, turns()))[2] == [OPENIDS[0]]
    await sandbox.http.delete(f"{sandbox.url}/_sandbox/faults")
    assert (await gateway.send(OPENIDS))["result"] is True


def audience() -> Audience:
    return Audience({"a": ("alice",), "b": ("bob", "bill")}, unknown_users=("nobody",))


@pytest.mark.parametrize(
    ("outcome", "kind", "accepted", "missed", "unknown"),
    [
        (DeliveryOutcome(accepted=("a", "b")), EsbError, ["alice", "bob", "bill"], ["nobody"], []),
        (DeliveryOutcome(accepted=("a",), failed=(REFUSED,)), EsbError, ["alice"], ["bob", "bill", "nobody"], []),
        (
            DeliveryOutcome(accepted=("a",), unknown=("b",), error=DOWN),
            UpstreamError,
            ["alice"],
            ["nobody"],
            ["bob", "bill"],
        ),
    ],
)
def test_everybody_is_told_by_the_names_the_caller_gave(
    outcome: DeliveryOutcome, kind: type[EsbError], accepted: list[str], missed: list[str], unknown: list[str]
) -> None:
    with pytest.raises(kind) as caught:
        DeliveryReport(audience(), outcome, WORDING).rendered()
    data = caught.value.data
    assert (data["accepted"], [entry["receiver"] for entry in data["failed"]], data["unknown"]) == (
        accepted,
        missed,
        unknown,
    )


@pytest.mark.parametrize(
    ("unknown", "transient", "kind", "retryable"),
    [
        ((), True, "busy", True),
        ((), False, "config", False),
        (("b",), True, "busy", False),
        (("b",), False, "config", False),
    ],
)
def test_what_may_have_arrived_is_not_to_be_repeated_however_short_the_trouble(
    unknown: tuple[str, ...], transient: bool, kind: str, retryable: bool
) -> None:
    error = UpstreamError("weixin_qy", "send_message", "down", sent=bool(unknown), transient=transient)
    with pytest.raises(UpstreamError) as caught:
        DeliveryReport(addressed(["a", "b"]), DeliveryOutcome(unknown=unknown, error=error), WORDING).rendered()
    told = caught.value.data
    assert (told["class"], told["retryable"], told["retry_after"]) == (kind, retryable, None)
    assert told.get("outcome") == ("unknown" if unknown else None)


def test_a_quota_whose_end_is_not_known_is_said_to_last_a_minute() -> None:
    refusal = Verdict(45009, "freq out of limit", "quota", Message("wait"))
    with pytest.raises(QuotaUsedUp) as caught:
        DeliveryReport(addressed(["a"]), DeliveryOutcome(refusal=refusal), WORDING).rendered()
    assert caught.value.retry_after == 60.0


@pytest.mark.parametrize("unknown", [(), ("b",)])
def test_who_has_to_wait_is_told_for_how_long_and_whether_another_try_is_safe(unknown: tuple[str, ...]) -> None:
    failed = (Failure("a", None, "wait", "quota", 9.0), Failure("c", None, "wait", "quota"))
    outcome = DeliveryOutcome(failed=failed, unknown=unknown, error=Limited("too many", 2.0))
    with pytest.raises(QuotaUsedUp, match="WeChat message sending failed, too many") as caught:
        DeliveryReport(addressed(["a", "b", "c"]), outcome, WORDING).rendered()
    told = caught.value.data
    assert (told["class"], told["retryable"], told["retry_after"], caught.value.retry_after) == (
        "quota",
        not unknown,
        9.0,
        9.0,
    )
    with pytest.raises(QuotaUsedUp) as caught:
        DeliveryReport(addressed(["b"]), replace(outcome, failed=()), WORDING).rendered()
    assert caught.value.retry_after == 2.0


def test_who_is_not_reached_though_nothing_was_refused_is_no_reason_to_try_again() -> None:
    failed = (Failure("a", 81013, INVALID, "receiver"), Failure("b", 81013, UNLICENSED, "receiver"))
    with pytest.raises(EsbError, match=r"^WeChat message sending failed, invalid user: a\|b$") as caught:
        DeliveryReport(addressed(["a", "b"]), DeliveryOutcome(failed=failed), WORDING).rendered()
    told = caught.value.data
    assert (told["class"], told["retryable"], told["retry_after"]) == ("receiver", False, None)


def test_a_refusal_is_told_before_what_else_went_wrong() -> None:
    refusal = Verdict(40003, "invalid openid", "receiver", Message("why"))
    outcome = DeliveryOutcome(unknown=("b",), failed=(REFUSED,), refusal=refusal, error=DOWN)
    with pytest.raises(Refused, match="WeChat message sending failed, invalid openid") as caught:
        DeliveryReport(addressed(["a", "b"]), outcome, WORDING).rendered()
    told = caught.value.data
    assert (told["errcode"], told["class"], told["outcome"], told["retryable"]) == (40003, "receiver", "unknown", False)


def test_when_all_have_accepted_the_data_says_so() -> None:
    outcome = DeliveryOutcome(accepted=("a", "b"), msgids=("1",))
    told = DeliveryReport(addressed(["a", "b"]), outcome, WORDING).rendered()
    assert told == {
        "username_check": {"invalid": []},
        "accepted": ["a", "b"],
        "failed": [],
        "unknown": [],
        "msgids": ["1"],
    }
