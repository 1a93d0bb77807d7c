"""The preflight of mail: a real SMTP server fails step by step, up to MAIL FROM, and gets no mail."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.preflight import Preflight, component, preflight
from tests.support.servers.raw_server import Peer, raw_server
from tests.support.servers.smtp_server import PASSWORD, USER, Inbox, certificate, smtp_server

NAME = "cmsi.send_mail"
LOGIN = {"smtp_user": USER, "smtp_pwd": PASSWORD}


async def examined(folder: Path, port: int, send_to: str = "", **config: Any) -> Preflight:
    known = {"smtp_host": "127.0.0.1", "smtp_port": port, "mail_sender": "esb@example.com"}
    return await preflight(folder, component("cmsi_send_mail", {**known, **config}), send_to=send_to)


def results(done: Preflight) -> dict[str, str]:
    return {check: each.result for check, each in done.of(NAME).items()}


async def test_a_plain_server_is_examined_up_to_the_sender(tmp_path: Path) -> None:
    inbox = Inbox()
    async with smtp_server(inbox) as port:
        done = await examined(tmp_path, port)

    assert results(done) == dict.fromkeys(["name", "tcp", "smtp_hello", "smtp_sender"], "ok")
    assert inbox.delivered == []


async def test_starttls_and_login_are_steps_of_their_own(tmp_path: Path) -> None:
    inbox, server = Inbox(), certificate(tmp_path)
    async with smtp_server(inbox, starttls=server.context, authenticator=inbox.authenticate) as port:
        done = await examined(tmp_path, port, smtp_usetls=True, smtp_ca=str(server.file), **LOGIN)

    steps = ["name", "tcp", "smtp_hello", "smtp_login", "smtp_sender"]
    assert results(done) == {**dict.fromkeys(steps, "ok"), "tls": "warn"}  # it ends tomorrow
    assert inbox.logins == [USER]
    assert inbox.delivered == []


async def test_tls_from_the_first_byte_is_looked_at_before_the_greeting(tmp_path: Path) -> None:
    inbox, server = Inbox(), certificate(tmp_path)
    async with smtp_server(inbox, tls=server.context) as port:
        good = await examined(tmp_path, port, smtp_usessl=True, smtp_ca=str(server.file))
        bad = await examined(tmp_path, port, smtp_usessl=True)

    assert results(good) == {**dict.fromkeys(["name", "tcp", "smtp_hello", "smtp_sender"], "ok"), "tls": "warn"}
    assert bad.failed == [f"{NAME} tls"]
    assert "an authority that is not trusted here" in bad.of(NAME)["tls"].cause


async def test_an_untrusted_certificate_behind_starttls_is_told(tmp_path: Path) -> None:
    async with smtp_server(Inbox(), starttls=certificate(tmp_path).context) as port:
        done = await examined(tmp_path, port, smtp_usetls=True)

    assert done.failed == [f"{NAME} tls"]
    assert "an authority that is not trusted here" in done.of(NAME)["tls"].cause
    assert "add the authority" in done.of(NAME)["tls"].fix


@pytest.mark.parametrize(
    ("config", "check", "cause", "fix"),
    [
        ({"smtp_usetls": True}, "tls", "offers no STARTTLS", "unset smtp_usetls"),
        (LOGIN, "smtp_login", "offers no login", "set smtp_usetls or smtp_usessl"),
        ({"smtp_usessl": True}, "tls", "does not speak TLS", "correct smtp_host"),
    ],
)
async def test_what_a_server_does_not_offer_is_told(
    tmp_path: Path, config: dict[str, Any], check: str, cause: str, fix: str
) -> None:
    async with smtp_server(Inbox()) as port:
        done = await examined(tmp_path, port, **config)

    assert done.failed == [f"{NAME} {check}"]
    assert cause in done.of(NAME)[check].cause
    assert fix in done.of(NAME)[check].fix


async def test_a_wrong_password_is_told_and_in_no_form_repeated(tmp_path: Path) -> None:
    inbox, wrong = Inbox(), "wr0ng-pass-wort"
    server = certificate(tmp_path)
    async with smtp_server(inbox, starttls=server.context, authenticator=inbox.authenticate) as port:
        config: dict[str, Any] = {
            "smtp_usetls": True,
            "smtp_ca": str(server.file),
            "smtp_user": USER,
            "smtp_pwd": wrong,
        }
        done = await examined(tmp_path, port, **config)

    assert done.failed == [f"{NAME} smtp_login"]
    assert done.of(NAME)["smtp_login"].cause.startswith("535 ")
    assert "correct smtp_user and smtp_pwd" in done.of(NAME)["smtp_login"].fix
    for form in (wrong, f"\0{USER}\0{wrong}"):
        assert form not in done.text
        assert base64.b64encode(form.encode()).decode() not in done.text


async def test_a_sender_that_the_server_refuses_is_told(tmp_path: Path) -> None:
    said: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.send(b"220 mx.test\r\n")
        while line := await peer.reader.readline():
            said.append(line)
            await peer.send(b"553 5.7.1 not owned by you\r\n" if line.upper().startswith(b"MAIL") else b"250 OK\r\n")

    async with raw_server(script) as server:
        done = await examined(tmp_path, server.port)

    assert done.failed == [f"{NAME} smtp_sender"]
    assert done.of(NAME)["smtp_sender"].cause == "553 5.7.1 not owned by you"
    assert "let mail_sender be" in done.of(NAME)["smtp_sender"].fix


async def test_the_sender_is_taken_back(tmp_path: Path) -> None:
    said: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.send(b"220 mx.test\r\n")
        while line := await peer.reader.readline():
            said.append(line.decode().split()[0].upper())
            await peer.send(b"250 OK\r\n")

    async with raw_server(script) as server:
        await examined(tmp_path, server.port)
        await server.all_gone.wait()

    assert said == ["EHLO", "MAIL", "RSET"]


async def test_a_server_that_is_too_busy_to_greet_is_told(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"421 4.3.2 too many connections\r\n")
        await peer.gone()

    async with raw_server(script) as server:
        done = await examined(tmp_path, server.port)

    assert done.failed == [f"{NAME} smtp_hello"]
    assert done.of(NAME)["smtp_hello"].cause == "421 4.3.2 too many connections"


async def test_another_protocol_at_the_port_is_no_mail_server(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        peer.reset()

    async with raw_server(script) as server:
        done = await examined(tmp_path, server.port)

    assert done.failed == [f"{NAME} smtp_hello"]
    assert "correct smtp_port" in done.of(NAME)["smtp_hello"].fix


async def test_nothing_at_the_port_is_told(tmp_path: Path) -> None:
    done = await examined(tmp_path, free_port())

    assert done.failed == [f"{NAME} tcp"]
    assert "correct smtp_host" in done.of(NAME)["tcp"].fix


async def test_without_a_sender_of_its_own_none_is_named(tmp_path: Path) -> None:
    async with smtp_server(Inbox()) as port:
        done = await examined(tmp_path, port, mail_sender="")

    assert results(done)["smtp_sender"] == "skipped"
    assert done.failed == []


async def test_a_component_that_cannot_send_says_what_is_missing(tmp_path: Path) -> None:
    for use, key in (("cmsi_send_mail", "smtp_host"), ("cmsi_send_sms", "tencent_secret_id")):
        done = await preflight(tmp_path, component(use, {}))
        name = use.replace("_", ".", 1)
        assert done.failed == [f"{name} configured"]
        assert key in done.of(name)["configured"].fix


@pytest.mark.parametrize("use", ["cmsi_send_mail", "cmsi_send_sms", "cmsi_send_voice_msg"])
async def test_a_service_of_the_operators_own_is_reached_and_its_address_stays_hidden(tmp_path: Path, use: str) -> None:
    async with raw_server(lambda peer: peer.gone()) as server:
        url = f"{server.url}/hooks/0123456789abcdef0123?key=a-key-of-the-hook"
        done = await preflight(tmp_path, component(use, {"dest_url": url}))

    found = done.of(use.replace("_", ".", 1))
    assert {check: each.result for check, each in found.items()} == {"name": "ok", "tcp": "ok"}
    assert "0123456789abcdef0123" not in done.text
    assert "a-key-of-the-hook" not in done.text


@pytest.mark.parametrize(("user", "reached"), [("ops@example.com", "ops@example.com"), ("admin", "admin@example.com")])
async def test_a_test_mail_goes_to_who_is_named(tmp_path: Path, user: str, reached: str) -> None:
    inbox = Inbox()
    users = {"use": "static", "config": {"users": [{"username": "admin", "email": "admin@example.com"}]}}
    config = {"smtp_host": "127.0.0.1", "mail_sender": "esb@example.com"}
    async with smtp_server(inbox) as port:
        stanza = component("cmsi_send_mail", {**config, "smtp_port": port})
        done = await preflight(tmp_path, stanza, send_to=user, services={"users": users})

    assert done.of(NAME)["send"].result == "ok"
    assert inbox.delivered[0].receivers == [reached]
    assert inbox.only()["Subject"] == "esb doctor"
