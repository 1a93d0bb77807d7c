"""The preflight of upstreams: name, connection, TLS; each failure is one check that says what to do."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from esb.contracts import probes
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.preflight import Preflight, component, preflight
from tests.support.servers.forward_proxy import ForwardProxy
from tests.support.servers.raw_server import Peer, raw_server
from tests.support.servers.tls_server import tls_server

NAME = "cmdb.search"


async def examined(folder: Path, *hosts: str, **config: Any) -> Preflight:
    stanza = component("http", {"hosts": list(hosts), "path": "/x/", **config}, "/cmdb/search/")
    return await preflight(folder, stanza)


@contextmanager
def serving(certificate: Path) -> Iterator[str]:
    """A TLS server with this certificate; its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with tls_server(context) as port:
        yield f"https://localhost:{port}"


async def test_a_good_certificate_is_ok_and_nothing_is_asked_of_the_upstream(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(authority.issue("good", 90)) as url:
        found = (await examined(tmp_path, url, tls={"ca": str(authority.ca)})).of(NAME)

    assert {check: each.result for check, each in found.items()} == {"name": "ok", "tcp": "ok", "tls": "ok"}
    assert found["tls"].cause == "its certificate ends in 89 days"


async def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with serving(authority.issue("soon", 5)) as url:
        found = (await examined(tmp_path, url, tls={"ca": str(authority.ca)})).of(NAME)

    assert (found["tls"].result, found["tls"].cause) == ("warn", "its certificate ends in 4 days")
    assert found["tls"].fix == "renew the certificate at the server"


@pytest.mark.parametrize(
    ("days", "host", "trusted", "cause", "fix"),
    [
        (-1, "localhost", True, "has expired", "renew the certificate"),
        (90, "other.example.com", True, "another host name", "write the host name"),
        (90, "localhost", False, "an authority that is not trusted here", "add the authority"),
    ],
)
async def test_a_bad_certificate_fails_with_what_to_do(
    tmp_path: Path, days: float, host: str, trusted: bool, cause: str, fix: str
) -> None:
    authority = Authority(tmp_path)
    with serving(authority.issue("bad", days, host)) as url:
        done = await examined(tmp_path, url, **({"tls": {"ca": str(authority.ca)}} if trusted else {}))

    assert done.failed == [f"{NAME} tls"]
    assert cause in done.of(NAME)["tls"].cause
    assert fix in done.of(NAME)["tls"].fix


async def test_a_server_that_speaks_no_tls_is_told_as_one(tmp_path: Path) -> None:
    async with raw_server(_plain) as server:
        done = await examined(tmp_path, f"https://127.0.0.1:{server.port}")

    assert done.failed == [f"{NAME} tls"]
    assert "does not speak TLS" in done.of(NAME)["tls"].cause
    assert "correct hosts" in done.of(NAME)["tls"].fix


async def _plain(peer: Any) -> None:
    await peer.answer(b"I speak HTTP only", "400 Bad Request")


async def test_a_name_that_nobody_knows_is_told(tmp_path: Path) -> None:
    done = await examined(tmp_path, "https://no-such-host.invalid")

    assert done.failed == [f"{NAME} name"]
    assert "could not be resolved" in done.of(NAME)["name"].cause
    assert "correct the host in hosts" in done.of(NAME)["name"].fix


async def test_a_port_at_which_nothing_listens_is_told(tmp_path: Path) -> None:
    done = await examined(tmp_path, f"http://127.0.0.1:{free_port()}")

    assert done.failed == [f"{NAME} tcp"]
    assert "nothing listens there" in done.of(NAME)["tcp"].cause


async def test_a_dead_host_leaves_the_others_to_be_examined(tmp_path: Path) -> None:
    async with raw_server(_plain) as server:
        done = await examined(tmp_path, f"http://127.0.0.1:{free_port()}", server.url)

    assert [each.result for each in done.found if each.subject == NAME] == ["ok", "fail", "ok", "ok"]


async def test_one_dead_address_of_several_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def two(host: Any, *options: Any, **more: Any) -> Any:
        if host != "two.example.com":
            return resolve(host, *options, **more)
        return [found for each in ("127.0.0.1", "127.0.0.9") for found in resolve(each, *options, **more)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    async with raw_server(_plain) as server:
        found = (await examined(tmp_path, f"http://two.example.com:{server.port}")).of(NAME)

    assert found["name"].cause == "127.0.0.1, 127.0.0.9"
    assert (found["tcp"].result, "127.0.0.9: it refuses" in found["tcp"].cause) == ("warn", True)


async def test_a_host_that_takes_connections_and_says_nothing_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esb.introspect.doctor.CHECK_SECONDS", 0.2)
    async with raw_server(lambda peer: peer.gone()) as server:
        done = await examined(tmp_path, f"https://127.0.0.1:{server.port}")

    assert done.failed == [f"{NAME} tls"]
    assert "no answer within" in done.of(NAME)["tls"].cause


async def test_a_resolver_that_thinks_for_long_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, may_end = threading.Event(), threading.Event()

    def slow(*_: Any, **__: Any) -> Any:
        asked.set()
        may_end.wait(60)
        raise OSError

    monkeypatch.setattr("esb.outgoing.reachability.ADDRESS_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", slow)
    done = await examined(tmp_path, "http://slow.example.com")
    may_end.set()

    assert asked.is_set()
    assert done.failed == [f"{NAME} name"]
    assert done.of(NAME)["name"].cause == "no name server answers"


# By a forward proxy

PASSWORD = "pass-wort-of-the-proxy"


async def by_proxy(folder: Path, proxy: str, host: str) -> Preflight:
    config = {"wx_qy_corpid": "ww1", "wx_qy_host": host, "wx_proxy": proxy}
    return await preflight(folder, component("cmsi_send_weixin", config))


async def test_tls_is_looked_at_through_the_forward_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    script = ForwardProxy("esb", PASSWORD)
    with serving(authority.issue("good", 90)) as url:
        async with raw_server(script) as proxy:
            done = await by_proxy(tmp_path, f"http://esb:{PASSWORD}@127.0.0.1:{proxy.port}", url)
    found = done.of("cmsi.send_weixin")

    assert [found[check].result for check in ("name", "tcp", "tls")] == ["ok", "ok", "ok"]
    assert f"127.0.0.1:{proxy.port} takes connections" in found["tcp"].what
    assert f"CONNECT {url.removeprefix('https://')} HTTP/1.1" in script.requests
    assert PASSWORD not in done.text


async def test_a_proxy_that_refuses_is_told_without_its_password(tmp_path: Path) -> None:
    async with raw_server(ForwardProxy("esb", PASSWORD)) as proxy:
        done = await by_proxy(tmp_path, f"http://esb:wrong-pass-wort@127.0.0.1:{proxy.port}", "https://localhost:1")

    assert done.failed == ["cmsi.send_weixin tls"]
    assert "the forward proxy refused" in done.of("cmsi.send_weixin")["tls"].cause
    assert "in wx_proxy" in done.of("cmsi.send_weixin")["tls"].fix
    assert "wrong-pass-wort" not in done.text


async def test_a_proxy_whose_answer_never_ends_is_one_that_refuses(tmp_path: Path) -> None:
    async def endless(peer: Peer) -> None:
        await peer.request()
        while True:
            await peer.send(1000 * b"HTTP/1.1 200 OK\r\n")

    async with raw_server(endless) as proxy:
        done = await by_proxy(tmp_path, f"http://127.0.0.1:{proxy.port}", "https://localhost:1")

    assert done.failed == ["cmsi.send_weixin tls"]
    assert "the forward proxy refused" in done.of("cmsi.send_weixin")["tls"].cause


# What the probes make of numbers


@pytest.mark.parametrize(
    ("seconds", "result", "words"),
    [(0, "ok", "0 s apart"), (-29, "ok", "29 s"), (31, "warn", "31 s ahead"), (-7200, "warn", "7200 s behind")],
)
def test_a_clock_that_is_off_is_a_warning(seconds: float, result: str, words: str) -> None:
    found = probes.date_finding("Tue, 01 Sep 2026 08:00:00 GMT", 1788249600.0 + seconds)

    assert (found.result, words in found.cause) == (result, True)
    assert ("NTP" in found.fix) == (result == "warn")


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_a_date_nothing_is_said_of_the_clock(date: str) -> None:
    assert probes.date_finding(date, 0.0).result == "skipped"
