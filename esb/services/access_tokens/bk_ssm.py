"""services.access_tokens, use: bk_ssm: BlueKing's token service over HTTP."""

import hashlib
from collections.abc import Sequence

from pydantic import Field, SecretStr

from esb.config import ConfigModel
from esb.config.urls import BaseUrl
from esb.contracts.checks import Check
from esb.contracts.probes import Probes
from esb.contracts.services import Identity, ProcessServices, Service
from esb.core.call import Call, User
from esb.core.errors import AuthenticationError, Message
from esb.core.reasons import Reason
from esb.core.single_flight import Lookup
from esb.outgoing.client import Target
from esb.services._answers import NOBODYS_TOKEN, answering

VERIFY = Target("BK_SSM", "verify_access_token")


class BkSsmConfig(ConfigModel):
    """Where the token service is."""

    url: BaseUrl = Field(description="address of the token service")
    app_code: str = Field("bk_paas", description="the app code that the gateway shows it")
    app_secret: SecretStr = Field(description="the secret of that app code")


class BkSsm(Service[BkSsmConfig]):
    """A client of `POST {url}/api/v1/auth/access-tokens/verify`; an identity is kept for 300 s, a refusal for 5 s."""

    service = "access_tokens"
    config_type = BkSsmConfig

    def __init__(self, config: BkSsmConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._url = config.url.rstrip("/") + "/api/v1/auth/access-tokens/verify"
        self._headers = {"x-bk-app-code": config.app_code, "x-bk-app-secret": config.app_secret.get_secret_value()}
        self._http = services.http
        self._identities: Lookup[bytes, Identity] = Lookup(
            ttl=300, refusal=AuthenticationError, refusal_ttl=5, clock=services.clock
        )

    def checks(self, probes: Probes) -> Sequence[Check]:
        way = probes.reach(self.config.url, "services.access_tokens.config.url")
        return [*way, answering("the token service answers", lambda: self._ask(probes.call(), NOBODYS_TOKEN))]

    async def identity(self, call: Call, token: str) -> Identity:
        key = hashlib.sha256(token.encode()).digest()
        return await self._identities.get(key, lambda: self._ask(call.detached(10), token))

    async def _ask(self, call: Call, token: str) -> Identity:
        body = {"access_token": token}
        answer = await self._http.json(call, VERIFY, "POST", self._url, body=body, headers=self._headers)
        data = answer.get("data")
        app_code = data.get("bk_app_code") if isinstance(data, dict) else None
        if answer.get("code") != 0 or not isinstance(data, dict) or not isinstance(app_code, str) or not app_code:
            raise AuthenticationError(
                "verify access_token failed, please check if the access_token is valid",
                call_reason=Reason.TOKEN_INVALID,
            )
        return Identity(
            app_code,
            _user(data.get("identity")),
            Message("the access_token is the application type and cannot indicate the user"),
        )

    async def close(self) -> None:
        await self._identities.close()


def _user(identity: object) -> User | None:
    username = identity.get("username") if isinstance(identity, dict) else None
    return User(username, verified=True) if isinstance(username, str) and username else None
