import base64
import json
from typing import Any

import pytest

from esb.plugins.cmsi_send_voice_msg import VMS
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.loop_time import late
from tests.support.servers.tencent import KEYS, SECRET_ID, SECRET_KEY, Relay, Tencent

SEND_VOICE = "cmsi/send_voice_msg"


def stanza(config: str, timeout: float = 300) -> str:
    lines = ["  - path: /cmsi/send_voice_msg/", "    use: cmsi_send_voice_msg", f"    timeout: {timeout}"]
    return "\n".join([*lines, f"    config: {{{config}}}"])


def person(username: str, phone: str = "") -> dict[str, str]:
    return {"username": username, "mobile_phone": phone}


@pytest.fixture
def tencent() -> Tencent:
    return Tencent()


@pytest.fixture
async def voice(open_gateway: OpenGateway, open_server: OpenServer, tencent: Tencent) -> Gateway:
    return await open_gateway(stanza(f"{KEYS}, tencent_host: '{await open_server(tencent.application())}'"))


def assert_leaks_no_secret(gateway: Gateway, answer: Any) -> None:
    told = json.dumps(answer) + repr(gateway.events)
    for secret in (SECRET_ID, SECRET_KEY, "relay-key", "http://"):
        assert secret not in told
    assert "127.0.0.1:" not in json.dumps(answer)  # the log has the host


async def test_everybody_is_called_once(voice: Gateway, tencent: Tencent) -> None:
    people = [person("zhangsan", "13800000001"), person("lisi", "13800000002"), person("zhangsan", "13800000001")]
    answer = await voice.call(SEND_VOICE, auto_read_message="disk full", user_list_information=people)
    assert (answer["result"], answer["code"], answer["message"]) == (True, 0, "OK")
    assert answer["data"]["accepted"] == ["zhangsan", "lisi"]
    assert answer["data"]["msgids"] == ["call-+8613800000001", "call-+8613800000002"]
    assert sorted(tencent.requests, key=lambda request: str(request[1]["CalledNumber"])) == [
        (
            "SendTtsVoice",
            {
                "CalledNumber": f"+861380000000{number}",
                "TemplateId": "449739",
                "TemplateParamSet": ["disk full"],
                "VoiceSdkAppid": "1400006666",
            },
        )
        for number in (1, 2)
    ]
    assert tencent.headers[0]["X-TC-Version"] == "2020-09-02"
    assert_leaks_no_secret(voice, answer)


async def test_user_names_are_looked_up_also_where_a_phone_is_missing(voice: Gateway, tencent: Tencent) -> None:
    answer = await voice.call(SEND_VOICE, auto_read_message="M", receiver__username="admin")
    assert answer["data"]["accepted"] == ["admin"]
    people = [person("admin"), person("zhangsan", "13800000001")]
    answer = await voice.call(SEND_VOICE, auto_read_message="M", user_list_information=people)
    assert sorted(answer["data"]["accepted"]) == ["admin", "zhangsan"]
    assert [body["CalledNumber"] for body in tencent.bodies].count("+8613800000000") == 2


async def test_the_list_wins_over_user_names(voice: Gateway) -> None:
    people = [person("zhangsan", "13800000001")]
    answer = await voice.call(
        SEND_VOICE, auto_read_message="M", user_list_information=people, receiver__username="nobody"
    )
    assert answer["data"]["accepted"] == ["zhangsan"]


async def test_the_others_are_called_when_some_users_are_unknown(voice: Gateway) -> None:
    answer = await voice.call(SEND_VOICE, auto_read_message="M", receiver__username="admin,nobody,without")
    assert answer["message"] == (
        "Some users failed to send voice. The following users are not blueking users: nobody;"
        "The following users contact format are incorrect: without"
    )
    assert (answer["data"]["accepted"], answer["data"]["username_check"]) == (["admin"], {"invalid": ["nobody"]})


async def test_nobody_is_called_when_no_user_can_be_reached(voice: Gateway, tencent: Tencent) -> None:
    answer = await voice.call(SEND_VOICE, auto_read_message="M", receiver__username="nobody")
    assert answer["message"] == (
        "All users contact information failed to get, The following users are not blueking users: nobody"
    )
    assert tencent.requests == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"receiver__username": "admin"}, "auto voice reading info [auto_read_message] This field is required."),
        (
            {"auto_read_message": "M"},
            "The parameters [user_list_information and receiver__username] shall not be empty at the same time",
        ),
        (
            {"auto_read_message": "M", "user_list_information": "admin"},
            "user list [user_list_information] Must be the specified parameter data type list",
        ),
        (
            {"auto_read_message": "M", "user_list_information": ["admin"]},
            "user list [user_list_information] Must be a list of dicts",
        ),
        (
            {"auto_read_message": "M", "user_list_information": [{"mobile_phone": "1"}]},
            "person notified [username] This field is required.",
        ),
        (
            {"auto_read_message": "M", "user_list_information": [person("a", "13800000001"), person("b", "x")]},
            "Mobile phone [mobile_phone] of the person notified must be a number",
        ),
    ],
)
async def test_wrong_parameters_are_told(
    voice: Gateway, tencent: Tencent, params: dict[str, Any], message: str
) -> None:
    answer = await voice.call(SEND_VOICE, **params)
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306000, message)
    assert tencent.requests == []


async def test_a_message_in_base64_is_decoded_because_send_msg_may_bring_one(voice: Gateway, tencent: Tencent) -> None:
    message = base64.b64encode("磁盘满".encode()).decode()
    answer = await voice.call(SEND_VOICE, auto_read_message=message, is_content_base64=True, receiver__username="admin")
    assert answer["result"] is True
    assert tencent.bodies[0]["TemplateParamSet"] == ["磁盘满"]


async def test_a_refused_call_is_told_by_name_and_the_others_go_on(voice: Gateway, tencent: Tencent) -> None:
    tencent.statuses = {"+8613800000002": "FailedOperation.InvalidParameters"}
    people = [person("zhangsan", "13800000001"), person("lisi", "13800000002")]
    answer = await voice.call(SEND_VOICE, auto_read_message="M", user_list_information=people)
    assert (answer["code"], answer["message"]) == (
        1306000,
        "Some users failed to send voice. lisi, the call was refused",
    )
    assert answer["data"]["accepted"] == ["zhangsan"]
    assert answer["data"]["failed"] == [
        {
            "receiver": "lisi",
            "errcode": "FailedOperation.InvalidParameters",
            "errmsg": "the call was refused",
            "class": "message",
        }
    ]
    assert answer["data"]["errcode"] == "FailedOperation.InvalidParameters"


async def test_a_frequency_limit_says_when_to_come_again(voice: Gateway, tencent: Tencent) -> None:
    tencent.error = ("LimitExceeded.DeliveryFrequencyLimit", "too often")
    answer = await voice.call(SEND_VOICE, auto_read_message="M", receiver__username="admin")
    assert (answer["code"], answer["data"]["retry_after"]) == (1306429, 60)
    assert answer["message"] == "Some users failed to send voice. admin, too often"


async def test_hundreds_are_called_a_few_at_once(voice: Gateway, tencent: Tencent) -> None:
    tencent.wait_for(VMS.at_once)
    people = [person(f"user{number}", str(13900000000 + number)) for number in range(100)]
    answer = await voice.call(SEND_VOICE, auto_read_message="M", user_list_information=people)
    assert len(answer["data"]["accepted"]) == 100
    assert tencent.most_at_once == VMS.at_once


async def test_a_hanging_tencent_leaves_those_unknown_who_were_being_called(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    tencent = Tencent(hangs=True)
    url = await open_server(tencent.application())
    gateway = await open_gateway(stanza(f"{KEYS}, tencent_host: '{url}'", timeout=20))
    calling = gateway.call(SEND_VOICE, auto_read_message="M", receiver__username="admin")
    answer = await late(20, calling, tencent.hanging.wait())
    assert (answer["code"], answer["data"]["unknown"]) == (1306201, ["admin"])


async def test_an_unfinished_stanza_names_what_is_missing(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(stanza(""))
    answer = await gateway.call(SEND_VOICE, auto_read_message="M", receiver__username="admin")
    assert answer["message"] == (
        "Unfinished interface shall be improved by the component developer: the operator has to configure dest_url, "
        "or else tencent_secret_id, tencent_secret_key, sdk_app_id, template_id"
    )


async def test_a_relay_gets_the_message_in_the_old_form(open_gateway: OpenGateway, open_server: OpenServer) -> None:
    relay = Relay({"result": True, "data": {"instance_id": "2662152044"}})
    gateway = await open_gateway(stanza(f"dest_url: '{await open_server(relay.application())}/relay?key=relay-key'"))
    people = [person("zhangsan", "13800000001"), person("admin"), person("john", "+442071234567")]
    answer = await gateway.call(SEND_VOICE, auto_read_message="M", user_list_information=people)
    assert relay.messages == [
        {
            "auto_read_message": "M",
            "user_list_information": [
                {"username": "zhangsan", "mobile_phone": "13800000001", "nation_code": "86"},
                {"username": "john", "mobile_phone": "2071234567", "nation_code": "44"},
                {"username": "admin", "mobile_phone": "13800000000", "nation_code": "86"},
            ],
        }
    ]
    assert answer["data"]["instance_id"] == "2662152044"
    assert answer["data"]["accepted"] == ["zhangsan", "john", "admin"]


async def test_a_relay_that_refuses_without_a_word_is_told_in_the_old_words(
    open_gateway: OpenGateway, open_server: OpenServer
) -> None:
    relay = Relay({"result": False})
    gateway = await open_gateway(stanza(f"dest_url: '{await open_server(relay.application())}/relay?key=relay-key'"))
    answer = await gateway.call(SEND_VOICE, auto_read_message="M", receiver__username="admin")
    assert answer["message"] == "Some users failed to send voice."
    assert answer["data"]["failed"] == [{"receiver": "admin", "errcode": -1, "errmsg": "", "class": "unknown"}]
    assert_leaks_no_secret(gateway, answer)
