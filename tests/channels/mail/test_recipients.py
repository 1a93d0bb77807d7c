"""Receivers of a mail as the caller typed them."""

import pytest

from esb.channels.mail.address import Mailbox, mailbox
from esb.channels.mail.recipients import Mailboxes, mail_address, mail_audience
from esb.channels.recipients import Audience
from esb.core.errors import EsbError
from esb.core.params import Params


class Mailed(Params):
    receiver: Mailboxes = ()


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


@pytest.mark.parametrize(
    ("typed", "receivers"),
    [
        ('"Doe, John" <a@x.com>, b@x.com', ('"Doe, John" <a@x.com>', "b@x.com")),
        ('b@x.com;Dr. "J; D、R" <a@x.com>\nc@x.com', ("b@x.com", 'Dr. "J; D、R" <a@x.com>', "c@x.com")),
        (r'"A \"B, C\" D" <a@x.com>，b@x.com c@x.com', (r'"A \"B, C\" D" <a@x.com>', "b@x.com", "c@x.com")),
        ('b@x.com, "never ends, c@x.com', ("b@x.com", '"never ends, c@x.com')),
    ],
)
def test_what_stands_in_quotes_separates_no_receivers(typed: str, receivers: tuple[str, ...]) -> None:
    assert Mailed.model_validate({"receiver": typed}).receiver == receivers


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"Doe, John" <a@x.com>', "Doe, John"),
        (r'"A \"B\" \\ C"<a@x.com>', r'A "B" \ C'),
        ('"<Doe>, John" <a@x.com>', "<Doe>, John"),
        ('O"Brien <a@x.com>', 'O"Brien'),
        (" Ann <a@x.com>", "Ann"),
    ],
)
def test_a_name_is_read_without_its_quotes(text: str, name: str) -> None:
    assert mailbox(text) == Mailbox("a@x.com", name)
