"""services.login, use: static: login states as they stand in esb.yaml."""

import hmac
from typing import Annotated

from pydantic import Field

from esb.config import ConfigModel
from esb.contracts.services import ProcessServices, Service
from esb.core.call import Call
from esb.services._refusals import bad_token

FILLED = Field(min_length=1)


class LoginConfig(ConfigModel):
    """Login states that stand in esb.yaml."""

    tokens: dict[Annotated[str, FILLED], Annotated[str, FILLED]] = Field(
        default_factory=dict, repr=False, description="bk_token -> user name"
    )


class StaticLogin(Service[LoginConfig]):
    """services.login, use: static."""

    service = "login"
    config_type = LoginConfig

    def __init__(self, config: LoginConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._tokens = [(token.encode(), username) for token, username in config.tokens.items()]

    async def username(self, call: Call, bk_token: str) -> str:
        offered = bk_token.encode()
        owners = [username for token, username in self._tokens if hmac.compare_digest(offered, token)]
        if not owners:
            raise bad_token()
        return owners[0]
