"""WeCom's members out of the receivers of a call."""

import re

from esb.channels.recipients import Audience
from esb.core.errors import ParameterError

EVERYBODY = "@all"
_MEMBER = re.compile(r"(?!(?i:@all)\Z)[^\s|](?:[^|]*[^\s|])?")
"""One member, written as it is sent."""


def members(audience: Audience, *, allow_all: bool) -> Audience:
    """WeCom's own separator taken apart, members told apart without regard to case, and @all refused unless allowed."""
    if len(audience.typed) == 1:
        (address,) = audience.typed
        if _MEMBER.fullmatch(address):
            return audience  # nearly always
    spellings: dict[str, str] = {}
    typed: dict[str, tuple[str, ...]] = {}
    for address, names in audience.typed.items():
        for member in filter(None, (part.strip() for part in address.split("|"))):
            spelling = spellings.setdefault(member.lower(), member)
            called = (member,) if names == (address,) else names
            typed[spelling] = tuple(dict.fromkeys((*typed.get(spelling, ()), *called)))
    if not typed:
        raise ParameterError("wechat receiver [receiver] This field is required.")
    if EVERYBODY in spellings:
        if not allow_all:
            raise ParameterError(
                "wechat receiver [receiver] @all is not allowed here, unless the operator sets wx_qy_allow_all"
            )
        typed = {EVERYBODY: tuple(name for names in typed.values() for name in names)}
    return Audience(typed, audience.unknown_users, audience.without_contact)
