"""A token that names app and user at once: which service is asked about it."""

from esb.contracts.services import ChainServices, Identity
from esb.core.call import Call


def brings_token(call: Call) -> bool:
    """Whether `identity_by_token` has anything to ask."""
    credentials = call.credentials
    return bool(credentials.gateway_jwt or credentials.claims.get("access_token"))


async def identity_by_token(services: ChainServices, call: Call) -> tuple[Identity, str]:
    """For whom the token of this call stands, and what kind of token it is.

    A gateway's JWT wins over an access token.
    """
    credentials = call.credentials
    if credentials.gateway_jwt:
        return await services.jwt.identity(call, credentials.gateway_jwt), "jwt"
    return await services.access_tokens.identity(call, credentials.claims["access_token"]), "access_token"
