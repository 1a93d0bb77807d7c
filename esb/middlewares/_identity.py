"""Tokens that name app and user at once, and the services that know them."""

from esb.contracts.services import ChainServices, Identity
from esb.core.call import Call


async def identity_by_token(services: ChainServices, call: Call) -> tuple[Identity, str]:
    """Return the identity that the token of this call stands for, and the kind of token.

    A gateway's JWT wins over an access token.
    """
    credentials = call.credentials
    if credentials.gateway_jwt:
        return await services.jwt.identity(call, credentials.gateway_jwt), "jwt"
    return await services.access_tokens.identity(call, credentials.claims["access_token"]), "access_token"
