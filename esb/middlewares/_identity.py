"""A token that names app and user at once: which service is asked about it."""

from esb.call import Call
from esb.component import ChainServices
from esb.services import Tokens


def token_of(services: ChainServices, call: Call) -> tuple[Tokens, str, str] | None:
    """Who knows for whom the token of this call stands, the token, and what kind it is; None if it brings none.

    A gateway's JWT wins over an access token, which counts only in the header X-Bkapi-Authorization.
    """
    credentials = call.credentials
    if credentials.gateway_jwt:
        return services.jwt, credentials.gateway_jwt, "jwt"
    if credentials.from_header and (token := credentials.claims.get("access_token")):
        return services.access_tokens, token, "access_token"
    return None
