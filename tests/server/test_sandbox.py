"""The sandbox beside a gateway: its ports, its mails, and what is told where it takes none."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import aiosmtplib
import pytest
from aiohttp import ClientSession

from esb.config import Sandbox, SandboxAddress
from esb.server.listener import CannotListen
from esb.server.listening_sockets import SANDBOX_SMTP, ListeningSockets
from esb.server.sandbox import NO_MAILS, mail_side, running, sandbox
from tests.support.ports import free_port

BOTH = Sandbox(port=0, smtp_port=0)


@contextmanager
def without_aiosmtpd(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "esb.sandbox.smtp", None)
        yield


async def send(port: int | None, receiver: str = "ann@example.com") -> None:
    assert port is not None
    mail = "Subject: hi\r\n\r\nhello\r\n"
    await aiosmtplib.send(
        mail, sender="esb@example.com", recipients=[receiver], hostname="127.0.0.1", port=port, start_tls=False
    )


async def delivered(http: ClientSession, address: SandboxAddress) -> list[list[str]]:
    async with http.get(f"{address.url}/_sandbox/messages") as response:
        return [message["delivered"] for message in (await response.json())["messages"]]


async def test_mails_and_calls_come_into_one_inbox(http: ClientSession) -> None:
    async with sandbox(BOTH) as address:
        await send(address.smtp_port)
        robot = {"msgtype": "text", "text": {"content": "hi"}}
        await http.post(f"{address.url}/cgi-bin/webhook/send?key=bot-key", json=robot)

        assert await delivered(http, address) == [["ann@example.com"], ["bot-key"]]


async def test_no_mail_is_taken_unless_a_port_is_named() -> None:
    async with sandbox(Sandbox(port=0)) as address:
        assert address.smtp_port is None


async def test_without_aiosmtpd_all_else_works_and_the_log_says_what_is_missing(
    http: ClientSession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with without_aiosmtpd(monkeypatch):
        assert mail_side() is None
        async with sandbox(BOTH) as address:
            assert address.smtp_port == 8025  # for ${sandbox_smtp_port}
            assert await delivered(http, address) == []

    assert [record.getMessage() for record in caplog.records] == [NO_MAILS]
    assert "pip install 'esb-gateway[portal]'" in NO_MAILS


async def test_a_port_that_is_taken_is_told_with_the_key_that_names_it() -> None:
    async with sandbox(BOTH) as address:
        with pytest.raises(CannotListen, match=r"sandbox\.smtp_port"):
            async with sandbox(Sandbox(port=0, smtp_port=address.smtp_port)):
                pass


async def test_a_successor_takes_mails_at_the_same_port(http: ClientSession) -> None:
    sockets = ListeningSockets()
    async with sandbox(BOTH, sockets=sockets) as first:
        host, (number,) = json.loads(sockets.handed_down()[0])[SANDBOX_SMTP]
        inherited = socket.socket(fileno=os.dup(number))
        successor = ListeningSockets({SANDBOX_SMTP: [inherited]}, {SANDBOX_SMTP: host})
        async with sandbox(BOTH, sockets=successor) as second:
            await sockets.retire(1)
            await send(first.smtp_port)

            assert second.smtp_port == first.smtp_port
            assert await delivered(http, second) == [["ann@example.com"]]


async def test_the_free_port_of_another_process_is_asked_for() -> None:
    async with sandbox(BOTH) as address:
        port = int(address.url.rpartition(":")[2])
        asked = await asyncio.to_thread(running, Sandbox(port=port, smtp_port=0))
        assert asked == address
        assert running(Sandbox(port=port, smtp_port=2525)) == SandboxAddress(address.url, 2525)
        assert running(Sandbox(port=port)) == SandboxAddress(address.url)


def test_a_port_that_cannot_be_asked_for_is_the_usual_one() -> None:
    port = free_port()
    assert running(Sandbox(port=port, smtp_port=0)) == SandboxAddress(f"http://127.0.0.1:{port}", 8025)
