"""services.jwt, use: bk_jwt: the token X-Bkapi-JWT with which BlueKing's API gateway says who calls through it.

Needs PyJWT with cryptography, the extra `jwt`; nothing imports this file unless a config names it.
"""

from typing import Annotated, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import Field, PlainValidator

from esb.config import ConfigModel
from esb.contracts.services import Identity, ProcessServices, Service
from esb.core.call import Call, User
from esb.core.errors import AuthenticationError, GatewayJwtError, Message
from esb.core.reasons import Reason

LEEWAY = 10
"""Seconds by which the API gateway's clock may differ from ours."""
MINIMUM_KEY_BITS = 2048


def _rsa_key(pem: Any) -> RSAPublicKey:
    """Return the RSA key in this PEM text. ValueError if there is none, or one too short."""
    try:
        key = load_pem_public_key(pem.encode()) if isinstance(pem, str) else None
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size < MINIMUM_KEY_BITS:
        raise ValueError(
            f"expected an RSA public key of at least {MINIMUM_KEY_BITS} bits in PEM form (-----BEGIN PUBLIC KEY-----)"
        )
    return key


class BkJwtConfig(ConfigModel):
    """Whose signatures count."""

    public_key: Annotated[RSAPublicKey, PlainValidator(_rsa_key, json_schema_input_type=str)] = Field(
        description="what the API gateway's signatures are checked with: an RSA public key in PEM form"
    )


class BkJwt(Service[BkJwtConfig]):
    """A check of signature (RS512 and nothing else), `exp` and `nbf`. The issuer is whoever holds the private key."""

    service = "jwt"
    config_type = BkJwtConfig

    def __init__(self, config: BkJwtConfig, services: ProcessServices) -> None:
        super().__init__(config, services)
        self._key = config.public_key

    async def identity(self, call: Call, token: str) -> Identity:
        payload = self._payload(token)
        app = _part(payload, "app")
        code = _first(app, "bk_app_code", "app_code")
        if app.get("verified") is not True or not code:
            said = Message("verify app fail, please check if the authentication parameters are correct")
            raise AuthenticationError("{reason}", call_reason=Reason.TOKEN_INVALID, reason=_said(app, said))
        user = _part(payload, "user")
        username = _first(user, "bk_username", "username")
        proven = user.get("verified") is True and username
        return Identity(
            code,
            User(username, verified=True) if proven else None,
            _said(user, Message("Please provide a valid user identity, such as bk_username")),
        )

    def _payload(self, token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, self._key, algorithms=["RS512"], leeway=LEEWAY, options={"require": ["exp"]})
        except jwt.ExpiredSignatureError:
            raise GatewayJwtError("APIGateway JWT verification failed, [X-Bkapi-JWT] has expired") from None
        except jwt.ImmatureSignatureError:
            raise GatewayJwtError("APIGateway JWT verification failed, [X-Bkapi-JWT] is not valid yet") from None
        except (jwt.InvalidTokenError, ValueError, RecursionError):  # what PyJWT lets through of a hostile header
            raise GatewayJwtError(
                "APIGateway JWT verification failed, [X-Bkapi-JWT] decode error, please check if jwt is correct, or if"
                " its private key is correct"
            ) from None


def _part(payload: dict[str, Any], name: str) -> dict[str, Any]:
    part = payload.get(name)
    return part if isinstance(part, dict) else {}


def _said(part: dict[str, Any], otherwise: Message) -> Message:
    """Return the API gateway's reason for not verifying this part; `otherwise` if it gives none."""
    reason = _first(part, "valid_error_message")
    return Message("{reason}", {"reason": reason[:200]}) if reason else otherwise


def _first(part: dict[str, Any], *names: str) -> str:
    """Return the first of these values that is a text and not empty; "" when there is none."""
    return next((value for name in names if isinstance(value := part.get(name), str) and value), "")
