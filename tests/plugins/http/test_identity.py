"""The identity that an upstream is shown: the gateway's own token, and its certificate."""

import ssl
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from esb.config import load
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from tests.support.certificates import Authority, pem
from tests.support.clock import Clock
from tests.support.gateway import Gateway, OpenGateway, OpenServer
from tests.support.servers.raw_server import answering, raw_server
from tests.support.servers.recorder import Recorder, proxy, recording


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


def indented(key: rsa.RSAPrivateKey) -> str:
    return '"' + pem(key).replace("\n", "\\n") + '"'


# The token


@pytest.mark.parametrize("identity", ["headers", "none"])
async def test_a_key_alone_signs_nothing(
    open_gateway: OpenGateway, upstream: Recorder, key: rsa.RSAPrivateKey, identity: str
) -> None:
    gateway = await open_gateway(proxy(upstream.url, identity=identity, jwt_private_key=indented(key)))
    await gateway.call("demo/relay")
    assert "X-Bkapi-JWT" not in upstream.last.headers


async def test_the_token_says_which_app_calls_for_whom(
    open_gateway: OpenGateway, upstream: Recorder, key: rsa.RSAPrivateKey
) -> None:
    clock = Clock()
    gateway = await open_gateway(proxy(upstream.url, identity="jwt", jwt_private_key=indented(key)), clock=clock)
    await gateway.call("demo/relay")
    token = upstream.last.headers["X-Bkapi-JWT"]
    assert jwt.get_unverified_header(token) == {"alg": "RS512", "kid": "apigw", "typ": "JWT"}
    payload = jwt.decode(
        token, key.public_key(), algorithms=["RS512"], options={"verify_exp": False, "verify_nbf": False}
    )
    now = int(clock.since_1970())
    assert payload == {
        "app": {"version": 1, "bk_app_code": "esb_demo", "verified": True},
        "user": {"version": 1, "bk_username": "admin", "verified": False},
        "iss": "APIGW",
        "nbf": now - 300,
        "exp": now + 900,
    }
    assert upstream.last.headers["Bk-Username"] == "admin"


async def test_a_token_of_the_callers_own_does_not_pass(
    open_gateway: OpenGateway, upstream: Recorder, key: rsa.RSAPrivateKey
) -> None:
    raw = proxy(upstream.url, identity="jwt", response="raw", jwt_private_key=indented(key))
    gateway = await open_gateway(raw)
    response = await gateway.request("GET", "/api/c/compapi/demo/relay/", headers={"X-Bkapi-JWT": "forged"})
    assert (await response.json())["code"] == 1306408
    assert upstream.seen == []


# Certificates


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def secure(authority: Authority, opened: AsyncExitStack) -> str:
    """An upstream that wants to see a certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(authority.ca))
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(authority.issue("server"))
    server = await opened.enter_async_context(raw_server(answering(b'{"result": true}'), context))
    return server.url.replace("http:", "https:")


async def said(gateway: Gateway) -> str:
    return str((await gateway.call("demo/relay"))["message"])


async def test_the_gateway_shows_its_certificate(open_gateway: OpenGateway, authority: Authority, secure: str) -> None:
    mine = authority.issue("gateway")
    gateway = await open_gateway(proxy(secure, tls=f"{{ca: {authority.ca}, cert: {mine}}}"))
    assert (await gateway.call("demo/relay"))["result"]


async def test_an_authority_that_nobody_named_is_not_trusted(open_gateway: OpenGateway, secure: str) -> None:
    gateway = await open_gateway(proxy(secure))
    assert "of an authority that is not trusted here" in await said(gateway)


async def test_without_a_certificate_the_upstream_does_not_answer(
    open_gateway: OpenGateway, authority: Authority, secure: str
) -> None:
    gateway = await open_gateway(proxy(secure, tls=f"{{ca: {authority.ca}}}"))
    assert (await gateway.call("demo/relay"))["code"] == 1306201


# The libraries


def test_nobody_loads_the_libraries_that_sign_unless_somebody_signs(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\ncomponents:\n{proxy('https://a')}")
    program = f"import sys; from esb.cli.main import main; main(['check', '-c', {str(path)!r}], standalone_mode=False)"
    loaded = "print({'jwt'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", f"{program}; {loaded}"], capture_output=True, text=True, check=True)
    assert done.stdout == "ok: 1 components\nset()\n"


def test_without_the_libraries_it_is_said_how_to_install_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: rsa.RSAPrivateKey
) -> None:
    monkeypatch.setitem(sys.modules, "jwt", None)
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\ncomponents:\n{proxy('http://a', identity='jwt', jwt_private_key=indented(key))}")
    with pytest.raises(ConfigError, match=r"signing needs PyJWT, which `pip install 'esb-gateway\[jwt\]'` installs"):
        create_app(load(path, {}))
