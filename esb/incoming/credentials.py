"""The credentials of a caller, split from its arguments, and which of several that it brings say who calls.

A token says it alone: a gateway's JWT, or an access token by header. Else a signature does, together with the names
that it covers; then no header may name anybody, and no cookie does, since none is signed. Else the header
X-Bkapi-Authorization does, if there is one, and last the parameters.
"""

from collections.abc import Callable, Mapping, Set
from contextlib import suppress
from types import MappingProxyType
from typing import Any

from esb.core import json_codec
from esb.core.call import Credentials, Signed, claimed_app
from esb.core.credential_names import CLAIMS, CREDENTIALS, SECRETS, SECRETS_BESIDE_A_HEADER
from esb.core.errors import RequestError
from esb.incoming import signature
from esb.incoming.body import Fields

ClaimsOf = Callable[[str], Mapping[str, str] | None]
"""Function that reads the header X-Bkapi-Authorization: `claims_of`, or one that remembers its answers."""
_CLAIMS = frozenset(CLAIMS)


def split(
    parameters: Mapping[str, Any],
    claims: Mapping[str, str] | None,
    cookie: str,
    gateway_jwt: str,
    signed: Signed | None,
) -> tuple[Credentials, Mapping[str, Any]]:
    """Return credentials and arguments of a call. `claims` are those of the header, None if there are none.

    What a signed body does not name may stand in the query that is signed with it. RequestError if a parameter that
    says who calls is repeated.
    """
    by_header = claims is not None
    is_beside = by_header or bool(gateway_jwt)
    if type(parameters) is Fields and parameters.repeated:
        _check_repeated(parameters.repeated.keys(), is_beside=is_beside)
    secret = SECRETS_BESIDE_A_HEADER if is_beside else SECRETS
    if claims is None:
        said: dict[str, str] = {}
        for name in _CLAIMS.intersection(parameters):
            value = parameters[name]
            said[name] = value if type(value) is str else _scalar(value)
        if signed is not None:
            said = {name: signed.query[name] for name in CLAIMS if name in signed.query} | said
        claims = said
    access_token = _scalar(parameters["bk_access_token"]) if "bk_access_token" in parameters else ""
    credentials = Credentials(claims, by_header, signed, cookie, gateway_jwt, access_token)
    secrets = secret.intersection(parameters)
    if not secrets:
        return credentials, parameters
    if type(parameters) is Fields:
        return credentials, parameters.without(secrets)
    args = dict(parameters)
    for name in secrets:
        del args[name]
    return credentials, args


def is_signed(query: Fields, claims: Mapping[str, str] | None, gateway_jwt: str) -> bool:
    """Return True if the signature in this query says who calls. RequestError if a header says so too.

    `claims` as `split` takes them: beside those, what is named `signature` is a parameter. RequestError as well for a
    name that is repeated and says who calls, and with a signature for any: it covers one value of each.
    """
    signs = not gateway_jwt and claims is None and bool(signature.offered(query))
    if query.repeated:
        _check_repeated(query.repeated.keys(), is_beside=claims is not None or bool(gateway_jwt), signed=signs)
    if signs or claims is None or gateway_jwt:
        return signs
    if claims.get("access_token") or not query.get("bk_signature"):
        return False
    raise RequestError(
        "Parameters error, the signature [bk_signature] does not cover the request header X-Bkapi-Authorization: "
        "please name app and user in the signed parameters, and leave out the header or the signature"
    )


def claims_of(authorization: str) -> Mapping[str, str] | None:
    """Read the claims of the header X-Bkapi-Authorization; None for the JSON null, which counts as an absent header."""
    try:
        claims = json_codec.decode(authorization)
    except ValueError:
        claims = ()
    if claims is None:
        return None
    if not isinstance(claims, dict):
        raise RequestError("Parameters error, request header X-Bkapi-Authorization is not a valid JSON format string")
    for value in claims.values():
        if type(value) is not str:
            claims = {name: _scalar(value) for name, value in claims.items()}
            break
    return MappingProxyType(claims)  # calls with the same header share it: none of them may change it


def app_of(claims: Mapping[str, str] | None, read: ClaimsOf, authorization: str) -> str:
    """Return the app that a caller claims to be: by claims, or else (None) by its header; "" if it claims none."""
    if claims is None:
        with suppress(RequestError):
            claims = read(authorization)
    return "" if claims is None else claimed_app(claims)


def _scalar(value: Any) -> str:
    """Return a claim as text; what is neither text nor a number claims nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def _check_repeated(names: Set[str], *, is_beside: bool, signed: bool = False) -> None:
    """Raise RequestError for a repeated name that must not be: who calls would depend on who reads it.

    `is_beside`: a header says who calls, so that most names of credentials are those of parameters.
    """
    wrong = names if signed else names & (SECRETS_BESIDE_A_HEADER if is_beside else CREDENTIALS)
    if wrong:
        raise RequestError("Parameters error, the parameter [{name}] may be given once only", name=min(wrong))
