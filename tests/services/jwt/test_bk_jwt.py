"""X-Bkapi-JWT: BlueKing's API gateway says who calls, and signs it."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from tests.support.gateway import Gateway, OpenGateway
from tests.support.identity import NEED_USER, WHO, configuration

REFUSED = "APIGateway JWT verification failed"
UNDECODABLE = (
    "APIGateway JWT verification failed, [X-Bkapi-JWT] decode error, please check if jwt is correct, or if its private"
    " key is correct"
)
NO_APP = "verify app fail, please check if the authentication parameters are correct"
NO_USER = "Please provide a valid user identity, such as bk_username"
CREDENTIALS = {"bk_app_code": "esb_demo", "bk_app_secret": "demo-secret", "bk_username": "admin"}
APP = {"app_code": "esb_demo", "verified": True}
USER = {"username": "admin", "verified": True}


def private_pem(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return pem.decode()


def public_pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem.decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def stanza(pem: str) -> str:
    return f"  jwt:\n    use: bk_jwt\n    config:\n      public_key: |\n{textwrap.indent(pem, ' ' * 8)}"


@pytest.fixture
async def gateway(open_gateway: OpenGateway, key: rsa.RSAPrivateKey) -> Gateway:
    return await open_gateway(config=configuration(stanza(public_pem(key))))


def token(key: Any, *, algorithm: str = "RS512", **claims: Any) -> str:
    """As the API gateway makes it, valid for a minute."""
    now = int(time.time())
    payload = {"iss": "APIGW", "nbf": now - 60, "exp": now + 60, "app": APP, "user": USER, **claims}
    payload = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(payload, key, algorithm, headers={"kid": "bk-esb"})


async def ask(gateway: Gateway, made: str, body: Any = None, path: str = WHO, **headers: str) -> dict[str, Any]:
    headers = {"X-Bkapi-JWT": made, **headers}
    async with gateway.http.post(gateway.url + path, json=body or {}, headers=headers) as response:
        envelope: dict[str, Any] = await response.json()
    return envelope


@pytest.mark.parametrize(
    ("app", "user"),
    [(APP, USER), ({"bk_app_code": "esb_demo", "verified": True}, {"bk_username": "admin", "verified": True})],
)
async def test_a_jwt_names_app_and_user(
    gateway: Gateway, key: rsa.RSAPrivateKey, app: dict[str, Any], user: dict[str, Any]
) -> None:
    answer = await ask(gateway, token(key, app=app, user=user))
    assert answer["data"]["app"] == "esb_demo"
    assert (answer["data"]["user"], answer["data"]["verified"], answer["data"]["source"]) == ("admin", True, "jwt")


async def test_a_jwt_wins_over_every_other_credential(gateway: Gateway, key: rsa.RSAPrivateKey) -> None:
    header = json.dumps({"access_token": "any", "bk_app_code": "other", "bk_token": "bad"})
    answer = await ask(
        gateway,
        token(key),
        {"bk_access_token": "old"},
        path=f"{WHO}?bk_signature=AAAA",
        **{"X-Bkapi-Authorization": header},
    )
    assert (answer["data"]["app"], answer["data"]["user"]) == ("esb_demo", "admin")


@pytest.mark.parametrize("garbage", ["garbage", "a.b.c", "..", "é.é.é", "e30.e30.e30"])
async def test_garbage_fails_the_call_even_beside_good_credentials(gateway: Gateway, garbage: str) -> None:
    answer = await ask(gateway, garbage, CREDENTIALS)
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306408, UNDECODABLE)


async def test_a_header_nested_without_end_is_garbage_too(gateway: Gateway) -> None:
    nested = base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
    assert (await ask(gateway, f"{nested}.e30.e30"))["message"] == UNDECODABLE


async def test_another_private_key_is_refused(gateway: Gateway) -> None:
    made = token(rsa.generate_private_key(65537, 2048))
    assert (await ask(gateway, made, CREDENTIALS))["message"] == UNDECODABLE


async def test_a_changed_payload_is_refused(gateway: Gateway, key: rsa.RSAPrivateKey) -> None:
    header, _, signature = token(key).split(".")
    payload = token(key, user={"username": "root", "verified": True}).split(".")[1]
    assert (await ask(gateway, f"{header}.{payload}.{signature}"))["message"] == UNDECODABLE


@pytest.mark.parametrize("algorithm", ["RS256", "PS512"])
async def test_no_other_algorithm_will_do(gateway: Gateway, key: rsa.RSAPrivateKey, algorithm: str) -> None:
    assert (await ask(gateway, token(key, algorithm=algorithm)))["message"] == UNDECODABLE


async def test_the_public_key_is_no_shared_secret(gateway: Gateway, key: rsa.RSAPrivateKey) -> None:
    payload = token(key).split(".")[1]
    for algorithm, digest in (("HS512", hashlib.sha512), ("HS256", hashlib.sha256)):
        header = base64.urlsafe_b64encode(json.dumps({"typ": "JWT", "alg": algorithm}).encode()).decode().rstrip("=")
        mac = hmac.new(public_pem(key).encode(), f"{header}.{payload}".encode(), digest).digest()
        signature = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        assert (await ask(gateway, f"{header}.{payload}.{signature}"))["message"] == UNDECODABLE


async def test_without_a_signature_it_proves_nothing(gateway: Gateway, key: rsa.RSAPrivateKey) -> None:
    header = base64.urlsafe_b64encode(b'{"typ":"JWT","alg":"none"}').decode().rstrip("=")
    assert (await ask(gateway, f"{header}.{token(key).split('.')[1]}."))["message"] == UNDECODABLE


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"exp": -11}, f"{REFUSED}, [X-Bkapi-JWT] has expired"),
        ({"nbf": 20}, f"{REFUSED}, [X-Bkapi-JWT] is not valid yet"),
        ({"exp": None}, UNDECODABLE),
    ],
)
async def test_a_jwt_has_its_time(
    gateway: Gateway, key: rsa.RSAPrivateKey, claims: dict[str, int | None], message: str
) -> None:
    now = int(time.time())
    changed: dict[str, Any] = {name: now + value if value is not None else None for name, value in claims.items()}
    made = token(key, **changed)
    answer = await ask(gateway, made, CREDENTIALS)
    assert (answer["code"], answer["message"]) == (1306408, message)


async def test_clocks_may_differ_by_seconds(gateway: Gateway, key: rsa.RSAPrivateKey) -> None:
    now = int(time.time())
    assert (await ask(gateway, token(key, exp=now - 5, nbf=now - 60)))["result"]
    assert (await ask(gateway, token(key, nbf=now + 5)))["result"]


@pytest.mark.parametrize(
    ("app", "message"),
    [
        ({"app_code": "esb_demo", "verified": False}, NO_APP),
        ({"app_code": "esb_demo", "verified": False, "valid_error_message": "no {such} app"}, "no {such} app"),
        ({"app_code": "esb_demo"}, NO_APP),
        ({"app_code": "esb_demo", "verified": "true"}, NO_APP),
        ({"app_code": "", "verified": True}, NO_APP),
        (None, NO_APP),
        ([], NO_APP),
        (
            {"app_code": "ghost", "verified": True},
            "Invalid APP Code [bk_app_code=ghost], please confirm if the APP Code has been registered",
        ),
    ],
)
async def test_an_app_that_is_not_verified_or_not_known_is_refused(
    gateway: Gateway, key: rsa.RSAPrivateKey, app: Any, message: str
) -> None:
    answer = await ask(gateway, token(key, app=app), CREDENTIALS)
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306000, message)


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"username": "admin", "verified": False}, NO_USER),
        ({"username": "admin", "verified": False, "valid_error_message": "not {proven}"}, "not {proven}"),
        ({"username": "", "verified": True}, NO_USER),
        ({"username": "", "verified": True, "valid_error_message": "nobody"}, "nobody"),
        ({"username": "admin"}, NO_USER),
        (None, NO_USER),
        ("admin", NO_USER),
    ],
)
async def test_a_user_who_is_not_verified_is_refused_and_nothing_else_names_one(
    gateway: Gateway, key: rsa.RSAPrivateKey, user: Any, message: str
) -> None:
    answer = await ask(gateway, token(key, user=user), CREDENTIALS, Cookie="bk_token=demo-token")
    assert (answer["result"], answer["code"], answer["message"]) == (False, 1306000, message)


async def test_the_app_is_checked_before_the_user(gateway: Gateway, key: rsa.RSAPrivateKey) -> None:
    assert (await ask(gateway, token(key, app=None, user=None)))["message"] == NO_APP


async def test_permission_still_applies(gateway: Gateway, key: rsa.RSAPrivateKey) -> None:
    assert (await ask(gateway, token(key, app={"app_code": "no_rights", "verified": True})))["code"] == 1306403


async def test_what_is_wrong_with_the_request_itself_is_told_first(gateway: Gateway) -> None:
    assert (await ask(gateway, "garbage", path="/api/c/compapi/who/nobody/"))["code"] == 1306404
    assert (await ask(gateway, "garbage", path="/api/c/compapi/who/off/"))["code"] == 1306405
    assert (await ask(gateway, "garbage", **{"X-Bkapi-Authorization": "{"}))["code"] == 1306406


async def test_an_empty_header_is_none(gateway: Gateway) -> None:
    assert (await ask(gateway, "", CREDENTIALS))["result"]
    assert (await ask(gateway, "", {**CREDENTIALS, "bk_username": ""}))["message"] == NEED_USER


async def test_without_the_service_a_jwt_is_refused_even_beside_good_credentials(open_gateway: OpenGateway) -> None:
    gateway = await open_gateway(config=configuration())
    answer = await ask(gateway, "any", CREDENTIALS)
    assert (answer["result"], answer["code"]) == (False, 1306408)
    assert answer["message"].startswith(REFUSED)
    assert "services.jwt" in answer["message"]


# The config


def mistakes(tmp_path: Path, services: str) -> list[tuple[str, str]]:
    path = tmp_path / "esb.yaml"
    path.write_text(configuration(services))
    with pytest.raises(ConfigError) as error:
        create_app(load(path, {}))
    return [(mistake.key, mistake.text) for mistake in error.value.mistakes]


@pytest.mark.parametrize("kind", ["none", "private", "elliptic", "short", "broken"])
def test_a_key_that_will_not_do_is_a_mistake_at_its_place(tmp_path: Path, key: rsa.RSAPrivateKey, kind: str) -> None:
    pem = {
        "none": "anything\n",
        "private": private_pem(key),
        "elliptic": public_pem(ec.generate_private_key(ec.SECP256R1())),
        "short": public_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - to be refused
        "broken": public_pem(key).replace("A", "B"),
    }[kind]
    [(place, text)] = mistakes(tmp_path, stanza(pem))
    assert place == "services.jwt.config.public_key"
    assert "RSA public key" in text
    assert not any(line in text for line in pem.splitlines() if not line.startswith("-"))


@pytest.mark.parametrize("module", ["jwt", "cryptography.exceptions"])
def test_a_missing_library_is_a_mistake_that_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.delitem(sys.modules, "esb.services.jwt.bk_jwt", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    [(key, text)] = mistakes(tmp_path, "  jwt: {use: bk_jwt, config: {public_key: any}}\n")
    assert key == "services.jwt.use"
    assert "esb-gateway[jwt]" in text


def test_a_gateway_without_the_service_does_not_load_the_libraries(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text("version: 1\ncomponents: [{path: /cmsi/get_msg_type/, use: cmsi_get_msg_type}]\n")
    program = (
        "import sys; from esb.gateway.app import create_app; from esb.config import load; "
        f"create_app(load({str(path)!r}, {{}})); print(sorted({{'jwt', 'cryptography'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
