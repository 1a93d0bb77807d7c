"""A mail server's no: what it speaks of. The code tells little, the status behind it more, and its text the rest.

Sources: RFC 5321 (§4.5.3.1.10: 452 to a receiver means "in another transaction", and 552 is read so too), RFC 3463 and
5248 (the status: X.1 an address, X.2 a mailbox, X.5.3 too many recipients, X.1.7 and X.1.8 the sender's address); the
texts are those of Postfix, Exim, Exchange, and the providers that fall short of a status.
"""

import re

from aiosmtplib import SMTPRecipientRefused, SMTPResponseException

PERMANENT = 500
TOO_MANY_RECEIVERS = 452
STORAGE = 552
"""The code that servers from before 2008 answer instead of 452."""
CONFIGURATION = frozenset({500, 502, 503, 504, 530, 534, 535, 538})
"""Codes that speak of the command, our name or our login, whichever receiver was named."""
OF_COMMANDS = frozenset({"5.1", "5.2", "5.4"})
"""Statuses that speak of the command or its arguments."""
OF_CLIENTS = frozenset({"7.8", "7.9", "7.11", "7.25", "7.57"})
"""Statuses that speak of our login, our address or our rights."""
OF_SENDER = frozenset({"1.7", "1.8", "7.60"})
"""Statuses that speak of the sender: its address, or our right to send as it."""
_STATUS = re.compile(r"\s*[245]\.(\d{1,3}\.\d{1,3})\b")
_OF_US = re.compile(
    r"\brelay|\b(?:helo|ehlo)\b|\bclient (?:host|was not|does not)|\bauthenticat|\bnot logged in|\breverse dns",
    re.IGNORECASE,
)
_OF_SENDER = re.compile(r"\bsender (?:address|domain|verify|is not)|\bmail[ -]from\b", re.IGNORECASE)
_OF_RECEIVER = re.compile(r"\brecipient (?:address )?rejected", re.IGNORECASE)
_CROWDED = re.compile(
    r"\btoo many (?:recipients|rcpts?\b|receivers)|\brecipients? (?:count|limit)"
    r"|\bmax(?:imum)?\b.{0,40}\brecipients?\b",
    re.IGNORECASE,
)


def is_crowded(refusal: SMTPResponseException) -> bool:
    """Tell whether a mail has too many receivers for this server."""
    status = _status(refusal)
    if refusal.code == STORAGE and isinstance(refusal, SMTPRecipientRefused) and not status:
        return True
    return refusal.code == TOO_MANY_RECEIVERS or status == "5.3" or bool(_CROWDED.search(refusal.message))


def blames_us(refusal: SMTPResponseException) -> bool:
    """Tell whether a refusal speaks of what an operator set, instead of the mail, its receivers or its sender."""
    if refusal.code < PERMANENT:
        return False
    status, text = _status(refusal), refusal.message
    if status.startswith(("1.", "2.")) or status in OF_SENDER or _OF_SENDER.search(text) or _OF_RECEIVER.search(text):
        return False
    by_number = refusal.code in CONFIGURATION or status in OF_COMMANDS or status in OF_CLIENTS
    return by_number or bool(_OF_US.search(text))


def blames_sender(refusal: SMTPResponseException, *, of_mail_from: bool = False) -> bool:
    """Tell whether a refusal speaks of the sender's address. `of_mail_from`: it answers the command that names it."""
    if refusal.code < PERMANENT:
        return False
    status = _status(refusal)
    if of_mail_from:
        return refusal.code != STORAGE and not status.startswith(("2.", "3."))  # the mail's announced size
    return status in OF_SENDER or (not status.startswith(("1.", "2.")) and bool(_OF_SENDER.search(refusal.message)))


def _status(refusal: SMTPResponseException) -> str:
    """Return subject and detail of the enhanced status, such as "5.3"; "" if there is none."""
    found = _STATUS.match(refusal.message)
    return found[1] if found else ""
