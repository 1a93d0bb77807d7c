"""WeCom's messages before they are sent."""

import pytest

from esb.channels.pacing import ARRIVING_SECONDS
from esb.channels.recipients import Audience, addressed
from esb.channels.wechat.account import PARTY, TO_USER
from esb.channels.wechat.wecom import app_messages, members
from esb.channels.wechat.wecom_groups import RECEIVERS_PER_CALL, grouped


@pytest.mark.parametrize(("seconds", "interval"), [(29.5, 40), (4 * 3600, 4 * 3600), (4 * 3600 - 10.5, 4 * 3600)])
def test_wecom_drops_repetitions_for_as_long_as_they_may_arrive_and_it_can(seconds: float, interval: int) -> None:
    assert ARRIVING_SECONDS == 10
    first, second = [app_messages(7, ("a", "b"), [{"msgtype": "text"}], seconds)[0].body(0) for _ in range(2)]
    assert first.pop("client_msg_id") != second.pop("client_msg_id")
    assert first == second
    assert first == {
        "touser": "a|b",
        "msgtype": "text",
        "agentid": 7,
        "enable_duplicate_check": 1,
        "duplicate_check_interval": interval,
    }


def test_wecom_drops_nothing_that_it_is_not_asked_to() -> None:
    (message,) = app_messages(7, ("a",), [{"msgtype": "text"}], None)
    assert message.body(0) == {"touser": "a", "msgtype": "text", "agentid": 7}
    assert not message.deduplicated
    assert message.address == TO_USER


def test_a_message_is_for_a_thousand_members_at_most() -> None:
    assert RECEIVERS_PER_CALL == 1000
    everybody = tuple(f"member{number}" for number in range(2001))
    messages = app_messages(7, everybody, [{}], 30.0)
    assert [len(message.receivers) for message in messages] == [1000, 1000, 1]
    assert sum((message.receivers for message in messages), ()) == everybody
    assert {message.endpoint for message in messages} == {"/cgi-bin/message/send"}
    assert all(message.deduplicated for message in messages)


def test_a_dry_run_tells_those_members_as_they_are_whom_the_caller_wrote() -> None:
    directory = Audience({"lisi|wangwu": ("admin",), "zhaoliu": ("zhaoliu",)}, ("nobody",), ("nowhere",))
    audience = members(directory, allow_all=False)
    assert (audience.unknown_users, audience.without_contact) == (("nobody",), ("nowhere", "admin"))
    assert audience.typed == {"zhaoliu": ("zhaoliu",)}  # one person is one member
    assert set(audience.given) == set()

    written = Audience({**addressed(["lisi|B", "b"]).typed, "zhaoliu": ("admin",)}, given=("lisi|B", "b"))
    audience = members(written, allow_all=False)
    assert audience.typed == {"lisi": ("lisi",), "B": ("B", "b"), "zhaoliu": ("admin",)}
    assert set(audience.given) == {"lisi", "B"}

    assert set(members(addressed(["lisi", "@ALL"]), allow_all=True).given) == {"@all"}


@pytest.mark.parametrize("receiver", ["zhangsan", "zhang.san-1_2@x"])
def test_a_single_member_is_taken_as_it_is(receiver: str) -> None:
    audience = addressed([receiver])
    assert members(audience, allow_all=False) is audience


def test_departments_and_tags_are_taken_apart_without_the_blanks_around_them() -> None:
    assert grouped([" 1 | 2 ", "|"], ["a|"]) == grouped(["1", "2"], ["a"])
    assert list(grouped([" 1 | 2 "], []).typed) == [f"{PARTY}1", f"{PARTY}2"]
