"""The base of a platform's credential: what each platform has to say."""

from typing import Any

import pytest

from esb.channels.account import Account
from tests.support.clock import Clock
from tests.support.process_services import make_process_services


class HalfAPlatform(Account):
    platform, system, interface, at_once = "half", "HALF", "send", 1

    def _url(self, endpoint: str, token: str) -> str:
        return endpoint


def test_a_platform_that_leaves_a_method_out_is_told_at_once(clock: Clock) -> None:
    half: Any = HalfAPlatform
    with pytest.raises(TypeError, match=r"_ask_token\W+_judged\W+_reply\W+_token_in"):
        half(make_process_services(clock), host="https://h", account="a", secret="s")
