"""The SMTP side: a mail server that keeps each mail as a message of the inbox, and delivers it nowhere.

It lets in whoever comes unless the seed names users, and refuses the addresses that the seed says. Faults strike its
commands by the paths smtp/AUTH, smtp/MAIL, smtp/RCPT and smtp/DATA.
"""

import asyncio
import hmac
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from esb.sandbox import mail_content
from esb.sandbox.faults import SMTP_CODES, SMTP_COMMAND, Action, Fault, Subject
from esb.sandbox.inbox import Message
from esb.sandbox.state import State
from esb.sandbox.wire import Call
from esb.sandbox.world import WORLD, World

NAME = "sandbox.invalid"
"""The server's own name, in its greeting."""
OK = "250 2.1.0 OK"
LINGER_NOT = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN

Process = Callable[[], tuple[Any, Message | None]]
"""Carry out a command; return its reply, MISSING if that is the library's to make, and the message if it took one."""


class _Session(Session):
    """Session of one connection; `refused`: the addresses of the current mail that got a no."""

    login_data = None  # the library's own logs a warning at each login

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.refused: list[str] = []

    @property
    def remote(self) -> str:
        return self.peer[0] if isinstance(self.peer, tuple) else ""


class _Connection(SMTP):
    """One client's connection."""

    def __init__(self, side: "_SmtpSide", state: State) -> None:
        super().__init__(
            side,
            data_size_limit=state.knobs.mail_bytes or None,
            enable_SMTPUTF8=state.knobs.mail_smtputf8,
            hostname=NAME,
            ident="sandbox",
            auth_require_tls=False,
            authenticator=side.authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._side = side

    def _create_session(self) -> Session:
        return _Session(self.loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._side.open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._side.open.discard(self)
        super().connection_lost(error)

    @property
    def task(self) -> asyncio.Task[None] | None:
        """The library's task for this client."""
        return self._handler_coroutine

    def hang_up(self, *, reset: bool = False) -> None:
        """End the connection; the library's task ends with it."""
        if isinstance(self.transport, asyncio.Transport):
            if reset:
                self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            self.transport.abort()


class _SmtpSide:
    """The library's handler of commands: one for all connections."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.open: set[_Connection] = set()

    def connect(self) -> _Connection:
        return _Connection(self, self._world.state)

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        users = self._world.state.mail.users
        named = isinstance(data, LoginPassword)
        if named and users:
            password = users.get(data.login.decode(errors="replace"))
            named = password is not None and hmac.compare_digest(password.encode(), data.password)
        self._world.state.counted[f"{SMTP_COMMAND}AUTH"].answered(235 if named else 535)
        return AuthResult(success=named, handled=False, auth_data=data)

    async def handle_AUTH(self, server: _Connection, session: _Session, envelope: Envelope, args: list[str]) -> Any:  # noqa: N802
        return await self._command(server, "AUTH", Subject(None, None), lambda: (MISSING, None))

    async def handle_MAIL(  # noqa: N802
        self, server: _Connection, session: _Session, envelope: Envelope, address: str, options: list[str]
    ) -> Any:
        state = self._world.state

        def process() -> tuple[str, None]:
            if state.mail.users and not session.authenticated:
                return "530 5.7.0 Authentication required", None
            per_minute, sent = state.knobs.mail_per_minute, state.mail.minutes
            if per_minute and sent[address].count(state.now()) >= per_minute:
                return "450 4.7.1 Too many mails from this sender, try again later", None
            envelope.mail_from = address
            envelope.mail_options.extend(options)
            session.refused = []
            return OK, None

        reply = await self._command(server, "MAIL", Subject(address, None), process)
        if not reply.startswith("250"):
            envelope.mail_from = None
        return reply

    async def handle_RCPT(  # noqa: N802
        self, server: _Connection, session: _Session, envelope: Envelope, address: str, options: list[str]
    ) -> Any:
        state = self._world.state

        def process() -> tuple[str, None]:
            code, most = state.mail.refused.get(address.lower()), state.knobs.mail_recipients
            if code is not None:
                return f"{code} the mailbox takes no mail", None
            if most and len(envelope.rcpt_tos) >= most:
                return "452 4.5.3 Too many recipients", None
            envelope.rcpt_tos.append(address)
            return "250 2.1.5 OK", None

        reply = await self._command(server, "RCPT", Subject(envelope.mail_from, address), process)
        if not reply.startswith("250"):
            session.refused.append(address)
            if address in envelope.rcpt_tos:
                envelope.rcpt_tos.remove(address)
        return reply

    async def handle_DATA(self, server: _Connection, session: _Session, envelope: Envelope) -> Any:  # noqa: N802
        state = self._world.state
        content = envelope.original_content or b""
        call = Call("DATA", f"{SMTP_COMMAND}DATA", {}, content, session.remote)
        sender = envelope.mail_from or ""

        def process() -> tuple[str, Message]:
            now, words = state.now(), mail_content.read(content).words
            message = state.inbox.add(call, now, "mail", sender, words, list(envelope.rcpt_tos))
            message.invalid = list(session.refused)
            if state.knobs.mail_per_minute:
                state.mail.minutes[sender].add(now)
            reply = f"250 2.0.0 OK: queued as {message.id}"
            message.reply = _told(reply)
            return reply, message

        return await self._command(server, "DATA", Subject(sender, "|".join(envelope.rcpt_tos)), process)

    async def _command(self, server: _Connection, name: str, subject: Subject, process: Process) -> Any:
        """Return the reply to a command, which is counted, and struck by a fault if one wants it."""
        path = f"{SMTP_COMMAND}{name}"
        counted = self._world.state.counted[path]
        counted.arrived()
        try:
            fault = self._world.faults.pick(path, lambda: subject)
            reply = process()[0] if fault is None else await _struck(server, fault, process)
        finally:
            counted.in_flight -= 1
        if reply is not MISSING:
            counted.answered(int(reply[:3]))
        return reply


async def _struck(server: _Connection, fault: Fault, process: Process) -> Any:
    """Return the reply to a command that a fault strikes; never, if the client hears none."""
    action = fault.action
    if fault.when == "before":
        await asyncio.sleep(action.latency_ms / 1000)
        return await _spoiled(server, action) or process()[0]
    reply, message = process()
    refusal = _refusal(action)
    if message is not None:
        message.fault = fault.id
        message.reply = _told(refusal or reply)
    await asyncio.sleep(action.latency_ms / 1000)
    return await _spoiled(server, action) or reply


async def _spoiled(server: _Connection, action: Action) -> str:
    """Return the refusal that an action puts in place of a reply; "" for none. The connection may end, or hang."""
    if action.hang or action.spoils:
        if not action.hang:
            server.hang_up(reset=action.reset is not None)
        await asyncio.Event().wait()  # until the connection ends, and with it this task
    return _refusal(action)


def _refusal(action: Action) -> str:
    """Return the reply that an action gives, "" for none. What is no code of SMTP's becomes 451, a passing trouble."""
    if action.errcode is None:
        return ""
    code = action.errcode if action.errcode in SMTP_CODES else 451
    return f"{code} {' '.join((action.errmsg or 'refused by the sandbox').split())}"


def _told(reply: str) -> dict[str, Any]:
    return {"code": int(reply[:3]), "text": reply[4:]}


@asynccontextmanager
async def taking_mails(
    sandbox: web.Application, sockets: Sequence[socket.socket]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Let a sandbox take mails on these sockets, which listen. Yield what lets it accept no more connections."""
    world, loop = sandbox[WORLD], asyncio.get_running_loop()
    side = _SmtpSide(world)
    servers = [await loop.create_server(side.connect, sock=each) for each in sockets]

    async def stop() -> None:
        for server in servers:
            server.close()

    world.smtp_port = sockets[0].getsockname()[1]
    try:
        yield stop
    finally:
        await stop()
        left = list(side.open)
        for connection in left:
            connection.hang_up()
        await asyncio.gather(*(each.task for each in left if each.task is not None), return_exceptions=True)
