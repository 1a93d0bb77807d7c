"""Receivers of a mail, by the addresses that the caller typed."""

from collections.abc import Sequence
from typing import Annotated

from esb.channels.mail.address import Mailbox, mailbox
from esb.channels.recipients import Audience, by_address, unaddressed
from esb.channels.verdict import advice
from esb.contracts.services import Contact
from esb.core.errors import EsbError, Message, template
from esb.core.params import Receivers, split_by
from esb.core.reasons import Reason

WRONG_ADDRESSES = template(
    "User message failed to send. The following users contact format are incorrect: {names}, please check"
)


def mail_audience(receivers: Sequence[str]) -> Audience:
    """Return the audience of these addresses. One that is no address spoils the call, as it did in the old ESB."""
    typed = by_address((mail_address(receiver), receiver) for receiver in receivers)
    wrong = typed.pop("", ())
    if not wrong:
        return Audience(typed, given=typed)
    failed = [unaddressed(name, Message("contact format is incorrect")) for name in wrong]
    unsent = [name for names in typed.values() for name in names]
    failed += [unaddressed(name, Message("not sent"), "message") for name in unsent]
    data = Audience({}).report(failed=failed) | advice("receiver")
    del data["username_check"]  # there are no user names here
    raise EsbError(WRONG_ADDRESSES, data, call_reason=Reason.RECEIVERS, names=",".join(wrong))


def named_mailboxes(receivers: Sequence[str]) -> dict[str, Mailbox]:
    """Return by address the mailboxes among these that have a name."""
    return {box.address: box for box in map(mailbox, (text for text in receivers if "<" in text)) if box is not None}


def mail_address(text: str) -> str:
    """The address alone; "" if there is none."""
    box = mailbox(text)
    return "" if box is None else box.address


def of_contact(contact: Contact) -> str:
    """Return the address of a person in the directory; "" if there is none."""
    return mail_address(contact.email)


def is_mailbox(text: str) -> bool:
    """Tell whether this is one mail address, with or without a name."""
    return mailbox(text) is not None


Mailboxes = Annotated[Receivers, split_by(is_mailbox)]
"""Mail addresses, as `Receivers`; a name with blanks before one does not make several of it."""
