"""services.login, use: bk_login: BlueKing's login service over HTTP."""

import hashlib
from collections.abc import Sequence
from urllib.parse import urlencode

from pydantic import Field, SecretStr

from esb.config import ConfigModel
from esb.config.urls import BaseUrl
from esb.contracts.checks import Check
from esb.contracts.probes import Probes
from esb.contracts.services import ProcessServices, Service
from esb.core.call import Call
from esb.core.errors import AuthenticationError
from esb.core.single_flight import Lookup
from esb.outgoing.client import Target
from esb.services._answers import NOBODYS_TOKEN, answering
from esb.services._refusals import bad_token

IS_LOGIN = Target("BK_LOGIN", "is_login")


class BkLoginConfig(ConfigModel):
    """Where the login service is."""

    url: BaseUrl = Field(description="address of the login service")
    app_code: str = Field("esb", description="the app code that the gateway shows it")
    app_token: SecretStr = Field(description="the token of that app code")


class BkLogin(Service[BkLoginConfig]):
    """A client of `GET {url}/login/accounts/is_login/`; a login is remembered for 60 s, a refusal for 5 s."""

    service = "login"
    config_type = BkLoginConfig

    def __init__(self, config: BkLoginConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._url = config.url.rstrip("/") + "/login/accounts/is_login/?"
        self._headers = {"X-APP-CODE": config.app_code, "X-APP-TOKEN": config.app_token.get_secret_value()}
        self._http = services.http
        self._logins: Lookup[bytes, str] = Lookup(
            ttl=60, refusal=AuthenticationError, refusal_ttl=5, clock=services.clock
        )

    def checks(self, probes: Probes) -> Sequence[Check]:
        return [
            *probes.reach(self.config.url, "services.login.config.url"),
            answering("the login service answers", lambda: self._ask(probes.call(), NOBODYS_TOKEN)),
        ]

    async def username(self, call: Call, bk_token: str) -> str:
        key = hashlib.sha256(bk_token.encode()).digest()
        return await self._logins.get(key, lambda: self._ask(call.detached(10), bk_token))

    async def _ask(self, call: Call, bk_token: str) -> str:
        url = self._url + urlencode({"bk_token": bk_token})
        answer = await self._http.json(call, IS_LOGIN, "GET", url, headers=self._headers)
        data = answer.get("data")
        username = data.get("username") if isinstance(data, dict) else None
        if answer.get("result") is not True or not isinstance(username, str) or not username:
            raise bad_token()
        return username

    async def close(self) -> None:
        await self._logins.close()
