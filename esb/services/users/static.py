"""services.users, use: static: people as they stand in esb.yaml."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

from pydantic import Field

from esb.config import ConfigModel
from esb.contracts.services import Contact, ProcessServices, Service
from esb.core.call import Call
from esb.services._unique import each_once


class StaticUser(ConfigModel):
    """One person."""

    username: Annotated[str, Field(min_length=1)] = Field(description="name of the user")
    wx_userid: str = Field("", description="user ID in WeCom, or openid of the official account")
    email: str = Field("", repr=False, description="mail address")
    telephone: str = Field("", repr=False, description="phone number, in quotes")
    country_code: str = Field("86", description="country code of the phone number, in quotes")
    addresses: dict[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="addresses on other platforms by kind, for plugins that ask for one",
    )
    active: bool = Field(True, description="false for somebody who has left")

    @property
    def contact(self) -> Contact:
        """The person as plugins see it; the calls that share it cannot change it."""
        wechat = {"wx_userid": self.wx_userid} if self.wx_userid else {}
        addresses = MappingProxyType({**self.addresses, **wechat})
        return Contact(self.username, self.email, self.telephone, self.country_code, addresses)


class UsersConfig(ConfigModel):
    """People who stand in esb.yaml."""

    users: Annotated[tuple[StaticUser, ...], each_once("username")] = Field((), description="people and their contacts")


class StaticUsers(Service[UsersConfig]):
    """services.users, use: static."""

    service = "users"
    config_type = UsersConfig

    def __init__(self, config: UsersConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._contacts = {user.username: user.contact for user in config.users if user.active}

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        return {name: self._contacts[name] for name in usernames if name in self._contacts}
