"""services.jwt, use: none: a header X-Bkapi-JWT is refused, and the refusal names the missing key."""

from typing import NoReturn

from esb.config import ConfigModel
from esb.contracts.services import Service
from esb.core.call import Call
from esb.core.errors import GatewayJwtError


class NoJwtConfig(ConfigModel):
    """Nothing to configure."""


class NoGatewayJwt(Service[NoJwtConfig]):
    """services.jwt, use: none (the default). An identity that cannot be verified is never ignored for another."""

    service = "jwt"
    config_type = NoJwtConfig

    async def identity(self, call: Call, token: str) -> NoReturn:
        raise GatewayJwtError(
            "APIGateway JWT verification failed, this gateway cannot verify [X-Bkapi-JWT]: services.jwt is not"
            " configured"
        )
