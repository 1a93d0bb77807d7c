"""Attempts of deliveries by each channel: for whom, with which date, under which id, and with whose turn."""

import base64
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from aiohttp import web

from esb.channels.pacing import share_of_deliveries
from esb.channels.tencent.phone import typed
from esb.channels.wechat.wecom import ATTEMPT_SECONDS
from tests.support.attempts import ACCEPTED_AT, MIDDLEWARES, WINDOW, attempt
from tests.support.clock import Clock
from tests.support.configuration import MESSAGE, OFFICIAL_ACCOUNT, OPENID, WECOM
from tests.support.gateway import Gateway, OpenGateway, OpenServer, Sandbox
from tests.support.send_weixin import OPENIDS, SEND, fault, reached, seed
from tests.support.servers.smtp_server import Inbox, smtp_server
from tests.support.servers.tencent import KEYS, Relay, Tencent

ALL = ("zhangsan", "lisi", "wangwu")
TIMEZONE = "server: {timezone: Asia/Shanghai}\n"
ACCEPTED = "2023-11-15 06:13"
"""When the deliveries were accepted, in Shanghai."""
NOTICE = {"heading": "H", "message": "M"}
PACED = WECOM.replace("wx_qy_member_per_minute: 0", "wx_qy_member_per_minute: 30")
ROBOT = """\
  - {path: /cmsi/send_wecom_robot/, use: cmsi_send_wecom_robot, config: {webhook_key: bot-key,
     wx_qy_host: "${sandbox}"}}
"""
Open = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def open_(open_gateway: OpenGateway, sandbox: Sandbox, clock: Clock) -> Open:
    """A gateway with these components, whose calls with `attempt` are attempts."""

    async def open_one(components: str = WECOM) -> Gateway:
        return await open_gateway(components, more=TIMEZONE + MIDDLEWARES, sandbox_url=sandbox.url, clock=clock)

    return open_one


async def bodies(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [message["body"] for message in await sandbox.messages()]


async def test_only_receivers_who_still_need_it_get_the_message(open_: Open, sandbox: Sandbox) -> None:
    gateway = await open_()
    answer = await gateway.send(",".join(ALL), **attempt(*ALL, done=("lisi",)))
    assert reached(answer) == (["zhangsan", "wangwu"], [], [])
    assert [body["touser"] for body in await bodies(sandbox)] == ["zhangsan|wangwu"]


async def test_a_message_that_everybody_has_is_not_sent(open_: Open, sandbox: Sandbox) -> None:
    gateway = await open_()
    answer = await gateway.send("lisi", **attempt("lisi", done=("lisi",)))
    assert (answer["result"], reached(answer), await bodies(sandbox)) == (True, ([], [], []), [])


async def test_users_have_the_addresses_that_were_found_when_the_delivery_was_accepted(
    open_: Open, sandbox: Sandbox
) -> None:
    gateway = await open_()
    found = attempt(looked_up={"admin": "wangwu", "gone": "zhangsan"})
    answer = await gateway.call(receiver__username="admin,gone,unknown", data=MESSAGE, **found)
    assert reached(answer) == (["admin", "gone"], [], [])
    assert [body["touser"] for body in await bodies(sandbox)] == ["wangwu|zhangsan"]


async def test_departments_and_members_are_open_each_by_themselves(open_: Open, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(members=[{"userid": "zhangsan", "departments": [2]}]))
    gateway = await open_()
    found = attempt("zhangsan", "toparty\0002", done=("zhangsan",))
    assert (await gateway.send("zhangsan", toparty="2", **found))["result"] is True
    (body,) = await bodies(sandbox)
    assert (body["toparty"], "touser" in body) == ("2", False)


@pytest.mark.parametrize("components", [WECOM, OFFICIAL_ACCOUNT])
async def test_the_message_bears_the_date_on_which_it_was_accepted(
    open_: Open, sandbox: Sandbox, components: str
) -> None:
    receiver = "zhangsan" if components == WECOM else OPENID
    gateway = await open_(components)
    await gateway.send(receiver, data=NOTICE, **attempt(receiver))
    await gateway.send(receiver, data={**NOTICE, "date": "given"}, **attempt(receiver))
    accepted, given = [message["text"] for message in await sandbox.messages()]
    assert ACCEPTED in accepted
    assert "given" in given


async def test_another_attempt_makes_the_very_same_request_and_wecom_drops_it(open_: Open, sandbox: Sandbox) -> None:
    gateway = await open_()
    for _ in range(2):
        assert (await gateway.send(",".join(ALL), data=NOTICE, **attempt(*ALL)))["result"] is True
    await gateway.send(",".join(ALL), data=NOTICE, **attempt(*ALL, id="0192f001"))
    first, second, another = await sandbox.messages()
    assert first["body"] == second["body"]
    assert (second["duplicate_of"], second["delivered"]) == (first["id"], [])
    assert first["body"]["duplicate_check_interval"] == WINDOW + ATTEMPT_SECONDS + 10
    assert another["duplicate_of"] is None


async def test_an_official_account_knows_another_attempt_by_its_id(open_: Open, sandbox: Sandbox) -> None:
    await sandbox.post("seed", seed(openids=OPENIDS))
    gateway = await open_(OFFICIAL_ACCOUNT)
    for _ in range(2):
        await gateway.send(",".join(OPENIDS[:2]), **attempt(*OPENIDS))
    messages = await sandbox.messages()
    assert len({message["body"]["client_msg_id"] for message in messages}) == 1
    assert [bool(message["delivered"]) for message in messages] == [True, True, False, False]


@pytest.mark.parametrize("components", [WECOM, OFFICIAL_ACCOUNT])
async def test_wechat_drops_a_call_that_comes_again_with_its_key(
    open_: Open, sandbox: Sandbox, components: str
) -> None:
    receiver = "zhangsan" if components == WECOM else OPENID
    for key, text in (("k", "1"), ("k", "1"), ("k2", "1")):
        gateway = await open_(components)  # which remembers no key
        await gateway.send(receiver, data={**MESSAGE, "message": text}, idempotency_key=key)
    first, second, third = await sandbox.messages()
    assert first["body"]["client_msg_id"] == second["body"]["client_msg_id"] != third["body"]["client_msg_id"]
    assert (second["duplicate_of"], third["duplicate_of"]) == (first["id"], None)


async def test_two_apps_with_the_same_key_send_two_messages(open_: Open, sandbox: Sandbox) -> None:
    gateway = await open_(OFFICIAL_ACCOUNT)
    await gateway.send(OPENID, idempotency_key="k")
    again: dict[str, Any] = {"bk_app_code": "no_users", "bk_app_secret": "no-users-secret", "bk_token": "demo-token"}
    await gateway.call(receiver=OPENID, data=MESSAGE, auth=again, idempotency_key="k")
    assert [bool(message["delivered"]) for message in await sandbox.messages()] == [True, True]


async def test_who_may_have_got_a_message_of_which_repetitions_are_not_dropped_is_unknown(
    open_: Open, sandbox: Sandbox
) -> None:
    gateway = await open_(WECOM.replace("per_minute: 0", "per_minute: 0, wx_qy_duplicate_check: false"))
    answer = await gateway.send("lisi", **attempt("lisi", in_doubt=True))
    assert (reached(answer), await bodies(sandbox)) == (([], [], ["lisi"]), [])


async def test_who_may_have_got_a_file_is_unknown_since_it_would_be_another_request(
    open_: Open, sandbox: Sandbox
) -> None:
    gateway = await open_()
    picture = {"msgtype": "image", "file": {"content": base64.b64encode(b"\xff\xd8\xff 12345").decode()}}
    answer = await gateway.send("lisi", data=picture, **attempt("lisi", in_doubt=True))
    assert (reached(answer), await sandbox.messages()) == (([], [], ["lisi"]), [])
    assert reached(await gateway.send("lisi", data=picture, **attempt("lisi"))) == (["lisi"], [], [])


async def test_who_may_have_got_a_message_gets_its_repetition_where_wecom_drops_it(
    open_: Open, sandbox: Sandbox
) -> None:
    gateway = await open_()
    assert reached(await gateway.send("lisi", **attempt("lisi", in_doubt=True))) == (["lisi"], [], [])


# Turns


async def test_a_receiver_without_a_turn_is_put_off_and_a_call_finds_room(
    open_: Open, sandbox: Sandbox, clock: Clock
) -> None:
    gateway = await open_(PACED)
    share = share_of_deliveries(30)
    for number in range(share):
        assert (await gateway.send("lisi", **attempt("lisi", id=str(number))))["result"] is True
    answer = await gateway.send("lisi", **attempt("lisi"))
    (failed,) = answer["data"]["failed"]
    assert (failed["class"], failed["retry_after"]) == ("quota", 60)
    assert [(await gateway.send("lisi"))["result"] for _ in range(30 - share)] == (30 - share) * [True]
    clock.advance(60)
    assert (await gateway.send("lisi", **attempt("lisi")))["result"] is True


async def test_a_message_goes_to_all_of_its_receivers_or_to_none_and_costs_nobody_a_turn(
    open_: Open, sandbox: Sandbox
) -> None:
    gateway = await open_(PACED.replace("per_minute: 30", "per_minute: 3"))
    for number in range(2):
        await gateway.send("lisi", **attempt("lisi", id=str(number)))
    for _ in range(3):
        answer = await gateway.send("zhangsan,lisi", **attempt("zhangsan", "lisi"))
        assert reached(answer) == ([], ["zhangsan", "lisi"], [])
    assert [(await gateway.send("zhangsan"))["result"] for _ in range(3)] == [True, True, True]
    assert [body["touser"] for body in await bodies(sandbox)] == ["lisi", "lisi", "zhangsan", "zhangsan", "zhangsan"]


async def test_a_robot_gives_two_thirds_of_its_minute_to_deliveries(open_: Open, sandbox: Sandbox) -> None:
    gateway = await open_(ROBOT)
    robot = "cmsi/send_wecom_robot"
    answers = [await gateway.call(robot, content=str(n), **attempt("robot", id=str(n))) for n in range(14)]
    assert [answer["result"] for answer in answers] == [True] * 13 + [False]
    assert (await gateway.call(robot, content="urgent"))["result"] is True
    done = await gateway.call(robot, content="done", **attempt("robot", done=("robot",)))
    assert (done["result"], len(await sandbox.messages())) == (True, 14)


async def test_a_quota_that_is_used_up_puts_a_delivery_off(open_: Open, sandbox: Sandbox) -> None:
    await fault(sandbox, SEND, {"errcode": 45009, "errmsg": "api freq out of limit"})
    gateway = await open_()
    answer = await gateway.send("lisi", **attempt("lisi"))
    assert [(each["class"], each["retry_after"]) for each in answer["data"]["failed"]] == [("quota", 60)]


# Senders of others


class Vendor:
    """A vendor of the stand-in's kind: keeps what it is asked, and answers with `errcode`."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.errcode = 0

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/send", self._handle)
        return app

    async def _handle(self, request: web.Request) -> web.Response:
        self.asked.append(await request.json())
        return web.json_response({"errcode": self.errcode, "wait": 5})


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
async def third_party(open_: Open, open_server: OpenServer, vendor: Vendor) -> Gateway:
    url = await open_server(vendor.application())
    return await open_(
        f"  - {{path: /chat/send/, use: 'tests.support.senders:Deduplicating', config: {{url: '{url}'}}}}\n"
    )


async def test_a_sender_of_others_sends_to_who_needs_it_under_ids_that_repetitions_share(
    third_party: Gateway, vendor: Vendor
) -> None:
    everybody = attempt("a", "b", looked_up={"admin": "boss@example.com"}, done=("a",))
    params: dict[str, Any] = {"receiver": "a", "receiver__username": "admin,nobody"}
    first = await third_party.call("chat/send", content="C", **params, **everybody)
    assert (first["result"], reached(first)[0]) == (True, ["admin"])
    assert [each["to"] for each in vendor.asked] == [["boss@example.com"]]
    again = attempt("a", "b", looked_up={"admin": "boss@example.com"}, in_doubt=True)
    await third_party.call("chat/send", content="C", **params, **again)
    assert [each["to"] for each in vendor.asked[1:]] == [["a"], ["boss@example.com"]]
    ids = [each["id"] for each in vendor.asked]
    assert (len(ids[0]), ids[0] == ids[2], ids[0] == ids[1]) == (32, True, False)


async def test_a_sender_of_others_puts_off_what_has_no_turn_or_no_quota(third_party: Gateway, vendor: Vendor) -> None:
    for number in range(4):
        await third_party.call("chat/send", content="C", receiver="a", **attempt("a", id=str(number)))
    answer = await third_party.call("chat/send", content="C", receiver="a", **attempt("a"))
    assert [(each["class"], each["retry_after"]) for each in answer["data"]["failed"]] == [("quota", 60)]
    urgent = await third_party.call("chat/send", content="C", receiver="b")
    assert (urgent["result"], len(vendor.asked)) == (True, 5)


async def test_a_delivery_is_not_tried_again_at_once_when_a_vendor_says_that_it_was_too_much(
    third_party: Gateway, vendor: Vendor
) -> None:
    vendor.errcode = 2
    answer = await third_party.call("chat/send", content="C", receiver="a", **attempt("a"))
    assert [(each["class"], each["retry_after"]) for each in answer["data"]["failed"]] == [("quota", 5)]
    assert len(vendor.asked) == 1


# Other channels


async def test_a_mail_goes_to_those_who_need_it_under_one_id_and_with_its_date(
    open_: Open, opened: AsyncExitStack
) -> None:
    port = await opened.enter_async_context(smtp_server(inbox := Inbox()))
    gateway = await open_(
        "  - {path: /cmsi/send_mail/, use: cmsi_send_mail, config: {smtp_host: 127.0.0.1, "
        f"smtp_port: {port}, mail_sender: esb@example.com}}}}\n"
    )
    mail: dict[str, Any] = {"receiver": "a@x.com,b@x.com", "cc": "c@x.com", "title": "T", "content": "C"}
    everybody = ("a@x.com", "b@x.com", "c@x.com")
    for done in ((), ("a@x.com",), everybody):
        answer = await gateway.call("cmsi/send_mail", **mail, **attempt(*everybody, done=done))
        assert answer["result"] is True
    first, second = inbox.delivered
    assert (first.receivers, second.receivers) == ([*everybody], ["b@x.com", "c@x.com"])
    assert first.mail["Message-ID"] == second.mail["Message-ID"]
    assert second.mail["To"].replace("\n", "") == "a@x.com, b@x.com"
    assert parsedate_to_datetime(first.mail["Date"]).timestamp() == ACCEPTED_AT
    assert first.mail["Date"].endswith("+0800")


@pytest.mark.parametrize(
    ("component", "params"),
    [
        ("send_sms", {"receiver": "13800000001,13800000002", "content": "C"}),
        (
            "send_voice_msg",
            {
                "auto_read_message": "C",
                "user_list_information": [
                    {"username": "a", "mobile_phone": "13800000001"},
                    {"username": "b", "mobile_phone": "13800000002"},
                ],
            },
        ),
    ],
)
async def test_only_numbers_that_need_it_are_called_or_written_to(
    open_: Open, open_server: OpenServer, component: str, params: dict[str, Any]
) -> None:
    tencent, relay = Tencent(), Relay()
    stanza = "  - {path: /cmsi/%s/, use: cmsi_%s, config: {%s}}\n"
    numbers = (typed("13800000001"), typed("13800000002"))
    host = f"{KEYS}, tencent_host: '{await open_server(tencent.application())}'"
    gateway = await open_(stanza % (component, component, host))
    for done in (numbers[:1], numbers):
        answer = await gateway.call(f"cmsi/{component}", **params, **attempt(*numbers, done=done))
        assert answer["result"] is True
    (body,) = tencent.bodies
    assert body.get("PhoneNumberSet") or [body["CalledNumber"]] == ["+8613800000002"]

    gateway = await open_(
        stanza % (component, component, f"dest_url: '{await open_server(relay.application())}/relay'")
    )
    for done in (numbers[:1], numbers):
        answer = await gateway.call(f"cmsi/{component}", **params, **attempt(*numbers, done=done))
        assert answer["result"] is True
    (asked,) = relay.messages
    assert "13800000002" in str(asked)
    assert "13800000001" not in str(asked)
