"""Tokens that name app and user at once, and the services that know them."""

from esb.contracts.services import ChainServices, Identity
from esb.core.call import Call


def brings_token(call: Call) -> bool:
    """Return True if the call brings a token for `identity_by_token`."""
    credentials = call.credentials
    return bool(credentials.gateway_jwt or credentials.claims.get("access_token"))


async def identity_by_token(services: ChainServices, call: Call) -> tuple[Identity, str]:
    """Return the identity that the token of this call stands for, and the kind of token.

    A gateway's JWT wins over an access token.
    """
    credentials = call.credentials
    if credentials.gateway_jwt:
        return await services.jwt.identity(call, credentials.gateway_jwt), "jwt"
    return await services.access_tokens.identity(call, credentials.claims["access_token"]), "access_token"
