"""Addresses of the directory as a dry run tells them: an app may send to people, and need not know where they are."""

import re
from collections.abc import Collection, Mapping
from typing import Any

RECEIVERS = frozenset(
    {
        *("touser", "receiver", "cc"),
        *("PhoneNumberSet", "CalledNumber"),
        *("user_list_information", "telephone", "mobile_phone"),
    }
)
"""Keys of a message under which receivers stand: WeChat's, Tencent's, and those that a relay gets."""
_NUMBER = re.compile(r"\+?[0-9]+")
_SHORT = 11
"""A phone number with fewer signs shows its last two only."""


def given_forms(addresses: Collection[str]) -> frozenset[str]:
    """Return all forms in which a message may hold these addresses: phone numbers have several."""
    return frozenset(
        form
        for address in addresses
        for form in (address, address.replace("-", ""), address.rpartition("-")[2] if address[:1] == "+" else address)
    )


def masked(message: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return a message in which every receiver is masked that is not given; nothing else of it changes.

    Who is masked depends on what the caller wrote, and on nothing that the directory says.
    """
    return {key: _masked(value, given) if key in RECEIVERS else value for key, value in message.items()}


def _masked(value: Any, given: Collection[str]) -> Any:
    match value:
        case str():
            return "|".join(piece if piece in given else mask(piece) for piece in value.split("|"))
        case list() | tuple():
            return [_masked(item, given) for item in value]
        case dict():
            return masked(value, given)
    return value


def mask(address: str) -> str:
    """Return enough of an address to know it again: a***@example.com, 138****0000, or z*** for another."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}***@{domain}"
    if _NUMBER.fullmatch(address):
        return f"{address[:-8]}****{address[-4:]}" if len(address) >= _SHORT else f"***{address[-2:]}"
    return f"{address[:1]}***"
