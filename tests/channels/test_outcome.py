import pytest

from esb.channels.outcome import Miss, Reached, answer, joined, shown, stopped
from esb.channels.recipients import Audience, addressed
from esb.core.errors import EsbError, Limited, Message, UpstreamError

FAILED = Message("sending failed")
SOME = "some failed. {complaint}"


def test_everybody_reached_is_data() -> None:
    data = answer(addressed(["a"]), Reached(accepted=("a",), msgids=("1",)), failed=FAILED, some_users=SOME)
    assert data["accepted"] == ["a"]
    assert data["msgids"] == ["1"]


def test_two_names_of_one_address_are_both_told() -> None:
    audience = Audience({"+86-1": ("admin", "root")})
    with pytest.raises(EsbError) as caught:
        answer(audience, Reached(failed=(Miss("+86-1", 5, "no"),)), failed=FAILED, some_users=SOME)
    assert [entry["receiver"] for entry in caught.value.data["failed"]] == ["admin", "root"]
    assert caught.value.data["errcode"] == 5


def test_what_a_relay_answers_is_kept_and_never_wins() -> None:
    reached = Reached(accepted=("a",), answered={"id": 7, "accepted": "no"})
    data = answer(addressed(["a"]), reached, failed=FAILED, some_users=SOME)
    assert (data["id"], data["accepted"]) == (7, ["a"])
    assert answer(addressed(["a"]), Reached(accepted=("a",), answered=[1]), failed=FAILED, some_users=SOME) == [1]


def test_an_error_comes_with_whom_the_sending_reached() -> None:
    limited = Limited("too many", 2.0)
    with pytest.raises(Limited) as caught:
        answer(addressed(["a"]), stopped(["a"], limited), failed=FAILED, some_users=SOME)
    assert (caught.value.data["retry_after"], len(caught.value.data["failed"])) == (2.0, 1)
    error = UpstreamError("S", "I", "slow")
    with pytest.raises(UpstreamError) as failed:
        answer(addressed(["a"]), stopped(["a"], error), failed=FAILED, some_users=SOME)
    assert failed.value.data["unknown"] == ["a"]


def test_only_if_all_refusals_are_for_now_the_call_is_limited() -> None:
    busy = Reached(failed=(Miss("a", "Limit", "busy"),), retry_after=30.0)
    busier = Reached(failed=(Miss("b", "Limit", "busy"),), retry_after=60.0)
    refused = Reached(failed=(Miss("c", "No", "no"),))
    assert joined([busy, Reached(accepted=("d",)), busier]).retry_after == 60.0
    assert joined([busy, refused]).retry_after == 0.0
    with pytest.raises(Limited):
        answer(addressed(["a"]), busy, failed=FAILED, some_users=SOME)


def test_an_upstreams_text_is_shown_without_addresses_and_secrets() -> None:
    assert shown("no\r\n way, see https://x.example/?k=1 pw", "pw", "") == "no way, see ***"
    assert (shown(None), len(shown("x" * 1000))) == ("", 300)
