"""Receivers of a mail as the caller typed them."""

import pytest

from esb.channels.mail.recipients import mail_address, mail_audience
from esb.channels.recipients import Audience
from esb.core.errors import EsbError


def test_an_address_that_is_typed_twice_gets_one_mail() -> None:
    audience = mail_audience(["a@x.com", "Ann <a@x.com>", "b@x.com", "a@x.com"])
    receivers = {"a@x.com": ("a@x.com", "Ann <a@x.com>"), "b@x.com": ("b@x.com",)}
    assert audience == Audience(receivers, given=receivers)


def test_one_that_is_no_address_spoils_the_call_and_everybody_is_told() -> None:
    with pytest.raises(EsbError, match="contact format are incorrect: b,c, please check") as caught:
        mail_audience(["Ann <a@x.com>", "b", "c"])
    data = caught.value.data
    assert [(entry["receiver"], entry["errcode"], str(entry["errmsg"])) for entry in data.pop("failed")] == [
        ("b", None, "contact format is incorrect"),
        ("c", None, "contact format is incorrect"),
        ("Ann <a@x.com>", None, "not sent"),
    ]
    told = {"class": "receiver", "retryable": False, "retry_after": None}
    assert data == {"accepted": [], "unknown": [], "msgids": [], **told}


def test_the_address_is_what_is_left_without_a_name() -> None:
    assert [mail_address(text) for text in ("Ann <a@x.com>", "a@x.com", "Ann")] == ["a@x.com", "a@x.com", ""]
