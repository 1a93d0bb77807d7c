"""Signed requests, through HTTP: who is let in, who is not, and that nobody is let in twice."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from yarl import URL

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import (
    APPS,
    NEED_SECRET,
    NEED_USER,
    USED,
    WHO,
    claims,
    configuration,
    fetch,
    signature_of,
    with_signature,
)

BAD = "Signature [bk_signature] verification failed, please provide valid parameters and signature"


@pytest.fixture
async def gateway(open_gateway: OpenGateway, clock: Clock) -> Gateway:
    return await open_gateway(config=configuration(), clock=clock)


async def get(gateway: Gateway, query: Mapping[str, str], path: str = WHO, **options: Any) -> dict[str, Any]:
    return await fetch(gateway, "GET", path, query, **options)


async def sdk_post(
    gateway: Gateway,
    clock: Clock,
    sent: Callable[[bytes], bytes] = lambda body: body,
    headers: Mapping[str, str] | None = None,
    **data: Any,
) -> dict[str, Any]:
    """A POST as BlueKing's generated SDK signs it: who calls stands in the body, the signature in the query.

    `sent` is what becomes of the body on its way.
    """
    body = json.dumps({"bk_app_code": "esb_demo", "bk_username": "admin", **data}).encode()
    query = {"bk_timestamp": str(int(clock.since_1970())), "bk_nonce": "5"}
    query["bk_signature"] = signature_of("POST", WHO, query, body)
    return await fetch(
        gateway, "POST", WHO, query, data=sent(body), headers=headers, skip_auto_headers=["Content-Type"]
    )


async def test_a_signed_get_is_let_in(gateway: Gateway, clock: Clock) -> None:
    answer = await get(gateway, with_signature(claims(clock, heading="é 1+1=2 & more/中文", empty="")))
    assert answer["result"], answer
    assert (answer["data"]["app"], answer["data"]["user"]) == ("esb_demo", "admin")
    assert answer["data"]["source"] == "bk_username"


async def test_no_component_sees_what_a_signature_is_made_of(gateway: Gateway, clock: Clock) -> None:
    answer = await get(gateway, with_signature(claims(clock, heading="H")))
    assert set(answer["data"]["args"]) == {"bk_app_code", "bk_username", "heading"}


async def test_a_post_signed_by_the_sdk_is_let_in(gateway: Gateway, clock: Clock) -> None:
    answer = await sdk_post(gateway, clock, heading="标题")
    assert answer["result"], answer
    assert (answer["data"]["app"], answer["data"]["args"]["heading"]) == ("esb_demo", "标题")


async def test_a_body_changed_on_its_way_is_refused(gateway: Gateway, clock: Clock) -> None:
    answer = await sdk_post(gateway, clock, sent=lambda body: body.replace(b"admin", b"lisi"))
    assert answer["message"] == BAD
    assert (await sdk_post(gateway, clock, sent=lambda body: body + b" "))["message"] == BAD


async def test_the_app_code_of_a_post_may_stand_in_the_signed_query(gateway: Gateway, clock: Clock) -> None:
    body = b'{"bk_username": "admin"}'
    query = with_signature(claims(clock, bk_username=None), "POST", body=body)
    answer = await fetch(gateway, "POST", WHO, query, data=body)
    assert answer["result"], answer


async def test_a_body_that_is_no_utf8_is_signed_as_it_is(gateway: Gateway, clock: Clock) -> None:
    body = b"\xff\xfe\x00 file"
    query = with_signature(claims(clock), "POST", body=body)
    header = {"Content-Type": "application/octet-stream"}
    answer = await fetch(gateway, "POST", WHO, query, data=body, headers=header)
    assert (answer["result"], answer["data"]["user"]) == (True, "admin"), answer
    answer = await fetch(gateway, "POST", WHO, query, data=body + b"\xff", headers=header)
    assert answer["message"] == BAD


async def test_the_body_of_a_put_is_signed_too(gateway: Gateway, clock: Clock) -> None:
    body = b'{"bk_app_code": "esb_demo", "bk_username": "admin"}'
    query = with_signature(claims(clock, bk_username=None), "PUT", body=body)
    assert (await fetch(gateway, "PUT", WHO, query, data=body))["result"]
    without = with_signature(claims(clock, bk_nonce="124"), "PUT")
    assert (await fetch(gateway, "PUT", WHO, without, data=body))["message"] == BAD


@pytest.mark.parametrize("name", ["bk_signature", "signature"])
async def test_either_name_of_the_signature_does(gateway: Gateway, clock: Clock, name: str) -> None:
    query = claims(clock)
    assert (await get(gateway, {**query, name: signature_of("GET", WHO, query)}))["result"]


async def test_each_secret_of_an_app_may_sign(gateway: Gateway, clock: Clock) -> None:
    for number, secret in enumerate(("demo-secret", "next-secret")):
        query = with_signature(claims(clock, bk_nonce=str(number + 1)), secret=secret)
        assert (await get(gateway, query))["result"], secret
    assert (await get(gateway, with_signature(claims(clock), secret="last-secret")))["message"] == BAD


@pytest.mark.parametrize("change", [{"bk_username": "lisi"}, {"more": "1"}, {"bk_nonce": "124"}])
async def test_a_query_changed_on_its_way_is_refused(gateway: Gateway, clock: Clock, change: dict[str, str]) -> None:
    assert (await get(gateway, {**with_signature(claims(clock)), **change}))["message"] == BAD


async def test_a_signature_counts_for_its_method_and_path(gateway: Gateway, clock: Clock) -> None:
    query = with_signature(claims(clock))
    assert (await get(gateway, query, path=WHO.rstrip("/")))["message"] == BAD
    answer = await fetch(gateway, "POST", WHO, query, json={"bk_app_code": "esb_demo", "bk_username": "admin"})
    assert answer["message"] == BAD


async def test_a_path_may_be_signed_encoded_or_not(gateway: Gateway, clock: Clock) -> None:
    path = f"{WHO}中文/"
    for number, written in enumerate((path, quote(path))):
        query = with_signature(claims(clock, bk_nonce=str(number + 1)), path=written)
        assert (await get(gateway, query, path=quote(path)))["result"], written


@pytest.mark.parametrize("repeated", ["heading", "bk_username", "signature"])
async def test_a_name_that_comes_twice_is_not_what_was_signed(gateway: Gateway, clock: Clock, repeated: str) -> None:
    query = with_signature(claims(clock, **{repeated: "last"}))
    url = URL(f"{gateway.url}{WHO}?{repeated}=first&{urlencode(query)}", encoded=True)
    async with gateway.http.get(url) as response:
        answer = await response.json()
    assert (answer["code"], answer["message"]) == (
        1306406,
        f"Parameters error, the parameter [{repeated}] may be given once only",
    )


async def test_a_signature_wins_over_a_secret(gateway: Gateway, clock: Clock) -> None:
    answer = await get(gateway, {**claims(clock, bk_app_secret="demo-secret"), "bk_signature": "AAAA"})
    assert answer["message"] == BAD
    answer = await get(gateway, with_signature(claims(clock, bk_app_secret="wrong")))
    assert answer["result"], answer


@pytest.mark.parametrize(
    "header",
    [
        {"bk_username": "lisi"},
        {"bk_app_code": "other", "username": "lisi"},
        {"bk_token": "demo-token"},
        {"bk_app_code": "other", "bk_app_secret": "demo-secret", "bk_username": "lisi"},
        {},
    ],
)
async def test_nobody_is_named_in_a_header_beside_a_signature(
    gateway: Gateway, clock: Clock, header: dict[str, str]
) -> None:
    headers = {"X-Bkapi-Authorization": json.dumps(header)}
    for answer in (
        await get(gateway, with_signature(claims(clock)), headers=headers),
        await sdk_post(gateway, clock, headers=headers),
    ):
        assert answer["code"] == 1306406
        assert "[bk_signature] does not cover the request header X-Bkapi-Authorization" in answer["message"]


async def test_no_cookie_names_the_user_of_a_signed_request(gateway: Gateway, clock: Clock) -> None:
    cookie = {"Cookie": "bk_token=demo-token"}
    answer = await get(gateway, with_signature(claims(clock, bk_username=None)), headers=cookie)
    assert answer["message"] == NEED_USER
    query = with_signature(claims(clock, bk_nonce="124", bk_username=None, bk_token="demo-token"))
    answer = await get(gateway, query, headers=cookie)
    assert answer["data"]["source"] == "bk_token"


async def test_a_header_that_says_null_leaves_a_signature_alone(gateway: Gateway, clock: Clock) -> None:
    answer = await sdk_post(gateway, clock, headers={"X-Bkapi-Authorization": "null"})
    assert answer["data"]["user"] == "admin", answer


async def test_beside_a_header_a_parameter_may_be_called_signature(gateway: Gateway) -> None:
    who = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}
    answer = await get(
        gateway,
        {"signature": "of a document", "username": "lisi", "bk_nonce": "1"},
        headers={"X-Bkapi-Authorization": json.dumps(who)},
    )
    assert answer["data"]["args"] == {"signature": "of a document", "username": "lisi"}
    assert (answer["data"]["app"], answer["data"]["user"]) == ("esb_demo", "admin")


@pytest.mark.parametrize(
    "header",
    [{"X-Dry-Run": "1"}, {"Idempotency-Key": "1"}, {"Prefer": "respond-async"}],
    ids=lambda header: next(iter(header)),
)
async def test_what_a_signature_does_not_cover_asks_for_nothing(
    gateway: Gateway, clock: Clock, header: dict[str, str]
) -> None:
    answer = await sdk_post(gateway, clock, headers=header)
    assert answer["code"] == 1306406
    assert "please sign the parameters dry_run, idempotency_key and async instead" in answer["message"]


async def test_a_signature_outside_the_query_is_none(gateway: Gateway, clock: Clock) -> None:
    body = with_signature(claims(clock))
    assert (await fetch(gateway, "POST", WHO, {}, json=body))["message"] == NEED_SECRET
    header = {"X-Bkapi-Authorization": json.dumps(body)}
    assert (await fetch(gateway, "GET", WHO, {}, headers=header))["message"] == NEED_SECRET


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({}, "Parameter bk_nonce does not exist"),
        ({"bk_nonce": "1"}, "Parameter bk_timestamp does not exist"),
        ({"bk_nonce": "1", "bk_timestamp": "now"}, "APP Code [bk_app_code] cannot be empty"),
        (
            {"bk_nonce": "1", "bk_timestamp": "now", "app_code": "ghost"},
            "Invalid APP Code [bk_app_code=ghost], please confirm if the APP Code has been registered",
        ),
        ({"bk_nonce": "1", "bk_timestamp": "now", "app_code": "esb_demo"}, BAD),
    ],
)
async def test_the_checks_come_in_their_order(
    gateway: Gateway, clock: Clock, broken: dict[str, str], message: str
) -> None:
    now = str(int(clock.since_1970()))
    query = {name: now if value == "now" else value for name, value in broken.items()}
    assert (await get(gateway, {**query, "bk_signature": "AAAA"}))["message"] == message


async def test_a_signed_request_is_let_in_once(gateway: Gateway, clock: Clock) -> None:
    query = with_signature(claims(clock))
    assert (await get(gateway, query))["result"]
    assert (await get(gateway, query))["message"] == USED


async def test_of_two_at_once_one_is_let_in(gateway: Gateway, clock: Clock) -> None:
    query = with_signature(claims(clock))
    answers = await asyncio.gather(*(get(gateway, query) for _ in range(2)))
    assert sorted(answer["message"] for answer in answers) == ["OK", USED]


@pytest.mark.parametrize("ahead", [-300, 0, 300])
async def test_a_nonce_is_remembered_as_long_as_its_timestamp_counts(
    gateway: Gateway, clock: Clock, ahead: int
) -> None:
    stamp = int(clock.since_1970()) + ahead
    query = with_signature(claims(clock, bk_timestamp=str(stamp)))
    assert (await get(gateway, query))["result"]
    clock.advance(stamp + 300 - clock.since_1970())
    assert (await get(gateway, query))["message"] == USED
    clock.advance(1)
    assert (await get(gateway, query))["message"] == "Parameter bk_timestamp is illegal, because it has expired"


async def test_a_refused_request_does_not_use_up_its_nonce(gateway: Gateway, clock: Clock) -> None:
    assert (await get(gateway, {**claims(clock), "bk_signature": "AAAA"}))["message"] == BAD
    assert (await get(gateway, with_signature(claims(clock))))["result"]


@pytest.mark.parametrize("change", [{"bk_app_code": "other"}, {"bk_timestamp": "1800001001"}])
async def test_a_nonce_is_used_up_for_one_app_and_timestamp(
    gateway: Gateway, clock: Clock, change: dict[str, str]
) -> None:
    assert (await get(gateway, with_signature(claims(clock))))["result"]
    assert (await get(gateway, with_signature(claims(clock, **change))))["result"]


async def test_when_no_more_nonces_of_an_app_fit_its_requests_are_refused_and_a_replay_is_still_one(
    open_gateway: OpenGateway, clock: Clock
) -> None:
    config = configuration("  store: {use: memory, config: {max_keys: 3}}\n")
    gateway = await open_gateway(config=config, clock=clock)
    first = with_signature(claims(clock))
    assert (await get(gateway, first))["result"]
    assert (await get(gateway, with_signature(claims(clock, bk_nonce="124"))))["result"]
    answer = await get(gateway, with_signature(claims(clock, bk_nonce="125")))
    assert (answer["result"], answer["code"], answer["data"]) == (False, 1306429, {"retry_after": 360.0})
    assert "signed requests of APP [esb_demo]" in answer["message"]
    assert (await get(gateway, first))["message"] == USED
    other = with_signature(claims(clock, bk_app_code="other", bk_nonce="125"))
    assert (await get(gateway, other))["result"]
    clock.advance(361)
    assert (await get(gateway, with_signature(claims(clock, bk_nonce="125"))))["result"]


async def test_a_trusted_proxy_says_which_path_was_signed(open_gateway: OpenGateway, clock: Clock) -> None:
    trusting = configuration(more="server: {trusted_proxies: [127.0.0.1]}\n")
    gateway = await open_gateway(config=trusting, clock=clock)
    query = with_signature(claims(clock), path="/outside/who/is/")
    header = {"X-Request-Uri": "/outside/who/is/?some=query"}
    assert (await get(gateway, query, headers=header))["result"]


@pytest.mark.parametrize(
    "said",
    [
        ["/api/c/compapi/who/is/"],
        ["/outside/who/is/"],
        ["/outside/who/is/zhangsan/", "/outside/who/is/"],
        ["/outside/api/c/compapi/who/is/zhangsan/?", "/outside/who/is/zhangsan/"],
        ["/outside/api/c/compapi/v2/who/is/zhangsan/"],
    ],
)
async def test_what_a_proxy_passes_on_leads_to_no_other_component(
    open_gateway: OpenGateway, clock: Clock, said: list[str]
) -> None:
    trusting = configuration(more="server: {trusted_proxies: [127.0.0.1]}\n")
    gateway = await open_gateway(config=trusting, clock=clock)
    query = with_signature(claims(clock), path=said[0].rstrip("?"))
    headers = [("X-Request-Uri", path) for path in said]
    answer = await get(gateway, query, path=f"{WHO}zhangsan/", headers=headers)
    assert answer["message"] == BAD


async def test_nobody_else_says_which_path_was_signed(gateway: Gateway, clock: Clock) -> None:
    query = with_signature(claims(clock), path="/outside/who/is/")
    assert (await get(gateway, query, headers={"X-Request-Uri": "/outside/who/is/"}))["message"] == BAD


async def test_the_rights_of_the_app_hold_for_signed_requests(gateway: Gateway, clock: Clock) -> None:
    query = with_signature(claims(clock, bk_app_code="no_users"), secret="no-users-secret")
    assert (await get(gateway, query))["message"] == NEED_USER
    query = with_signature(claims(clock, bk_app_code="no_rights"), secret="no-rights-secret")
    assert (await get(gateway, query))["code"] == 1306403


async def test_a_signed_request_of_an_app_that_has_ended_is_refused(open_gateway: OpenGateway, clock: Clock) -> None:
    ended = APPS.replace('impersonate: ["*"]}', 'impersonate: ["*"], disabled: true}', 1)
    gateway = await open_gateway(config=configuration(apps=ended), clock=clock)
    refused = await get(gateway, with_signature(claims(clock)))
    assert (refused["code"], refused["message"]) == (1306403, "APP [bk_app_code=esb_demo] is disabled")


def test_an_empty_secret_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration(apps=APPS.replace("[demo-secret, next-secret]", '[""]')))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    assert [mistake.key for mistake in error.value.mistakes] == ["services.apps.config.apps[0].secrets[0]"]
