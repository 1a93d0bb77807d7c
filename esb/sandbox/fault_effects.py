"""The effects of a fault: instead of the answer, on the answer, or on the connection it travels on."""

import asyncio
import socket
import struct
from collections.abc import Mapping

from aiohttp import web

from esb.sandbox import endpoints, tokens
from esb.sandbox.faults import Action, Fault
from esb.sandbox.inbox import Message
from esb.sandbox.state import State
from esb.sandbox.wire import Answer, Call, Code, Refusal, headers

LINGER_NOT = struct.pack("ii", 1, 0)  # closing then sends RST instead of FIN
LOOK_S = 0.02  # how often a waiting call looks whether its client is still there
CHUNK = 64 * 1024
HUGE_HEAD, HUGE_TAIL = b'{"errcode":0,"errmsg":"ok","padding":"', b'"}'
PAGE = headers(Content_Type="text/html")

Outcome = tuple[web.StreamResponse, Code | None]


async def happen(fault: Fault, state: State, request: web.Request, call: Call, stopping: asyncio.Event) -> Outcome:
    """Return the response and the errcode in it, if a client can read one.

    A fault "before" comes in place of the processing whenever it replaces or spoils the answer, so that no message is
    recorded; delay, rate, content type and ended tokens leave the processing in place and happen around it.
    """
    effects = _Effects(fault.action, request, stopping)
    if fault.when == "before":
        await effects.pause(fault.action.latency_ms / 1000)
        if effects.client_left:
            return web.Response(), None
        answer = _before(fault.action, state, call)
    else:
        answer = _after(fault, state, call)
        await effects.pause(fault.action.latency_ms / 1000)
    errcode = None if fault.action.spoils else answer.errcode
    return await effects.respond(answer), errcode


def _before(action: Action, state: State, call: Call) -> Answer:
    _end_tokens(action, state, call)
    if action.replaces:
        return _replacement(action, state, call)[0]
    if action.spoils:
        return endpoints.refused(state, call, Refusal(-1))[0]
    return endpoints.answer(state, call)[0]


def _after(fault: Fault, state: State, call: Call) -> Answer:
    answer, message = endpoints.answer(state, call)
    if fault.action.replaces:
        answer = _replaced(fault.action, state, call, message)
    if message:
        message.fault = fault.id
    _end_tokens(fault.action, state, call)
    return answer


def _replaced(action: Action, state: State, call: Call, message: Message | None) -> Answer:
    answer, reply = _replacement(action, state, call)
    if message and reply is not None:
        message.reply = reply
    return answer


def _replacement(action: Action, state: State, call: Call) -> tuple[Answer, dict[str, object] | None]:
    if action.redirect is not None:
        return Answer(action.status or 301, headers(Location=action.redirect), b""), None
    if action.errcode is not None:
        answer, reply = endpoints.refused(state, call, Refusal(action.errcode, action.errmsg))
        return Answer(action.status or 200, answer.headers, answer.body, answer.errcode), reply
    if action.status is not None:
        return Answer(action.status, PAGE, action.body or b""), None
    given, _ = endpoints.refused(state, call, Refusal(0, "ok"))
    return Answer(200, given.headers, action.body or b""), None


def _end_tokens(action: Action, state: State, call: Call) -> None:
    app = endpoints.app_of(state, call) if action.tokens else None
    if app is not None:
        (tokens.expire if action.tokens == "expire" else tokens.rotate)(state, app)


class _Effects:
    """The effects of one action on one connection."""

    def __init__(self, action: Action, request: web.Request, stopping: asyncio.Event) -> None:
        self._action = action
        self._request = request
        self._stopping = stopping

    @property
    def client_left(self) -> bool:
        return self._request.transport is None or self._request.transport.is_closing()

    async def pause(self, seconds: float) -> None:
        """Wait, but no longer than the client stays and the server runs."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0 and not self.client_left and not self._stopping.is_set():
            try:
                await asyncio.wait_for(self._stopping.wait(), min(left, LOOK_S))
            except TimeoutError:
                continue

    async def respond(self, answer: Answer) -> web.StreamResponse:
        action = self._action
        if action.hang:
            await self.pause(float("inf"))
        if action.hang or action.close:
            return self._hung_up()
        if action.reset == "head":
            return self._reset()
        if action.huge is not None:
            return await self._huge(answer, action.huge)
        body = answer.body if action.cut is None else answer.body[: action.cut]
        sent_headers = self._headers(answer.headers)
        if action.reset == "body" or action.slow is not None:
            return await self._piecemeal(answer.status, sent_headers, body)
        return web.Response(status=answer.status, headers=sent_headers, body=body)

    def _headers(self, given: Mapping[str, str]) -> Mapping[str, str]:
        if self._action.content_type is None:
            return given
        return {**given, "Content-Type": self._action.content_type}

    def _hung_up(self) -> web.Response:
        if self._request.transport:
            self._request.transport.close()
        return web.Response()

    def _reset(self) -> web.Response:
        if transport := self._request.transport:
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            transport.abort()
        return web.Response()

    async def _piecemeal(self, status: int, sent_headers: Mapping[str, str], body: bytes) -> web.StreamResponse:
        """Announce the whole length; then send the body slowly, or half of it and a reset."""
        response = web.StreamResponse(status=status, headers=sent_headers)
        response.content_length = len(body)
        await response.prepare(self._request)
        reset = self._action.reset == "body"
        sent = body[: len(body) // 2] if reset else body
        rate = self._action.slow or float("inf")
        step = CHUNK if rate == float("inf") else max(1, int(rate / 10))
        for start in range(0, len(sent), step):
            chunk = sent[start : start + step]
            await self.pause(len(chunk) / rate)
            if self.client_left or self._stopping.is_set():
                return self._hung_up()
            await response.write(chunk)
        if reset:
            return self._reset()
        return response

    async def _huge(self, answer: Answer, size: int) -> web.StreamResponse:
        """Send a JSON answer of `size` bytes without announcing its length."""
        response = web.StreamResponse(status=answer.status, headers=self._headers(answer.headers))
        response.enable_chunked_encoding()
        await response.prepare(self._request)
        try:
            await response.write(HUGE_HEAD)
            for start in range(len(HUGE_HEAD), size - len(HUGE_TAIL), CHUNK):
                await response.write(b"x" * min(CHUNK, size - len(HUGE_TAIL) - start))
            await response.write(HUGE_TAIL)
        except ConnectionError:
            return self._hung_up()
        return response
