"""esb sandbox with mails, esb demo that stays, and a configuration of `esb init` that reaches each platform."""

import smtplib
import socket
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from esb.cli import demo
from esb.cli.main import main
from esb.server.sandbox import NO_MAILS
from tests.support.processes.command_line import NOTICE, Running, exchange, page, run, running, until


def line_of(process: Running, beginning: str) -> str:
    """Return the first line on stdout that begins so, the ready line included."""
    line = process.ready_line
    while not line.startswith(beginning):
        line = process.next_line()
    return line


def inbox(url: str, platform: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = exchange(f"{url}/_sandbox/messages?platform={platform}").body["messages"]
    return found


def test_the_sandbox_alone_takes_mails_at_a_port_of_its_own(tmp_path: Path) -> None:
    with running("sandbox", "--port", "0", "--smtp-port", "0", log=tmp_path / "log") as sandbox:
        port = exchange(f"{sandbox.url}/_sandbox/smtp").body["port"]
        with smtplib.SMTP("127.0.0.1", port) as client:
            client.sendmail("esb@example.com", ["ann@example.com"], b"Subject: hi\r\n\r\nhello\r\n")
        (message,) = inbox(sandbox.url, "mail")
        sandbox.stop()
        finished = sandbox.finish()

    assert message["text"] == "hi\nhello"
    assert (finished.code, finished.stdout) == (0, sandbox.ready_line)
    assert finished.stderr == f"mails are taken at 127.0.0.1:{port}\n"


def test_without_aiosmtpd_a_port_for_mails_is_refused_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "mail_side", lambda: None)
    finished = CliRunner().invoke(main, ["sandbox", "--port", "0", "--smtp-port", "0"])
    assert (finished.exit_code, finished.output) == (1, f"Error: {NO_MAILS}\n")


def test_the_demonstration_prints_the_address_of_the_inbox() -> None:
    finished = run("demo")
    (line,) = (line for line in finished.stdout.splitlines() if "/_sandbox/inbox" in line)
    assert line.startswith("the inbox is at http://127.0.0.1:")
    assert "esb demo --portal" in line


def test_a_demonstration_with_pages_stays_until_it_is_stopped(tmp_path: Path) -> None:
    with running("demo", "--portal", folder=tmp_path, log=tmp_path / "log") as shown:
        url = line_of(shown, "the inbox is at ").split()[-1].removesuffix("/_sandbox/inbox")
        portal = line_of(shown, "the portal is at ").split()[-1]
        assert "<h1>" in page(portal)
        gateway = line_of(shown, "listening on ").split()[-1]
        assert len(inbox(url, "qy")) == 1
        mail = {**NOTICE, "receiver": "ann@example.com", "title": "hi", "content": "hello"}
        assert exchange(f"{gateway}/api/c/compapi/cmsi/send_mail/", mail).body["result"]
        assert len(inbox(url, "mail")) == 1
        shown.stop()
        assert shown.wait() == 0


def test_a_demonstration_that_stays_leaves_the_listeners_of_its_configuration_alone(tmp_path: Path) -> None:
    run("init", folder=tmp_path)
    config = tmp_path / "esb.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listeners = f"{{host: 127.0.0.1, port: {port}, admin: {{port: {port - 1}}}, portal: {{port: {port - 2}}}}}"
        config.write_text(config.read_text().replace("{host: 127.0.0.1, port: 8080}", listeners))
        with running("demo", "--portal", folder=tmp_path, log=tmp_path / "log") as shown:
            assert line_of(shown, "the portal is at ").split(":")[-1].strip() not in (str(port - 1), str(port - 2))
            shown.stop()
            assert shown.wait() == 0


def test_what_init_writes_sends_mails_text_messages_and_calls_into_the_sandbox(tmp_path: Path) -> None:
    run("init", folder=tmp_path)
    config = tmp_path / "esb.yaml"
    config.write_text(config.read_text().replace("port: 8080", "port: 0").replace("port: 8089", "port: 0"))
    who = {"bk_app_code": "my_app", "bk_app_secret": "of-this-test", "bk_username": "admin"}
    calls: dict[str, dict[str, Any]] = {
        "send_mail": {"receiver__username": "admin", "title": "hi", "content": "hello"},
        "send_sms": {"receiver": "13800000000", "content": "hello"},
        "send_voice_msg": {"receiver__username": "admin", "auto_read_message": "hello"},
    }

    with running("serve", folder=tmp_path, log=tmp_path / "log", MY_APP_SECRET="of-this-test") as gateway:
        for component, params in calls.items():
            answer = exchange(f"{gateway.url}/api/c/compapi/cmsi/{component}/", {**who, **params}).body
            assert answer["result"], answer
        until(lambda: gateway.log().count('"event":"call"') == len(calls))
        assert '"level":"warning"' not in gateway.log()
