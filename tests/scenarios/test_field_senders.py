"""Trouble that users of other notifiers reported in public, each a case of a kind: callers are spared it here."""

import gzip
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from aiohttp import web

from esb.config.interpolation import Interpolation
from esb.config.yaml import read
from esb.core.errors import ConfigError
from tests.support.configuration import MESSAGE, OPENID, SERVICES
from tests.support.costs import TRIES, slowness
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import timed_turns
from tests.support.servers.raw_server import raw_server
from tests.support.servers.smtp_server import Inbox, certificate, smtp_server, speak
from tests.support.servers.tencent import KEYS, Relay, Tencent
from tests.support.world import CONFIGS, PAGE_NUMBER, OpenWorld, World, reached

SEND_MAIL, SEND_SMS, SEND_WEIXIN = "cmsi/send_mail", "cmsi/send_sms", "cmsi/send_weixin"
SEND_VOICE = "cmsi/send_voice_msg"
MAIL: dict[str, Any] = {"title": "T", "content": "C"}
OpenMail = Callable[..., Awaitable[Gateway]]


def stanza(component: str, config: str) -> str:
    return f"  - {{path: /{component}/, use: {component.replace('/', '_')}, timeout: 10, config: {{{config}}}}}\n"


def people(*users: str) -> str:
    """The services, whose directory knows these people as well."""
    return SERVICES + "".join(f"        - {{{user}}}\n" for user in users)


@pytest.fixture
def tencent() -> Tencent:
    return Tencent()


@pytest.fixture
def open_sms(open_gateway: OpenGateway, open_server: OpenServer, tencent: Tencent) -> OpenMail:
    """A gateway whose send_sms goes to this Tencent, with these people in the directory."""

    async def open_one(*users: str) -> Gateway:
        url = await open_server(tencent.application())
        config = f"{KEYS}, sms_sign: S, tencent_host: '{url}'"
        return await open_gateway(config=f"{people(*users)}components:\n{stanza(SEND_SMS, config)}")

    return open_one


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def open_mail(open_gateway: OpenGateway, opened: AsyncExitStack, inbox: Inbox) -> OpenMail:
    """A gateway whose send_mail goes to a real SMTP server with the inbox; or to the one at `port`."""

    async def open_one(config: str = "", port: int = 0, **options: Any) -> Gateway:
        port = port or await opened.enter_async_context(smtp_server(inbox, **options))
        more = f", {config}" if config else ""
        return await open_gateway(
            stanza(SEND_MAIL, f"smtp_host: 127.0.0.1, smtp_port: {port}, mail_sender: esb@example.com{more}")
        )

    return open_one


def texts(message: EmailMessage) -> dict[str, str]:
    """The texts of a mail, by their type."""
    return {
        part.get_content_type(): part.get_content().strip().replace("\r\n", "\n")
        for part in message.walk()
        if part.get_content_maintype() == "text"
    }


# What WeCom says of receivers


@pytest.mark.parametrize(
    "told",
    [
        {"invaliduser": "nobody"}, {"invaliduser": ["nobody"]}, {"invaliduser": "nobody,ghost"},
        {"invaliduser": "NoBody|ghost"}, {"invaliduser": {"nobody": 1}}, {"unlicenseduser": ["nobody"]},
        {"invalidparty": "nobody"}, {"invalidtag": ["nobody"]}, {"invaliduser": "", "unlicenseduser": "nobody"},
    ],
)  # fmt: skip
async def test_s1_whoever_wecom_names_has_failed_in_whatever_form_it_names_them(
    world: World, told: dict[str, Any]
) -> None:
    await world.fault("qy", {"body": json.dumps({"errcode": 0, "errmsg": "ok", "msgid": "M", **told})})
    answer = await world.send(receiver="zhangsan,nobody")
    assert reached(answer) == (["zhangsan"], ["nobody"], [])
    assert answer["data"]["failed"][0]["class"] == "receiver"


async def test_s1_a_member_whose_name_is_a_number_is_named_by_one(world: World) -> None:
    await world.fault("qy", {"body": json.dumps({"errcode": 0, "errmsg": "ok", "invaliduser": 1001})})
    assert reached(await world.send(receiver="zhangsan,1001")) == (["zhangsan"], ["1001"], [])


@pytest.mark.parametrize("told", [True, 7, [["nobody"]], [{"userid": "nobody"}], 1.5, "somebody else", ["x"], {"x": 1}])
@pytest.mark.parametrize("field", ["invaliduser", "unlicenseduser", "invalidparty", "invalidtag"])
async def test_s1_a_form_that_cannot_be_read_leaves_everybody_unknown(world: World, field: str, told: Any) -> None:
    await world.fault("qy", {"body": json.dumps({"errcode": 0, "errmsg": "ok", "msgid": "M", field: told})})
    answer = await world.send(receiver="zhangsan,nobody")
    assert (answer["result"], reached(answer)) == (False, ([], [], ["zhangsan", "nobody"]))
    data = answer["data"]
    assert (data["outcome"], data["retryable"], data["errmsg"]) == ("unknown", False, f"{field} cannot be read")


@pytest.mark.parametrize("nobody", ["", "|", " ", [], {}, None, 0])
async def test_s1_an_answer_that_names_nobody_is_success(world: World, nobody: Any) -> None:
    await world.fault("qy", {"body": json.dumps({"errcode": 0, "errmsg": "ok", "invaliduser": nobody})})
    assert reached(await world.send(receiver="zhangsan")) == (["zhangsan"], [], [])


# What a relay says


async def relayed(open_gateway: OpenGateway, open_server: OpenServer, relay: web.Application) -> dict[str, Any]:
    url = await open_server(relay)
    gateway = await open_gateway(stanza(SEND_SMS, f"dest_url: '{url}/relay?key=relay-key'"))
    return await gateway.call(SEND_SMS, receiver="13800000000", content="M")


@pytest.mark.parametrize("result", [False, "false", "False", " FALSE ", "0", 0, 0.0, None, "", "null"])
async def test_s2_a_relays_no_is_a_no_in_whatever_type_it_comes(
    open_gateway: OpenGateway, open_server: OpenServer, result: Any
) -> None:
    relay = Relay({"result": result, "code": 7, "message": "no credit"})
    answer = await relayed(open_gateway, open_server, relay.application())
    assert (answer["result"], answer["message"]) == (False, "no credit")
    assert reached(answer) == ([], ["13800000000"], [])


@pytest.mark.parametrize("result", [True, "true", "True", 1, "1"])
async def test_s2_and_so_is_its_yes(open_gateway: OpenGateway, open_server: OpenServer, result: Any) -> None:
    answer = await relayed(open_gateway, open_server, Relay({"result": result}).application())
    assert (answer["result"], reached(answer)) == (True, (["13800000000"], [], []))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"OK", b"null", b"[true]", b"true", b'{"code": 0}', b'{"result": "maybe"}', b'{"result": 2}',
     b'{"result": {}}', b'{"result": [true]}', b"<html>"],
)  # fmt: skip
async def test_s2_what_is_neither_is_unknown(open_gateway: OpenGateway, open_server: OpenServer, body: bytes) -> None:
    async def answer_so(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    relay = web.Application()
    relay.router.add_post("/relay", answer_so)
    answer = await relayed(open_gateway, open_server, relay)
    assert (answer["result"], reached(answer)) == (False, ([], [], ["13800000000"]))
    assert (answer["data"]["outcome"], answer["data"]["retryable"]) == ("unknown", False)


# Phone numbers

PHONES = [
    "13800000000", "8613800000000", "008613800000000", "+8613800000000", "138 0000 0000", "+86 138-0000-0000",
    "(+86)138 0000 0000", "０１３８００００００００"[1:], "\u202a+8613800000000\u202c", "\u200b138\u00a00000\u00a00000",
]  # fmt: skip


@pytest.mark.parametrize("number", PHONES)
async def test_s3_a_number_is_the_same_however_a_caller_writes_it(
    open_sms: OpenMail, tencent: Tencent, number: str
) -> None:
    sms = await open_sms()
    answer = await sms.call(SEND_SMS, receiver=[number], content="M")
    assert reached(answer) == ([number], [], [])
    assert [body["PhoneNumberSet"] for body in tencent.bodies] == [["+8613800000000"]]


@pytest.mark.parametrize("country_code", ["86", "+86", "0086", ""])
@pytest.mark.parametrize("number", PHONES)
async def test_s3_and_however_the_directory_has_it(
    open_sms: OpenMail, tencent: Tencent, number: str, country_code: str
) -> None:
    sms = await open_sms(f"username: anna, telephone: '{number}', country_code: '{country_code}'")
    answer = await sms.call(SEND_SMS, receiver__username="anna", content="M")
    assert reached(answer) == (["anna"], [], [])
    assert [body["PhoneNumberSet"] for body in tencent.bodies] == [["+8613800000000"]]


async def test_s3_a_relay_gets_each_number_in_its_parts(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    relay = Relay()
    url = await open_server(relay.application())
    gateway = await open_gateway(stanza(SEND_SMS, f"dest_url: '{url}/relay'"))
    await gateway.call(SEND_SMS, receiver="008613800000000,+44 20 7123 4567", content="M")
    assert relay.messages[0]["receiver"] == [
        {"telephone": "13800000000", "nation_code": "86"},
        {"telephone": "2071234567", "nation_code": "44"},
    ]


@pytest.mark.parametrize("typed", ["138 0000 0000", "+86 138-0000-0000", "138 0000 0000\n", " +86 138 0000 0000 "])
async def test_s4_blanks_within_a_number_do_not_make_several_of_it(
    open_sms: OpenMail, tencent: Tencent, typed: str
) -> None:
    sms = await open_sms()
    assert reached(await sms.call(SEND_SMS, receiver=typed, content="M"))[0] == [typed.strip()]
    assert [body["PhoneNumberSet"] for body in tencent.bodies] == [["+8613800000000"]]


async def test_s4_two_numbers_with_a_blank_between_them_are_two(open_sms: OpenMail, tencent: Tencent) -> None:
    sms = await open_sms()
    answer = await sms.call(SEND_SMS, receiver="13800000000 13900000000,138 0000 0001", content="M")
    assert answer["data"]["accepted"] == ["13800000000", "13900000000", "138 0000 0001"]


@pytest.mark.parametrize(
    "typed", ["138 0000 000x", "138 000", "0000 138 0000 0000 0000", "+86 1380000000", "852-51234567"]
)
async def test_s4_what_is_no_number_is_refused_whole(open_sms: OpenMail, tencent: Tencent, typed: str) -> None:
    sms = await open_sms()
    answer = await sms.call(SEND_SMS, receiver=typed, content="M")
    assert [entry["receiver"] for entry in answer["data"]["failed"]] == [typed]
    assert answer["data"]["class"] == "receiver"
    assert tencent.requests == []


# Mail


async def test_s5_a_long_content_id_stays_one_word(open_mail: OpenMail, inbox: Inbox) -> None:
    mail = await open_mail()
    name = "c" * 100
    picture = {"filename": "a.png", "content": "UE5H", "content_id": name}
    answer = await mail.call(
        SEND_MAIL, receiver="a@x.com", title="T", content=f'<img src="cid:{name}">', attachments=[picture]
    )
    assert answer["message"] == "OK"
    assert f"\r\nContent-ID: <{name}>\r\n".encode() in inbox.delivered[0].content


async def test_s6_a_server_that_dislikes_our_name_is_a_matter_of_configuration(open_mail: OpenMail) -> None:
    refusal = "504 5.5.2 <gw>: Helo command rejected: need fully-qualified hostname"
    async with raw_server(lambda peer: speak(peer, {"RCPT TO": refusal})) as server:
        mail = await open_mail(port=server.port)
        answer = await mail.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    assert (answer["data"]["class"], answer["data"]["failed"][0]["class"]) == ("config", "config")
    assert answer["data"]["retryable"] is False


@pytest.mark.parametrize(("config", "greeting"), [("", "example.com"), ("smtp_helo: gw.example.org", "gw.example.org")])
async def test_s6_the_gateway_greets_by_the_senders_domain_or_by_its_key(
    open_mail: OpenMail, inbox: Inbox, config: str, greeting: str
) -> None:
    names: list[str] = []

    async def handle_ehlo(server: Any, session: Any, envelope: Any, name: str, responses: list[str]) -> list[str]:
        names.append(name)
        session.host_name = name
        return responses

    inbox.handle_EHLO = handle_ehlo  # type: ignore[attr-defined]  # a hook that aiosmtpd looks for
    mail = await open_mail(config)
    assert (await mail.call(SEND_MAIL, receiver="a@x.com", **MAIL))["message"] == "OK"
    assert names == [greeting]


RECEIVERS = [f"user{number}@x.com" for number in range(120)]


@pytest.mark.parametrize(
    "refusal",
    [
        "452 4.5.3 too many", "550 5.5.3 too many recipients", "552 5.5.3 too many", "552 not now",
        "550 Too many recipients", "554 5.7.1 Transaction failed: Recipient count exceeds 30.",
        "553 maximum number of recipients exceeded", "503 5.5.1 too many rcpts",
    ],
)  # fmt: skip
async def test_s7_too_many_recipients_go_in_further_mails(open_mail: OpenMail, inbox: Inbox, refusal: str) -> None:
    inbox.most_receivers, inbox.too_many = 30, refusal
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver=RECEIVERS, **MAIL)
    assert sorted(answer["data"]["accepted"]) == sorted(RECEIVERS)
    assert sorted(address for mail in inbox.delivered for address in mail.receivers) == sorted(RECEIVERS)


@pytest.mark.parametrize(
    ("refusal", "most"),
    [
        ("554 Transaction failed: Recipient count exceeds 50.", 50), ("552 5.5.3 too many", 50),
        ("554 Transaction failed: Recipient count exceeds 10.", 10), ("550 Too many recipients", 1),
    ],
)  # fmt: skip
async def test_s7_a_service_that_counts_after_data_gets_fewer(
    open_mail: OpenMail, inbox: Inbox, refusal: str, most: int
) -> None:
    inbox.most_in_data, inbox.too_many = most, refusal
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver=RECEIVERS, **MAIL)
    assert sorted(answer["data"]["accepted"]) == sorted(RECEIVERS)
    assert sorted(address for mail in inbox.delivered for address in mail.receivers) == sorted(RECEIVERS)


async def test_s7_the_receivers_of_one_mail_can_be_set(open_mail: OpenMail, inbox: Inbox) -> None:
    mail = await open_mail("smtp_recipients_per_mail: 50")
    await mail.call(SEND_MAIL, receiver=RECEIVERS, **MAIL)
    assert [len(delivered.receivers) for delivered in inbox.delivered] == [50, 50, 20]


@pytest.mark.parametrize(
    ("answers", "kind", "retryable"),
    [
        ({"RCPT TO": "450 4.2.0 greylisted"}, "busy", True),
        ({"RCPT TO": "550 5.1.1 no such user"}, "receiver", False),
        ({"MAIL FROM": "451 try again"}, "busy", True),
        ({"DATA": "354 go on", ".": "554 5.7.1 spam"}, "message", False),
    ],
)
async def test_s8_a_mails_failure_has_the_words_of_every_channel(
    open_mail: OpenMail, answers: dict[str, str], kind: str, retryable: bool
) -> None:
    async with raw_server(lambda peer: speak(peer, answers)) as server:
        mail = await open_mail(port=server.port)
        answer = await mail.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    data = answer["data"]
    assert (data["class"], data["retryable"], data["retry_after"]) == (kind, retryable, None)
    assert (reached(answer), data["failed"][0]["class"]) == (([], ["a@x.com"], []), kind)


async def test_s8_a_reset_after_the_mail_is_unknown(open_mail: OpenMail) -> None:
    async with raw_server(lambda peer: speak(peer, {"DATA": "354 go on", ".": "RST"})) as server:
        mail = await open_mail(port=server.port)
        answer = await mail.call(SEND_MAIL, receiver="a@x.com", **MAIL)
    data = answer["data"]
    assert (reached(answer), data["outcome"], data["retryable"]) == (([], [], ["a@x.com"]), "unknown", False)
    assert data["class"] == "busy"


@pytest.mark.parametrize(
    ("code", "kind", "retry_after"),
    [
        ("LimitExceeded.PhoneNumberThirtySecondLimit", "quota", 30.0),
        ("RequestLimitExceeded", "quota", 1.0),
        ("InvalidParameterValue.IncorrectPhoneNumber", "receiver", None),
        ("FailedOperation.PhoneNumberInBlacklist", "receiver", None),
        ("FailedOperation.ContainSensitiveWord", "message", None),
        ("FailedOperation.TemplateIncorrectOrUnapproved", "config", None),
        ("FailedOperation.InsufficientBalanceInSmsPackage", "config", None),
        ("FailedOperation.FailResolvePacket", "unknown", None),
    ],
)
async def test_s8_and_so_has_that_of_a_text_message(
    open_sms: OpenMail, tencent: Tencent, code: str, kind: str, retry_after: float | None
) -> None:
    tencent.statuses = {"+8613800000000": code}
    sms = await open_sms()
    data = (await sms.call(SEND_SMS, receiver="13800000000", content="M"))["data"]
    assert (data["class"], data["retryable"], data["retry_after"]) == (kind, kind == "quota", retry_after)
    assert data["failed"][0]["class"] == kind


@pytest.mark.parametrize("userid", ["zhangsan|lisi", "zhangsan|", "|"])
async def test_s9_one_person_has_one_fate(open_gateway: OpenGateway, sandbox: Any, userid: str) -> None:
    config = json.dumps(CONFIGS["qy"][1])
    text = (
        f"{people(f'username: pipe, wx_userid: {json.dumps(userid)}')}components:\n{stanza(SEND_WEIXIN, config[1:-1])}"
    )
    gateway = await open_gateway(config=text, sandbox_url=sandbox.url)
    answer = await gateway.call(SEND_WEIXIN, receiver__username="pipe,admin", data=MESSAGE)
    accepted, failed, _ = reached(answer)
    assert sorted(accepted + failed) == ["admin", "pipe"]
    assert accepted == (["pipe", "admin"] if userid == "zhangsan|" else ["admin"])


@pytest.mark.parametrize(
    ("statuses", "accepted", "failed", "warned"),
    [
        ({}, ["duty", "lisi"], [], []),
        ({"+8613800000001": "X"}, ["duty", "lisi"], [], ["duty"]),
        ({"+8613800000001": "X", "+8613800000002": "X"}, ["lisi"], ["duty"], ["duty"]),
        ({"+8613800000003": "X"}, ["duty"], ["lisi"], []),
    ],
)
async def test_s9_so_has_one_person_with_several_numbers(
    open_gateway: OpenGateway,
    open_server: OpenServer,
    tencent: Tencent,
    statuses: dict[str, str],
    accepted: list[str],
    failed: list[str],
    warned: list[str],
) -> None:
    tencent.statuses = statuses
    url = await open_server(tencent.application())
    gateway = await open_gateway(stanza(SEND_VOICE, f"{KEYS}, tencent_host: '{url}'"))
    numbers = [("duty", "13800000001"), ("duty", "13800000002"), ("lisi", "13800000003")]
    people = [{"username": name, "mobile_phone": number} for name, number in numbers]
    answer = await gateway.call(SEND_VOICE, auto_read_message="M", user_list_information=people)
    assert reached(answer) == (accepted, failed, [])
    assert answer["result"] is not bool(failed)
    assert [warning["field"] for warning in answer["data"].get("warnings", [])] == warned
    assert len(tencent.requests) == 3


async def test_s9_so_has_one_whom_a_relay_calls_at_several_numbers(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    relay = Relay({"result": True, "data": {}})
    gateway = await open_gateway(stanza(SEND_VOICE, f"dest_url: '{await open_server(relay.application())}/relay'"))
    people = [{"username": "duty", "mobile_phone": f"1380000000{number}"} for number in (1, 2)]
    answer = await gateway.call(SEND_VOICE, auto_read_message="M", user_list_information=people)
    assert reached(answer) == (["duty"], [], [])
    assert [person["username"] for person in relay.messages[0]["user_list_information"]] == ["duty", "duty"]


@pytest.mark.parametrize("names", ["admin,ghost", "ghost", "admin,without", "left"])
async def test_s10_who_cannot_be_addressed_has_the_class_of_a_receiver(gateway: Gateway, names: str) -> None:
    data = (await gateway.call(SEND_WEIXIN, receiver__username=names, data=MESSAGE))["data"]
    assert [entry["class"] for entry in data["failed"]] == ["receiver"]
    assert (data["class"], data["retryable"]) == ("receiver", False)


async def test_s11_addresses_that_differ_in_case_only_are_one(open_mail: OpenMail, inbox: Inbox) -> None:
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver="a@example.com,a@EXAMPLE.com", cc="A@example.com,b@x.com", **MAIL)
    assert [delivered.receivers for delivered in inbox.delivered] == [["a@example.com", "b@x.com"]]
    assert answer["data"]["accepted"] == ["a@example.com", "a@EXAMPLE.com", "A@example.com", "b@x.com"]


# Content


@pytest.mark.parametrize("msgtype", ["text", "markdown", ""])
async def test_s15_a_link_is_shown_where_the_form_has_no_place_for_it(world: World, msgtype: str) -> None:
    answer = await world.send(data={**MESSAGE, "msgtype": msgtype, "url": "https://x.test/a"})
    assert answer["result"]
    (message,) = await world.inbox()
    assert message["text"] == "H\nM\nDate: D\nhttps://x.test/a"


async def test_s15_a_link_that_the_text_has_already_is_not_shown_twice(world: World) -> None:
    await world.send(data={**MESSAGE, "message": "see https://x.test/a", "url": "https://x.test/a"})
    assert (await world.inbox())[0]["text"] == "H\nsee https://x.test/a\nDate: D"


@pytest.mark.parametrize(
    ("message", "is_there"),
    [
        ("https://x.test/abc", False), ("https://x.test/a/b", False), ("https://x.test/a?b=1", False),
        ("https://x.test/a.html", False), ("https://y.test/?to=https://x.test/a", False), ("https://x.test/a-b", False),
        ("https://x.test/abc and https://x.test/a", True), ("see https://x.test/a.", True),
        ("(https://x.test/a)", True), ('<a href="https://x.test/a">look</a>', True), ("看https://x.test/a，好", True),
        ("[x](https://x.test/a)", True), ("https://x.test/a?", True), ("https://x.test/a\nhttps://x.test/ab", True),
    ],
)  # fmt: skip
async def test_s15_a_link_is_there_already_only_as_a_whole(world: World, message: str, is_there: bool) -> None:
    await world.send(data={**MESSAGE, "message": message, "url": "https://x.test/a"})
    assert (await world.inbox())[0]["text"].endswith("Date: D" if is_there else "Date: D\nhttps://x.test/a")


async def test_s15_an_agentid_that_chooses_nothing_is_told(world: World, open_world: OpenWorld) -> None:
    answer = await world.send(receiver="", chatid="chat1", wx_qy_agentid=1000009)
    assert (answer["result"], answer["data"]["warnings"][0]["field"]) == (True, "wx_qy_agentid")
    answer = await world.send(receiver="", chatid="chat1", wx_qy_agentid="1000002")
    assert (answer["result"], "warnings" in answer["data"]) == (True, False)

    account = {"wx_type": "mp", "wx_app_id": "wx0000000000000001", "wx_secret": "mp-secret", "wx_template_id": "T" * 43}
    world = await open_world(qy={**account, "wx_mp_host": "${sandbox}"})
    params: dict[str, Any] = {"receiver": OPENID, "wx_qy_agentid": 0, "wx_qy_corpsecret": "corp-secret"}
    answer = await world.send(**params)
    assert answer["result"]
    assert [warning["field"] for warning in answer["data"]["warnings"]] == ["wx_qy_agentid", "wx_qy_corpsecret"]


@pytest.mark.parametrize(
    ("data", "unshown"),
    [
        ({"msgtype": "textcard", "url": "https://x.test/a", "remark": "R"}, ["date", "remark"]),
        ({"template_card": {"card_type": "text_notice"}}, ["template_card"]),
        (
            {"msgtype": "template_card", "template_card": {"card_type": "text_notice"}, "url": "https://x.test/a"},
            ["heading", "message", "date", "url"],
        ),
    ],
)
async def test_s15_whatever_a_form_does_not_show_is_told(
    world: World, data: dict[str, Any], unshown: list[str]
) -> None:
    answer = await world.send(headers={"X-Dry-Run": "1"}, data={**MESSAGE, **data})
    assert [warning["field"] for warning in answer["data"]["warnings"]] == unshown


async def test_s15_a_form_may_be_written_in_any_case(world: World) -> None:
    assert (await world.send(data={**MESSAGE, "msgtype": "Markdown"}))["result"]


@pytest.mark.parametrize(
    ("body_format", "shown"), [("text", "text/plain"), ("TEXT", "text/plain"), ("HTML", "text/html")]
)
async def test_s16_the_format_of_a_mail_is_read_in_any_case(
    open_mail: OpenMail, inbox: Inbox, body_format: str, shown: str
) -> None:
    mail = await open_mail()
    await mail.call(SEND_MAIL, receiver="a@x.com", title="T", content="<b>C</b>", body_format=body_format)
    assert texts(inbox.only())[shown] == "<b>C</b>"


async def test_s16_and_one_that_nobody_knows_is_refused(open_mail: OpenMail, inbox: Inbox) -> None:
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver="a@x.com", body_format="markdown", **MAIL)
    assert answer["message"] == "email format [body_format] Must be one of Html, Text"
    assert inbox.delivered == []


async def test_s17_an_empty_file_is_a_file(open_mail: OpenMail, inbox: Inbox) -> None:
    mail = await open_mail()
    answer = await mail.call(
        SEND_MAIL, receiver="a@x.com", attachments=[{"filename": "empty.log", "content": ""}], **MAIL
    )
    assert answer["message"] == "OK"
    (file,) = (part for part in inbox.only().walk() if part.get_filename())
    assert (file.get_filename(), file.get_payload(decode=True)) == ("empty.log", b"")


@pytest.mark.parametrize("file", [{"filename": "a"}, {"filename": "a", "content": None}])
async def test_s17_a_file_without_any_content_is_not(open_mail: OpenMail, file: dict[str, Any]) -> None:
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver="a@x.com", attachments=[file], **MAIL)
    assert answer["message"] == "content [content] This field is required."


@pytest.mark.parametrize("separator", ["，", "；", "、", ", ", "；\n", " "])
async def test_s19_receivers_may_be_separated_as_in_chinese_text(world: World, separator: str) -> None:
    answer = await world.send(receiver=separator.join(["zhangsan", "lisi", "wangwu"]))
    assert answer["data"]["accepted"] == ["zhangsan", "lisi", "wangwu"]


async def test_s19_and_so_may_mail_addresses_and_phone_numbers(
    open_mail: OpenMail, inbox: Inbox, open_sms: OpenMail
) -> None:
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver="a@x.com；张三 <b@x.com>、c@x.com d@x.com", **MAIL)
    assert inbox.delivered[0].receivers == ["a@x.com", "b@x.com", "c@x.com", "d@x.com"]
    assert answer["data"]["accepted"] == ["a@x.com", "张三 <b@x.com>", "c@x.com", "d@x.com"]
    sms = await open_sms()
    answer = await sms.call(SEND_SMS, receiver="13800000000，13900000000", content="M")
    assert answer["data"]["accepted"] == ["13800000000", "13900000000"]


@pytest.mark.parametrize("expires_in", ["7200", 7200.0, "7200.0", None, 1e300])
async def test_s21_a_token_is_kept_however_its_life_is_written(world: World, expires_in: Any) -> None:
    token = {"errcode": 0, "errmsg": "ok", "access_token": "another"}
    body = json.dumps(token if expires_in is None else {**token, "expires_in": expires_in})
    await world.fault("qy", {"body": body}, fetching=True)
    await world.fault("qy", {"body": '{"errcode": 0, "errmsg": "ok"}'}, times=2)
    assert (await world.send())["result"]
    assert (await world.send())["result"]
    assert await world.fetches() == 1


async def test_s21_a_token_of_unknown_life_is_used_for_a_minute_at_most(world: World) -> None:
    token = '{"errcode": 0, "errmsg": "ok", "access_token": "another"}'
    await world.fault("qy", {"body": token}, fetching=True)
    await world.fault("qy", {"body": '{"errcode": 0, "errmsg": "ok"}'})
    assert (await world.send())["result"]
    await world.clock.pass_by(61)
    assert (await world.send())["result"]
    assert await world.fetches() == 2


async def test_s23_a_link_at_the_edge_of_a_page_stays_whole(world: World) -> None:
    link = '<a href="https://ops.example.com/alerts/42?host=db-01">看图</a>'
    answer = await world.send(data={**MESSAGE, "message": "x" * 2000 + link + "磁盘告警。" * 20})
    assert answer["result"]
    inbox = [message["text"] for message in await world.inbox()]
    assert len(inbox) == 2
    assert sum(link in text for text in inbox) == 1


async def test_s23_every_link_of_a_long_text_stays_whole(world: World) -> None:
    links = [
        f'<a href="https://ops.example.com/alerts/{number}?host=db-{number:03}">查看第{number}条告警</a>'
        if number % 2
        else f"https://ops.example.com/logs/{number}?from=2026-01-01&to=2026-01-02"
        for number in range(40)
    ]
    text = "磁盘空间不足，" + "".join(f"主机负载过高，请处理。{link} " for link in links)
    text += "务" * ((5000 - len(text.encode())) // 3)
    assert len(text.encode()) > 4900
    answer = await world.send(data={**MESSAGE, "message": text})
    assert answer["result"]
    pages = [message["text"] for message in await world.inbox()]
    assert len(pages) > 2
    assert max(len(page.encode()) for page in pages) <= 2048
    assert [sum(link in page for page in pages) for link in links] == [1] * len(links)
    whole = "".join(PAGE_NUMBER.sub("", page) for page in pages)
    assert "".join(whole.split()) == "".join(f"H{text}Date:D".split())


async def test_s25_a_mail_server_with_a_private_authority_is_trusted_by_key(
    open_mail: OpenMail, inbox: Inbox, tmp_path: Path
) -> None:
    own = certificate(tmp_path)
    context: ssl.SSLContext = own.context
    mail = await open_mail(f"smtp_usetls: true, smtp_ca: {json.dumps(str(own.file))}", starttls=context)
    assert (await mail.call(SEND_MAIL, receiver="a@x.com", **MAIL))["message"] == "OK"
    assert inbox.encrypted


async def test_mail_goes_to_addresses_in_every_script(open_mail: OpenMail, inbox: Inbox) -> None:
    mail = await open_mail(enable_SMTPUTF8=True)
    answer = await mail.call(SEND_MAIL, receiver=["用户@例子.com", "张三 <b@例子.com>"], **MAIL)
    assert answer["data"]["accepted"] == ["用户@例子.com", "张三 <b@例子.com>"]
    assert inbox.delivered[0].receivers == ["用户@xn--fsqu00a.com", "b@xn--fsqu00a.com"]


async def test_a_server_without_unicode_addresses_is_told_and_gets_domains_it_can_read(
    open_mail: OpenMail, inbox: Inbox
) -> None:
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver="b@例子.com", **MAIL)
    assert (answer["message"], inbox.delivered[0].receivers) == ("OK", ["b@xn--fsqu00a.com"])
    answer = await mail.call(SEND_MAIL, receiver="用户@x.com", **MAIL)
    assert "does not announce SMTPUTF8" in answer["message"]
    assert answer["data"]["failed"][0]["class"] == "config"


async def test_html_comes_with_a_text_for_those_who_cannot_show_it(open_mail: OpenMail, inbox: Inbox) -> None:
    mail = await open_mail()
    await mail.call(SEND_MAIL, receiver="a@x.com", title="T", content='<p>磁盘</p><a href="https://x.test/">看图</a>')
    assert texts(inbox.only())["text/plain"] == "磁盘\n看图 <https://x.test/>"


MANY = range(10_000)
CROWDS: dict[str, tuple[str, dict[str, Any]]] = {
    "mailboxes": (SEND_MAIL, {"receiver": [f"张三{number} <u@例子{number}.com>" for number in MANY], **MAIL}),
    "mailboxes in a text": (
        SEND_MAIL,
        {"receiver": ",".join(f"张 三 <u@例子{number}.com>" for number in MANY), **MAIL},
    ),
    "phone numbers": (SEND_SMS, {"receiver": ",".join(f"+86 138 {number:04} 0000" for number in MANY), "content": "M"}),
    "people": (
        SEND_VOICE,
        {
            "user_list_information": [
                {"username": "u", "mobile_phone": f"+86 138 {number:04} 0000"} for number in MANY
            ],
            "auto_read_message": "M",
            "is_content_base64": True,
        },
    ),
}


@pytest.mark.parametrize("crowd", CROWDS)
async def test_thousands_of_receivers_are_read_beside_the_event_loop(
    open_gateway: OpenGateway, opened: AsyncExitStack, open_server: OpenServer, crowd: str
) -> None:
    server = await opened.enter_async_context(raw_server(lambda peer: speak(peer, {"MAIL FROM": "550 no"})))
    url = await open_server(Tencent().application())
    smtp = f"smtp_host: 127.0.0.1, smtp_port: {server.port}, mail_sender: esb@example.com"
    tencent = f"{KEYS}, tencent_host: '{url}'"
    gateway = await open_gateway(
        stanza(SEND_MAIL, smtp) + stanza(SEND_SMS, f"{tencent}, sms_sign: S") + stanza(SEND_VOICE, tencent)
    )
    component, params = CROWDS[crowd]
    longest = []
    for _ in range(TRIES):  # the garbage of all tests of this process may be collected meanwhile
        with timed_turns() as held:
            await gateway.call(component, **params)
        longest.append(max(held) / slowness())
    assert min(longest) < 0.15  # seconds of CPU; it was twice as much


# What comes in

BODY = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin", "receiver": "zhangsan"}
JSON_BODY = json.dumps({**BODY, "data": MESSAGE}).encode()
HEADERS = {"X-Bkapi-Authorization": json.dumps({key: BODY[key] for key in BODY if key.startswith("bk_")})}


async def told(gateway: Gateway, body: bytes, **headers: str) -> dict[str, Any]:
    response = await gateway.post(body, SEND_WEIXIN, {"Content-Type": "application/json", **headers})
    answer: dict[str, Any] = await response.json()
    return answer


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n\xef\xbb\xbf \n"])
async def test_s12_a_byte_order_mark_is_skipped(gateway: Gateway, before: bytes) -> None:
    assert (await told(gateway, before + JSON_BODY))["result"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (JSON_BODY.decode().encode("utf-16"), "UTF-16"),
        (JSON_BODY.decode().encode("utf-16-le"), "UTF-16"),
        (JSON_BODY.decode().encode("utf-16-be"), "UTF-16"),
        (JSON_BODY.decode().encode("utf-32"), "UTF-32"),
        (JSON_BODY.decode().encode("utf-32-le"), "UTF-32"),
        (gzip.compress(JSON_BODY, mtime=0), "gzip without the header Content-Encoding"),
        (b"<xml><receiver>zhangsan</receiver></xml>", "XML"),
        (json.dumps(JSON_BODY.decode()).encode(), "a JSON string"),
        (json.dumps({**BODY, "data": {"heading": "磁盘", "message": "满"}}, ensure_ascii=False).encode("gbk"), "GBK"),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
async def test_s12_and_s14_a_body_in_another_form_is_named_and_refused(
    gateway: Gateway, body: bytes, found: str, kind: str
) -> None:
    answer = await told(gateway, body, **{"Content-Type": kind})
    assert (answer["code"], answer["data"]["body"]["found"]) == (1306406, found)
    assert found in answer["message"]
    assert answer["data"]["body"]["needed"] == "a JSON object in UTF-8, or a form"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"[1,2]", "a JSON array"),
        (b"null", "a JSON value that is no object"),
        (b"\x78\x9c\xff", "bytes that are not UTF-8"),
        (b"7", "a JSON value that is no object"),
        (b"hello", "text"),
    ],
)
async def test_s12_a_body_without_parameters_is_told_beside_what_is_missing(
    gateway: Gateway, body: bytes, found: str
) -> None:
    answer = await told(gateway, body, **HEADERS)
    assert answer["message"] == "message data [data] This field is required."
    assert answer["data"]["body"]["found"] == found
    assert (await told(gateway, body))["data"]["body"]["found"] == found  # where credentials are missing, too


async def test_s12_an_empty_body_is_nothing_to_tell_of(gateway: Gateway) -> None:
    assert (await told(gateway, b"", **HEADERS))["data"] is None


async def test_s13_half_a_character_is_replaced_and_its_field_named(gateway: Gateway, sandbox: Any) -> None:
    body = JSON_BODY.replace(b'"M"', rb'"CPU \ud83d"')
    answer = await told(gateway, body)
    assert answer["result"]
    assert [warning["field"] for warning in answer["data"]["warnings"]] == ["data.message"]
    assert (await sandbox.messages())[0]["text"].startswith("H\nCPU \ufffd\n")


@pytest.mark.parametrize(
    ("body", "line", "column"),
    [
        (b'{"a": "one\ntwo"}', 1, 11),
        (b'{"a": 1,\n "b", x}', 2, 5),
        (b"{bad", 1, 2),
        (b'{"a": "\xff"}', 1, 8),
        (b'{"a": 1', 1, 8),
    ],
)  # fmt: skip
async def test_s14_malformed_json_is_told_with_its_place(gateway: Gateway, body: bytes, line: int, column: int) -> None:
    answer = await told(gateway, body)
    assert (answer["code"], answer["message"]) == (
        1306000,
        "Request JSON string is wrong in format, which cannot be analyzed.",
    )
    told_body = answer["data"]["body"]
    assert (told_body["line"], told_body["column"]) == (line, column)
    assert told_body["found"]


@pytest.mark.parametrize("body", [b'{"a": NaN}', b'{"a": 1e999}', b'{"\\ud83d": 1}'])
async def test_s14_json_that_is_not_quite_json_is_no_crash(gateway: Gateway, body: bytes) -> None:
    assert (await told(gateway, body))["code"] == 1306000


@pytest.mark.parametrize(
    ("params", "field", "meant"),
    [
        ({"recievers": "x"}, "recievers", "receiver"),
        ({"data": {**MESSAGE, "messag": "x"}}, "data.messag", "message"),
        ({"zzz": 1}, "zzz", ""),
    ],
)
async def test_s18_a_parameter_that_nobody_knows_is_told_and_the_message_goes(
    gateway: Gateway, params: dict[str, Any], field: str, meant: str
) -> None:
    answer = await gateway.send(**params)
    assert answer["result"]
    (warning,) = answer["data"]["warnings"]
    assert warning["field"] == field
    assert warning["what"] == "there is no such parameter" + (f"; did you mean {meant}?" if meant else "")


async def test_s18_and_so_it_is_where_the_call_fails(gateway: Gateway) -> None:
    answer = await gateway.call(SEND_WEIXIN, recievers="zhangsan", data=MESSAGE)
    assert answer["message"].endswith("shall not be empty at the same time")
    assert answer["data"]["warnings"][0]["field"] == "recievers"
    answer = await gateway.send("nobody", datas={})
    assert (answer["data"]["warnings"][0]["field"], reached(answer)[1]) == ("datas", ["nobody"])


async def test_s18_an_attachment_in_the_singular_is_told(open_mail: OpenMail) -> None:
    mail = await open_mail()
    answer = await mail.call(SEND_MAIL, receiver="a@x.com", attachment=[], **MAIL)
    assert answer["data"]["warnings"][0]["what"] == "there is no such parameter; did you mean attachments?"


@pytest.mark.parametrize(
    "params",
    [{}, {"username": "admin"}, {"app_code": "esb_demo"}, {"dry_run": "0"}, {"idempotency_key": "k"}, {"bk_token": ""}],
)
async def test_s18_what_speaks_to_the_gateway_is_known(gateway: Gateway, params: dict[str, Any]) -> None:
    warnings = (await gateway.send(**params))["data"].get("warnings", [])
    assert [warning for warning in warnings if warning["field"] in params] == []


async def test_s20_json_in_a_form_is_refused_as_ever_and_told_what_to_do(gateway: Gateway) -> None:
    form = urlencode({**BODY, "data": json.dumps(MESSAGE)}).encode()
    answer = await told(gateway, form, **{"Content-Type": "application/x-www-form-urlencoded"})
    assert answer["message"] == "message data [data] Must be the specified parameter data type dict"
    assert answer["data"]["hint"] == "It is JSON in a text: send the whole body as JSON."


# What operators write


@pytest.mark.parametrize("written", ["corp-secret\n", "corp-secret\r\n", "\ufeffcorp-secret", "\ufeffcorp-secret\n"])
@pytest.mark.parametrize("place", ["${SECRET}", "${file:secret}"])
def test_s22_a_secret_is_read_without_what_editors_put_around_it(tmp_path: Path, written: str, place: str) -> None:
    (tmp_path / "secret").write_bytes(written.encode())
    reading = Interpolation({"SECRET": written}, tmp_path, None)
    root, _ = read(f"key: '{place}'\n", "esb.yaml")
    assert reading.fill(root).children["key"].value == "corp-secret"
    assert reading.mistakes == []


@pytest.mark.parametrize(("zone", "hours"), [("Asia/Shanghai", 8), ("UTC", 0), ("America/St_Johns", None)])
async def test_s24_a_date_is_in_the_time_zone_that_the_operator_names(
    open_gateway: OpenGateway, sandbox: Any, zone: str, hours: int | None
) -> None:
    config = json.dumps(CONFIGS["qy"][1])
    text = f"{SERVICES}server: {{timezone: {zone}}}\ncomponents:\n{stanza(SEND_WEIXIN, config[1:-1])}"
    gateway = await open_gateway(config=text, sandbox_url=sandbox.url)
    began = datetime.now(ZoneInfo(zone)).replace(tzinfo=None, second=0, microsecond=0)
    await gateway.send(data={"heading": "H", "message": "M"})
    shown = datetime.fromisoformat((await sandbox.messages())[0]["text"].removeprefix("H\nM\nDate: "))
    assert began <= shown <= datetime.now(ZoneInfo(zone)).replace(tzinfo=None)
    if hours is not None:
        assert abs(shown - datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=hours)) < timedelta(minutes=5)


async def test_s24_so_is_the_date_of_a_mail(open_gateway: OpenGateway, opened: AsyncExitStack, inbox: Inbox) -> None:
    port = await opened.enter_async_context(smtp_server(inbox))
    config = stanza(SEND_MAIL, f"smtp_host: 127.0.0.1, smtp_port: {port}, mail_sender: esb@example.com")
    gateway = await open_gateway(config=f"{SERVICES}server: {{timezone: Asia/Kathmandu}}\ncomponents:\n{config}")
    await gateway.call(SEND_MAIL, receiver="a@example.com", **MAIL)
    assert str(inbox.delivered[0].mail["Date"]).endswith(" +0545")


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "/etc/passwd", "", "8"])
async def test_s24_a_time_zone_that_nobody_knows_is_a_mistake(open_gateway: OpenGateway, zone: str) -> None:
    with pytest.raises(ConfigError, match="time zone"):
        await open_gateway(config=f"{SERVICES}server: {{timezone: '{zone}'}}\ncomponents: []\n")
