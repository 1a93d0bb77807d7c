"""services.access_tokens, use: none: a header access_token is refused, and the refusal names the missing key."""

from typing import NoReturn

from esb.config import ConfigModel
from esb.contracts.services import Service
from esb.core.call import Call
from esb.core.errors import AuthenticationError
from esb.core.reasons import Reason


class NoTokensConfig(ConfigModel):
    """Nothing to configure."""


class NoAccessTokens(Service[NoTokensConfig]):
    """services.access_tokens, use: none (the default)."""

    service = "access_tokens"
    config_type = NoTokensConfig

    async def identity(self, call: Call, token: str) -> NoReturn:
        raise AuthenticationError(
            "verify access_token failed, this gateway does not know access tokens: services.access_tokens is not"
            " configured",
            call_reason=Reason.TOKEN_INVALID,
        )
