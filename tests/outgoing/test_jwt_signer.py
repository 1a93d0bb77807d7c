"""The token by which an upstream knows who calls: how long one is used, whose it is, and which key cannot sign."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from esb.core.call import App, User
from esb.outgoing.jwt_signer import LIFETIME, MARGIN, GatewayJwt, key_problem
from tests.support.certificates import pem
from tests.support.clock import Clock

APP, USER = App("esb_demo"), User("admin", verified=True)


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_a_token_is_signed_once_and_again_shortly_before_its_end(key: rsa.RSAPrivateKey) -> None:
    clock = Clock()
    signer = GatewayJwt(pem(key), clock)
    first = signer.token(APP, USER)
    clock.advance(LIFETIME - MARGIN - 1)
    assert signer.token(APP, USER) == first
    clock.advance(1)
    assert signer.token(APP, USER) != first


def test_a_token_lives_for_15_minutes_and_is_used_for_all_but_the_last_two(key: rsa.RSAPrivateKey) -> None:
    clock = Clock()
    signer = GatewayJwt(pem(key), clock)
    token = signer.token(APP, USER)
    payload = jwt.decode(token, key.public_key(), ["RS512"], options={"verify_signature": False})
    now = int(clock.since_1970())
    assert (payload["nbf"], payload["exp"]) == (now - 300, now + 900)
    clock.advance(779)
    assert signer.token(APP, USER) == token
    clock.advance(1)
    assert signer.token(APP, USER) != token


def test_each_app_and_user_has_its_own_token(key: rsa.RSAPrivateKey) -> None:
    signer = GatewayJwt(pem(key), Clock())
    pairs = [
        (APP, USER),
        (APP, User("admin", verified=False)),
        (App("esb_demo", verified=False), USER),
        (APP, User("li", verified=True)),
        (APP, None),
        (None, USER),
    ]
    assert len({signer.token(app, user) for app, user in pairs}) == len(pairs)


def test_a_key_that_cannot_sign_is_found_at_the_start(key: rsa.RSAPrivateKey) -> None:
    small = rsa.generate_private_key(65537, 2047)  # noqa: S505 - that is the mistake
    for wrong in ("", "x", pem(small), pem(ec.generate_private_key(ec.SECP256R1())), pem(key, b"password")):
        assert key_problem(wrong) is not None
    ed25519 = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert key_problem(ed25519.decode()) is not None
    assert key_problem(pem(key)) is None
