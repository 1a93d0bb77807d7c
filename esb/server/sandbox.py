"""The sandbox of a gateway: its HTTP side, and the SMTP side where that is asked for and can be had."""

import json
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from http.client import HTTPConnection, HTTPException

from aiohttp import web

from esb.config import Sandbox, SandboxAddress
from esb.config.sandbox import SANDBOX_HOST
from esb.gateway.extras import hint_for
from esb.server.listener import listening, opened
from esb.server.listening_sockets import SANDBOX, SANDBOX_SMTP, ListeningSockets

Retire = Callable[[], Awaitable[None]]
NO_MAILS = f"the sandbox takes no mails: that needs aiosmtpd{hint_for('aiosmtpd')}"
KEYS = {"port": "sandbox.port", "smtp_port": "sandbox.smtp_port"}
"""Key of the stanza -> its name in full."""
SECONDS = 2.0
"""Seconds for the answer of a sandbox on this machine."""


@asynccontextmanager
async def sandbox(
    chosen: Sandbox, chosen_by: Mapping[str, str] = KEYS, sockets: ListeningSockets | None = None
) -> AsyncIterator[SandboxAddress]:
    """Serve a sandbox at these ports, and yield where it is. CannotListen tells by `chosen_by` what chose a port."""
    from esb.sandbox import create_sandbox

    sockets = sockets or ListeningSockets()
    app = create_sandbox()
    http = listening(app, SANDBOX_HOST, chosen.port, chosen_by["port"], sockets=sockets, name=SANDBOX)
    async with http as url:
        if chosen.smtp_port is None:
            yield SandboxAddress(url)
            return
        side = mail_side()
        if side is None:
            logging.getLogger("esb.sandbox").warning(NO_MAILS)
            yield SandboxAddress(url, chosen.promised().smtp_port)
            return
        held = opened(sockets, SANDBOX_SMTP, SANDBOX_HOST, chosen.smtp_port, chosen_by["smtp_port"])
        async with side(app, held) as retire:
            sockets.on_retirement(retire)
            yield SandboxAddress(url, held[0].getsockname()[1])


def running(chosen: Sandbox) -> SandboxAddress:
    """Return where the sandbox of another process is; one that takes mails at a free port is asked for it."""
    promised = chosen.promised()
    if chosen.smtp_port != 0:
        return promised
    asked = HTTPConnection(SANDBOX_HOST, chosen.port, timeout=SECONDS)
    try:
        asked.request("GET", "/_sandbox/smtp")
        port = json.load(asked.getresponse())["port"]
    except (OSError, HTTPException, ValueError, LookupError, TypeError):
        return promised
    finally:
        asked.close()
    return replace(promised, smtp_port=port) if isinstance(port, int) else promised


def mail_side() -> Callable[[web.Application, Sequence[socket.socket]], AbstractAsyncContextManager[Retire]] | None:
    """Return what lets a sandbox take mails on sockets; None without aiosmtpd, which an extra installs."""
    try:
        from esb.sandbox.smtp import taking_mails
    except ModuleNotFoundError:
        return None
    return taking_mails
