"""Addresses of the directory in a dry run: masked, unless the caller wrote them itself."""

import pytest

from esb.channels.masking import RECEIVERS, given_forms, mask, masked


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("zhangsan@example.com", "z***@example.com"),
        ("a@b@example.com", "a***@example.com"),
        ("@example.com", "***@example.com"),
        ("13800001234", "138****1234"),
        ("+8613800001234", "+86138****1234"),
        ("1380000123", "***23"),
        ("+123", "***23"),
        ("zhangsan", "z***"),
        ("138-0000-1234", "1***"),
        ("", "***"),
    ],
)
def test_enough_is_left_of_an_address_to_know_it_again(address: str, expected: str) -> None:
    assert mask(address) == expected


@pytest.mark.parametrize(
    ("address", "forms"),
    [
        ("+86-13800001234", {"+86-13800001234", "+8613800001234", "13800001234"}),
        ("+86-138-0000", {"+86-138-0000", "+861380000", "0000"}),
        ("010-62780000", {"010-62780000", "01062780000"}),
        ("zhangsan", {"zhangsan"}),
        ("", {""}),
    ],
)
def test_a_phone_number_has_several_forms(address: str, forms: set[str]) -> None:
    assert given_forms([address]) == forms


@pytest.mark.parametrize("key", sorted(RECEIVERS))
def test_whoever_was_not_given_is_masked_wherever_receivers_stand(key: str) -> None:
    assert masked({key: "known|lisi|known|wang@a.com"}, {"known"}) == {key: "known|l***|known|w***@a.com"}
    assert masked({key: ["lisi", "known"]}, {"known"}) == {key: ["l***", "known"]}
    assert masked({key: ("lisi",)}, {"known"}) == {key: ["l***"]}
    assert masked({key: [7, True]}, {"known"}) == {key: [7, True]}


def test_the_receivers_of_a_message_stand_under_these_keys() -> None:
    tencent = {"PhoneNumberSet", "CalledNumber"}
    relayed = {"user_list_information", "telephone", "mobile_phone"}
    assert {"touser", "receiver", "cc"} | tencent | relayed == RECEIVERS


def test_nothing_else_of_a_message_changes() -> None:
    people = [{"username": "lisi", "mobile_phone": "13800001234", "telephone": None}]
    message = {"text": "lisi", "data": {"touser": "lisi"}, "agentid": 1, "user_list_information": people}
    shown = {"username": "lisi", "mobile_phone": "138****1234", "telephone": None}
    assert masked(message, ()) == {**message, "user_list_information": [shown]}
    assert people[0]["mobile_phone"] == "13800001234"
