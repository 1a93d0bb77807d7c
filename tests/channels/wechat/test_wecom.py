"""WeCom's messages before they are sent."""

import pytest

from esb.channels.pacing import ARRIVING_SECONDS
from esb.channels.wechat.wecom import app_messages


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
