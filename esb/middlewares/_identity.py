"""A token that names app and user at once: which service is asked about it."""

from esb.call import Call
from esb.component import ChainServices
from esb.services import Identity


async def identity_by_token(services: ChainServices, call: Call) -> tuple[Identity, str] | None:
    """For whom the token of this call stands, and by which kind of token; None if it brings none.

    A gateway's JWT wins over an access token, which counts only in the header X-Bkapi-Authorization.
    """
    credentials = call.credentials
    if credentials.gateway_jwt:
        return await services.jwt.identity(call, credentials.gateway_jwt), "jwt"
    if credentials.from_header and (token := credentials.first("access_token")):
        return await services.access_tokens.identity(call, token), "access_token"
    return None
