"""Apps, logins and users as they stand in esb.yaml."""

import hmac
from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field, SecretStr

from esb.call import App, Call
from esb.config import ConfigModel
from esb.services import Contact, Means
from esb.services._once import each_once
from esb.services._refusals import bad_secret, bad_token, unknown_app
from esb.services._rights import AppRights

FILLED = Field(min_length=1)


class StaticApp(AppRights):
    """One app, and its secrets: several while one is being replaced. None of them is empty: anybody knows that one."""

    secrets: tuple[Annotated[SecretStr, FILLED], ...] = Field(description="its secrets; several while one is replaced")


class AppsConfig(ConfigModel):
    """Apps that stand in esb.yaml."""

    apps: Annotated[tuple[StaticApp, ...], each_once("code")] = Field((), description="who may call")


class StaticApps:
    """services.apps, use: static."""

    service = "apps"
    config_type = AppsConfig

    def __init__(self, config: AppsConfig, means: Means) -> None:
        self._apps = {
            entry.code: (
                entry.app(),
                [secret.get_secret_value().encode() for secret in entry.secrets],
            )
            for entry in config.apps
        }

    async def verify(self, call: Call, code: str, secret: str) -> App:
        app, secrets = self._entry(code)
        offered = secret.encode()
        matches = False
        for known in secrets:  # all of them: no early exit to measure
            matches |= hmac.compare_digest(offered, known)
        if not matches:
            raise bad_secret(code)
        return app

    async def secrets(self, call: Call, code: str) -> Sequence[bytes]:
        return self._entry(code)[1]

    async def rights(self, call: Call, code: str) -> App:
        return self._entry(code)[0]

    def _entry(self, code: str) -> tuple[App, Sequence[bytes]]:
        try:
            return self._apps[code]
        except KeyError:
            raise unknown_app(code) from None

    async def close(self) -> None: ...


class LoginConfig(ConfigModel):
    """Login states that stand in esb.yaml."""

    tokens: dict[Annotated[str, FILLED], Annotated[str, FILLED]] = Field(
        default_factory=dict, repr=False, description="bk_token -> user name"
    )


class StaticLogin:
    """services.login, use: static."""

    service = "login"
    config_type = LoginConfig

    def __init__(self, config: LoginConfig, means: Means) -> None:
        self._tokens = [(token.encode(), username) for token, username in config.tokens.items()]

    async def username(self, call: Call, bk_token: str) -> str:
        offered = bk_token.encode()
        owners = [username for token, username in self._tokens if hmac.compare_digest(offered, token)]
        if not owners:
            raise bad_token()
        return owners[0]

    async def close(self) -> None: ...


class StaticUser(ConfigModel):
    """One person."""

    username: Annotated[str, FILLED] = Field(description="name of the user")
    wx_userid: str = Field("", description="user ID in WeCom, or openid of the official account")
    email: str = Field("", description="mail address")
    telephone: str = Field("", description="phone number, in quotes")
    country_code: str = Field("86", description="country code of the phone number, in quotes")
    active: bool = Field(True, description="false for somebody who has left")


class UsersConfig(ConfigModel):
    """People who stand in esb.yaml."""

    users: Annotated[tuple[StaticUser, ...], each_once("username")] = Field((), description="people and their contacts")


class StaticUsers:
    """services.users, use: static."""

    service = "users"
    config_type = UsersConfig

    def __init__(self, config: UsersConfig, means: Means) -> None:
        self._contacts = {
            user.username: Contact(user.username, user.wx_userid, user.email, user.telephone, user.country_code)
            for user in config.users
            if user.active
        }

    async def contacts(self, call: Call, usernames: Sequence[str]) -> Mapping[str, Contact]:
        return {name: self._contacts[name] for name in usernames if name in self._contacts}

    async def close(self) -> None: ...
