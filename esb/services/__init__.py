"""Who knows apps, logins, users and access tokens: one protocol each. Back ends are files of this folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from esb.call import App, Call
from esb.clock import Clock
from esb.outgoing import Outgoing
from esb.tokens import TokenCache


@dataclass(frozen=True, slots=True)
class Contact:
    """How a person is reached. An empty field: not by that way."""

    username: str
    wx_userid: str = ""
    email: str = field(default="", repr=False)
    telephone: str = field(default="", repr=False)
    country_code: str = ""


class Apps(Protocol):
    """Knows calling apps."""

    async def verify(self, call: Call, code: str, secret: str) -> App:
        """The app of this code if `secret` is one of its secrets; AuthenticationError otherwise."""
        ...

    async def close(self) -> None: ...


class Login(Protocol):
    """Knows who is logged in."""

    async def username(self, call: Call, bk_token: str) -> str:
        """Whose login state this is; AuthenticationError if nobody's."""
        ...

    async def close(self) -> None: ...


class Users(Protocol):
    """Knows people."""

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        """The contacts of those users who exist and are active, by user name."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Means:
    """What lasts as long as the process, and is lent to all that is built from a configuration.

    `http` is the way out; `tokens` the memory of upstream access tokens; `clock` what every expiry goes by.
    """

    http: Outgoing
    tokens: TokenCache
    clock: Clock
