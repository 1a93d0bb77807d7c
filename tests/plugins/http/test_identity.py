"""How an upstream knows who is calling: the gateway's own token, and its certificate."""

import datetime
import ipaddress
import ssl
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from esb.config import load
from esb.core.call import App, User
from esb.core.errors import ConfigError
from esb.gateway.app import create_app
from esb.outgoing.client import Tls
from esb.outgoing.jwt_signer import EARLIER, LIFETIME, MARGIN, GatewayJwt, key_problem
from tests.conftest import Clock, Gateway, OpenGateway, OpenServer
from tests.support.servers.raw_server import answering, raw_server
from tests.support.servers.recorder import Recorder, proxy, recording

APP, USER = App("esb_demo"), User("admin", verified=True)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes | None = None) -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return raw.decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
async def upstream(open_server: OpenServer) -> Recorder:
    return await recording(open_server)


def indented(key: rsa.RSAPrivateKey) -> str:
    return '"' + pem(key).replace("\n", "\\n") + '"'


# The token


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
        "nbf": now - EARLIER,
        "exp": now + LIFETIME,
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


def test_a_token_is_signed_once_and_again_shortly_before_its_end(key: rsa.RSAPrivateKey) -> None:
    clock = Clock()
    signer = GatewayJwt(pem(key), clock)
    first = signer.token(APP, USER)
    clock.advance(LIFETIME - MARGIN - 1)
    assert signer.token(APP, USER) == first
    clock.advance(1)
    assert signer.token(APP, USER) != first


def test_each_app_and_user_has_its_own_token(key: rsa.RSAPrivateKey) -> None:
    signer = GatewayJwt(pem(key), Clock())
    pairs = [
        (APP, USER),
        (APP, User("admin", verified=False)),
        (APP, User("li", verified=True)),
        (APP, None),
        (None, USER),
    ]
    assert len({signer.token(app, user) for app, user in pairs}) == len(pairs)


def test_a_key_that_cannot_sign_is_found_at_the_start(key: rsa.RSAPrivateKey) -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the mistake
    for wrong in ("", "x", pem(small), pem(ec.generate_private_key(ec.SECP256R1())), pem(key, b"password")):
        assert key_problem(wrong) is not None
    assert key_problem(pem(key)) is None


# Certificates


class Authority:
    """Signs certificates, and writes them into files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._signed("authority", self._key, ca=True))

    def issue(self, name: str) -> Path:
        """A file with a certificate for 127.0.0.1, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._folder / f"{name}.pem"
        path.write_bytes(pem(key).encode() + self._signed(name, key, ca=False))
        return path

    def locked(self) -> Path:
        """A file whose key needs a password."""
        path = self._folder / "locked.pem"
        path.write_bytes(pem(self._key, b"password").encode() + self.ca.read_bytes())
        return path

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, *, ca: bool) -> bytes:
        now = datetime.datetime.now(datetime.UTC)
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=ca,
            crl_sign=ca,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(identifier, critical=False)
            .add_extension(usage, critical=True)
            .add_extension(address, critical=False)
            .sign(self._key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
        )


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
    assert "the TLS certificate or handshake was refused" in await said(gateway)


def test_a_key_with_a_password_is_a_mistake_and_no_question_at_the_terminal(authority: Authority) -> None:
    with pytest.raises(ssl.SSLError):
        Tls.load(str(authority.ca), str(authority.locked()), None)


async def test_without_a_certificate_the_upstream_does_not_answer(
    open_gateway: OpenGateway, authority: Authority, secure: str
) -> None:
    gateway = await open_gateway(proxy(secure, tls=f"{{ca: {authority.ca}}}"))
    assert (await gateway.call("demo/relay"))["code"] == 1306201


# The libraries


def test_nobody_loads_the_libraries_that_sign_unless_somebody_signs(tmp_path: Path) -> None:
    path = tmp_path / "esb.yaml"
    path.write_text(f"version: 1\ncomponents:\n{proxy('http://a')}")
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
