"""Services that a deployment does without: what they would have to know is refused, and says which key is missing."""

from typing import NoReturn

from esb.call import Call
from esb.config import ConfigModel
from esb.errors import AuthenticationError, GatewayJwtError
from esb.services import Means


class NoTokensConfig(ConfigModel):
    """Nothing to configure."""


class NoAccessTokens:
    """services.access_tokens, use: none (the default)."""

    service = "access_tokens"
    config_type = NoTokensConfig

    def __init__(self, config: NoTokensConfig, means: Means) -> None:
        """Nothing to borrow."""

    async def identity(self, call: Call, token: str) -> NoReturn:
        raise AuthenticationError(
            "verify access_token failed, this gateway does not know access tokens: services.access_tokens is not"
            " configured"
        )

    async def close(self) -> None: ...


class NoGatewayJwt:
    """services.jwt, use: none (the default). An identity that cannot be verified is never ignored for another."""

    service = "jwt"
    config_type = NoTokensConfig

    def __init__(self, config: NoTokensConfig, means: Means) -> None:
        """Nothing to borrow."""

    async def identity(self, call: Call, token: str) -> NoReturn:
        raise GatewayJwtError(
            "APIGateway JWT verification failed, this gateway cannot verify [X-Bkapi-JWT]: services.jwt is not"
            " configured"
        )

    async def close(self) -> None: ...
