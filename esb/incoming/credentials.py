"""The credentials of a caller, split from its arguments."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from esb.core import json_codec
from esb.core.call import Credentials, Signed
from esb.core.credential_names import CLAIMS, SECRETS
from esb.core.errors import RequestError


def split(
    parameters: Mapping[str, Any],
    claims: Mapping[str, str] | None,
    cookie: str,
    gateway_jwt: str,
    signed: Signed | None,
) -> tuple[Credentials, Mapping[str, Any]]:
    """Return credentials and arguments of a call. `claims` are those of the header, None if there are none."""
    by_header = claims is not None
    if claims is None:
        said: dict[str, str] = {}
        for name in CLAIMS:
            if name in parameters:
                value = parameters[name]
                said[name] = value if type(value) is str else _scalar(value)
        claims = said
    access_token = _scalar(parameters["bk_access_token"]) if "bk_access_token" in parameters else ""
    credentials = Credentials(claims, by_header, signed, cookie, gateway_jwt, access_token)
    secrets = SECRETS.intersection(parameters)
    if not secrets:
        return credentials, parameters
    args = dict(parameters)
    for name in secrets:
        del args[name]
    return credentials, args


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


def _scalar(value: Any) -> str:
    """Return a claim as text; what is neither text nor a number claims nothing."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""
