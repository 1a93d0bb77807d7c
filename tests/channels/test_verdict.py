"""The verdict on an answer: what may be repeated, and what was read only in part."""

from typing import get_args

import pytest

from esb.channels.verdict import ACCEPTED, RETRYABLE, Declined, Kind, Meaning, Verdict
from esb.core.errors import Message


def verdict(kind: Kind, errcode: int = 40001) -> Verdict:
    return Verdict(errcode, "no", kind, Message("why"), 2.5)


def test_who_changes_nothing_may_repeat_what_was_busy_over_its_quota_or_had_a_dead_token() -> None:
    retryable = {kind for kind in get_args(Kind) if verdict(kind).retryable}
    assert retryable == RETRYABLE == {"token", "busy", "quota"}


def test_a_message_is_accepted_at_once_or_held() -> None:
    assert {"ok", "held"} == ACCEPTED


@pytest.mark.parametrize(
    ("errcode", "kind", "half_read"), [(0, "ok", False), (0, "message", True), (1, "message", False)]
)
def test_code_zero_of_what_was_not_accepted_was_read_only_in_part(errcode: int, kind: Kind, half_read: bool) -> None:
    assert verdict(kind, errcode).half_read is half_read


def test_an_answer_tells_code_class_and_when_to_come_again() -> None:
    judged = verdict("quota", 45009)
    expected = {"errcode": 45009, "errmsg": "no", "class": "quota", "retryable": True, "retry_after": 2.5}
    assert judged.data() == {**expected, "hint": Message("why")}
    assert (str(Declined(judged)), Declined(judged).data) == ("no", judged.data())


def test_a_hint_has_its_own_values_and_those_of_the_answer() -> None:
    meaning = Meaning("config", "add {ip} to {list}", {"list": "the allow-list", "ip": "?"})
    assert str(meaning.hint(ip="192.0.2.1")) == "add 192.0.2.1 to the allow-list"
    assert str(meaning.hint()) == "add ? to the allow-list"
