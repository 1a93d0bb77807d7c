import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from esb.channels.outcome import DeliveryOutcome
from esb.channels.tencent.cloud import (
    TencentCloud,
    TencentConfig,
    TencentRefused,
    attempt,
    authorization,
    in_doubt,
    refused,
    retry_after,
)
from esb.core.errors import Limited, UpstreamError
from esb.core.events import Event, Observer, UpstreamFinished
from esb.outgoing.client import Outgoing
from tests.support.calls import make_call
from tests.support.gateway import OpenServer
from tests.support.servers.tencent import SECRET_ID, SECRET_KEY, Tencent


@pytest.fixture
async def http() -> AsyncIterator[Outgoing]:
    out = Outgoing(Observer())
    out.open()
    yield out
    await out.close()


def cloud(http: Outgoing, host: str) -> TencentCloud:
    config = TencentConfig.model_validate(
        {
            "tencent_secret_id": SECRET_ID,
            "tencent_secret_key": SECRET_KEY,
            "tencent_host": host,
            "tencent_region": "ap-beijing",
        }
    )
    return TencentCloud(http, config, "vms", "2020-09-02")


def test_the_signature_is_that_of_tencents_own_example() -> None:
    # The example of the signature v3 document, whose key is published there as an example.
    body = rb'{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}'
    assert authorization(
        "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE",
        "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE",
        product="cvm",
        host="cvm.tencentcloudapi.com",
        body=body,
        timestamp=1551113065,
    ) == (
        "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2019-02-25/cvm/tc3_request, "
        "SignedHeaders=content-type;host, "
        "Signature=72e494ea809ad7a8c8f7a4507b9bddcbaa8e581f516e8da2f66e2c5a96525168"
    )


async def test_a_signed_call_is_answered(http: Outgoing, open_server: OpenServer) -> None:
    tencent = Tencent()
    url = await open_server(tencent.application())
    body = {"CalledNumber": "+861", "TemplateParamSet": ["你好"]}
    response = await cloud(http, url).call(make_call(), "SendTtsVoice", body)
    assert response["SendStatus"]["CallId"] == "call-+861"
    told = {name: value for name, value in tencent.headers[0].items() if name.startswith("X-TC-")}
    assert abs(int(told.pop("X-TC-Timestamp")) - time.time()) < 60
    assert told == {
        "X-TC-Action": "SendTtsVoice",
        "X-TC-Version": "2020-09-02",
        "X-TC-Region": "ap-beijing",
        "X-TC-Language": "en-US",
    }


@pytest.mark.parametrize("form", ["{host}", "http://{host}", "http://{host}/"])
async def test_the_host_may_be_a_name_or_a_url(form: str) -> None:
    url = cloud(Outgoing(Observer()), form.format(host="proxy.example.com:8443")).url
    assert url == ("https://" if form == "{host}" else "http://") + "proxy.example.com:8443/"


async def test_a_proxy_may_have_a_path_of_its_own() -> None:
    assert cloud(Outgoing(Observer()), "https://proxy.example.com/x/").url == "https://proxy.example.com/x/"


async def test_the_host_is_the_products_own_when_none_is_configured() -> None:
    assert cloud(Outgoing(Observer()), "").url == "https://vms.tencentcloudapi.com/"


async def test_a_refusal_holds_tencents_code_and_no_secret(http: Outgoing, open_server: OpenServer) -> None:
    tencent = Tencent(
        error=("FailedOperation.X", f"{SECRET_ID} may not\n see https://console.example.com/?k={SECRET_KEY}")
    )
    url = await open_server(tencent.application())
    with pytest.raises(TencentRefused) as caught:
        await cloud(http, url).call(make_call(), "SendTtsVoice", {"CalledNumber": "+861"})
    assert (caught.value.errcode, caught.value.errmsg) == ("FailedOperation.X", "*** may not see")
    assert caught.value.data == {"errcode": "FailedOperation.X", "errmsg": "*** may not see"}


async def test_a_refusal_is_counted_as_one_though_its_status_is_200(open_server: OpenServer) -> None:
    events: list[Event] = []
    out = Outgoing(Observer([events.append]))
    out.open()
    tencent = Tencent()
    vms = cloud(out, await open_server(tencent.application()))
    await vms.call(make_call(), "SendTtsVoice", {"CalledNumber": "+861"})
    tencent.error = ("FailedOperation.X", "no")
    with pytest.raises(TencentRefused):
        await vms.call(make_call(), "SendTtsVoice", {"CalledNumber": "+861"})
    await out.close()
    assert [event.kind for event in events if isinstance(event, UpstreamFinished)] == ["ok", "unknown"]


async def test_what_never_reached_tencent_was_not_sent(http: Outgoing, unused_tcp_port: int) -> None:
    call = make_call()
    with pytest.raises(UpstreamError) as caught:
        await cloud(http, f"http://127.0.0.1:{unused_tcp_port}").call(call, "SendSms", {})
    assert (caught.value.sent, call.record.sent) == (False, False)


@pytest.mark.parametrize(
    ("error", "reached"),
    [
        (UpstreamError("S", "I", "slow"), {"unknown": 2, "failed": 0, "retry_after": None}),
        (UpstreamError("S", "I", "down", sent=False), {"unknown": 0, "failed": 2, "retry_after": None}),
        (Limited("full", 1.0), {"unknown": 0, "failed": 2, "retry_after": 1.0}),
        (TencentRefused("FailedOperation.X", "no"), {"unknown": 0, "failed": 2, "retry_after": None}),
        (TencentRefused("RequestLimitExceeded", "no"), {"unknown": 0, "failed": 2, "retry_after": 1}),
    ],
)
async def test_every_end_of_an_attempt_is_told_for_everybody(error: Exception, reached: dict[str, Any]) -> None:
    async def sending() -> DeliveryOutcome:
        raise error

    outcome = await attempt(["+86-1", "+86-2"], sending)
    assert outcome.accepted == ()
    assert {
        "unknown": len(outcome.unknown),
        "failed": len(outcome.failed),
        "retry_after": outcome.failed[0].retry_after if outcome.failed else None,
    } == reached


NUMBERS = ["+861", "+862"]
NO, YES, TROUBLE = {"Code": "FailedOperation.X"}, {"Code": "Ok"}, {"Code": "InternalError.Timeout"}


@pytest.mark.parametrize(
    ("response", "sent"),
    [
        ({"SendStatusSet": [YES, NO]}, True),
        ({"SendStatusSet": [NO, NO]}, False),
        ({"SendStatusSet": [NO]}, True),
        ({"SendStatusSet": [NO, TROUBLE]}, True),
        ({"SendStatusSet": [NO, "odd"]}, True),
        ({"SendStatusSet": "odd"}, True),
        ({"SendStatusSet": 7}, True),
        ({"Error": NO}, False),
        ({"Error": TROUBLE}, True),
        ({"Error": "odd"}, True),
        ("odd", True),
    ],
)
async def test_only_a_no_to_everybody_leaves_no_doubt(
    http: Outgoing, open_server: OpenServer, response: Any, sent: bool
) -> None:
    tencent = Tencent(raw=json.dumps({"Response": response}).encode())
    call = make_call()
    with suppress(TencentRefused, UpstreamError):
        await cloud(http, await open_server(tencent.application())).call(call, "SendSms", {"PhoneNumberSet": NUMBERS})
    assert call.record.sent is sent


@pytest.mark.parametrize("statuses", [[], [NO]])
def test_a_no_to_nobody_in_particular_is_none(statuses: list[Any]) -> None:
    assert not refused({"Response": {"SendStatusSet": statuses}})


@pytest.mark.parametrize("code", ["", None, "Ok"])
def test_a_number_without_a_code_was_not_refused(code: str | None) -> None:
    assert not refused({"Response": {"SendStatusSet": [{"Code": code}]}}, ["+861"])


async def test_a_voice_message_that_tencent_took_on_has_left(http: Outgoing, open_server: OpenServer) -> None:
    call = make_call()
    url = await open_server(Tencent().application())
    await cloud(http, url).call(call, "SendTtsVoice", {"CalledNumber": "+861"})
    assert call.record.sent


async def test_a_call_cut_off_while_tencent_is_asked_may_have_left(http: Outgoing, open_server: OpenServer) -> None:
    tencent = Tencent(hangs=True)
    call = make_call()
    sending = cloud(http, await open_server(tencent.application())).call(call, "SendTtsVoice", {"CalledNumber": "+861"})
    task = asyncio.ensure_future(sending)
    await tencent.hanging.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.record.sent


@pytest.mark.parametrize(
    ("errcode", "seconds"),
    [
        ("LimitExceeded.PhoneNumberThirtySecondLimit", 30),
        ("LimitExceeded.PhoneNumberOneHourLimit", 3600),
        ("LimitExceeded.PhoneNumberDailyLimit", 5 * 3600),
        ("LimitExceeded.DeliveryFrequencyLimit", 60),
        ("LimitExceeded", 60),
        ("RequestLimitExceeded.UinLimitExceeded", 1),
        ("LimitExceeded.AppCountryOrRegionInBlacklist", 0),
        ("LimitExceeded.PhoneNumberCountLimit", 0),
        ("FailedOperation.SignatureIncorrectOrUnapproved", 0),
    ],
)
def test_a_limit_ends_after_its_own_time(errcode: str, seconds: float) -> None:
    seven_in_the_evening_in_beijing = datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert retry_after(errcode, seven_in_the_evening_in_beijing) == seconds


def test_only_tencents_own_failures_leave_the_outcome_open() -> None:
    assert in_doubt("InternalError.SendAndRecvFail")
    assert in_doubt("FailedOperation.RequestTimeout")
    assert not in_doubt("FailedOperation.X")


def test_ids_may_be_numbers_in_yaml() -> None:
    class Config(TencentConfig):
        pass

    config = Config.model_validate({"sdk_app_id": 1400006666, "template_id": "449739"})
    assert (config.sdk_app_id, config.template_id) == ("1400006666", "449739")
    assert config.missing() == ["tencent_secret_id", "tencent_secret_key"]
    for wrong in (True, 1.5, ["1"]):
        with pytest.raises(ValueError, match="sdk_app_id"):
            Config.model_validate({"sdk_app_id": wrong})
