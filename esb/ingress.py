"""HTTP in, envelope out: the one room that knows both the web request and the call.

Every error raised on a call's way ends here, and only here becomes an envelope.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from aiohttp import web
from multidict import CIMultiDict

from esb import codec, credentials, envelope, forwarding, parameters, signature
from esb.call import Call, Options, Record, Signed
from esb.component import Reply
from esb.config import Server
from esb.errors import Draining, EsbError, Inactive, Limited, Message, NotFound, RequestError, TooLarge, UpstreamError
from esb.fields import switched_on
from esb.hangup import HungUp, reset, while_connected
from esb.observe import CallFinished, Observer, crash
from esb.occupancy import Occupancy
from esb.outgoing import own_code
from esb.routes import Route, Routes
from esb.translation import Catalogues, Translate
from esb.unpacking import unpacked

COMPONENTS = "/api/c/compapi/"
SELF_SERVICE = "/api/c/self-service-api/"
JSON = "application/json; charset=utf-8"
ANSWER_SECONDS = 0.25
"""What a component that noticed its deadline itself has left to say what it did until then."""
TRAVELLING = ("Blueking-Language", "Blueking-Timezone", "Traceparent")
"""Headers of a caller that go upstream; nothing else of it does."""

JSON_HEADERS: Mapping[str, str] = {"Content-Type": JSON}
NOTHING_MORE: Mapping[str, str] = {}
CUT_SHORT = envelope.GENERAL_FAILURE
"""The code that the log tells of a call that was ended without an answer."""
_REQUEST_ID = re.compile(r"[0-9a-fA-F]{32}")
_LINE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")


class Generation(Protocol):
    """What answers now. A call keeps the one it started with."""

    routes: Routes
    calls: Occupancy

    @property
    def server(self) -> Server: ...


class Ingress:
    """Answers every request of the public listener."""

    def __init__(self, current: Callable[[], Generation], observer: Observer, catalogues: Catalogues) -> None:
        self._current = current
        self._observer = observer
        self._catalogues = catalogues
        self.in_flight: set[asyncio.Task[Any]] = set()
        self.ready = False
        self.draining = False

    async def expect(self, request: web.Request) -> None:
        """Asks for the body of a caller that waits to be asked. Any other expectation of a caller is ignored."""
        if request.version >= (1, 1) and request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # the answer has yet to begin

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path
        if path == "/api/c/ping/" and request.method == "GET":
            return web.Response(text="pong")
        if path == "/api/c/healthz/" and request.method == "GET":
            return self._health()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiohttp runs every handler in a task
        self.in_flight.add(task)
        try:
            generation = self._current()
            with generation.calls:
                return await self._answer(request, path, generation)
        finally:
            self.in_flight.discard(task)

    def _health(self) -> web.Response:
        healthy = self.ready and not self.draining
        message = "OK" if healthy else "draining" if self.draining else "starting"
        body: dict[str, Any] = {"ok": healthy, "code": "0" if healthy else "1306000", "message": message, "data": {}}
        return web.Response(status=200 if healthy else 503, body=codec.encode(body), headers={"Content-Type": JSON})

    async def _answer(self, request: web.Request, path: str, generation: Generation) -> web.StreamResponse:
        started = time.monotonic()
        server = generation.server
        request_id = _request_id(request)
        translate = self._catalogues.translate(request.headers.get("Blueking-Language", ""))
        record = Record()
        if self._observer.tracer is not None:
            record.span = self._observer.tracer.call(request.headers)
        route: Route | None = None
        try:
            route, variables = self._route(request, path, generation)
            answer = await self._within_deadline(request, request_id, route, variables, record, server)
            if isinstance(answer, Reply) and isinstance(answer.body, AsyncIterator):
                written = await self._streamed(request, request_id, path, answer, record.headers)
            else:
                written = _written(answer, request_id, translate, record.headers)
        except (asyncio.CancelledError, HungUp) as error:
            source = "caller" if isinstance(error, HungUp) else "gateway"
            self._finished(request, request_id, route, record, CUT_SHORT, 0, source, started, server)
            if isinstance(error, HungUp):
                return web.Response()  # to nobody
            raise
        except Exception as error:  # noqa: BLE001 - the rim: a bug must not take the answer's form away
            written = self._failed(error, request_id, path, translate, record.headers)
        status = written.response.status
        self._finished(request, request_id, route, record, written.code, status, written.source, started, server)
        return written.response

    async def _streamed(
        self, request: web.Request, request_id: str, path: str, reply: Reply, more: Mapping[str, str]
    ) -> "_Written":
        """Writes a body as it comes, no faster than the client takes it, and closes it whatever happens."""
        body = reply.body
        assert isinstance(body, AsyncIterator)  # noqa: S101 - the caller has looked
        try:
            headers = _headers(reply.headers, request_id, more)
            response = web.StreamResponse(status=reply.status, headers=headers)
            async with while_connected(request.transport):
                await response.prepare(request)
                try:
                    await _pump(body, response, reply.idle_timeout)
                except ConnectionError:
                    raise HungUp from None
                except Exception as error:  # noqa: BLE001 - the head is out: all that is left is to break off
                    return self._cut(request, response, error, request_id, path)
            return _Written(response, 0)
        finally:
            if isinstance(body, _Closable):
                await body.aclose()

    def _cut(
        self, request: web.Request, response: web.StreamResponse, error: Exception, request_id: str, path: str
    ) -> "_Written":
        """Breaks off an answer so that its reader can tell that it is not whole."""
        stalled = isinstance(error, TimeoutError)
        if not isinstance(error, EsbError) and not stalled:
            self._observer.emit(crash(request_id, path, error))
        if request.transport is not None:
            if stalled or request.version < (1, 1):
                reset(request.transport)
            else:
                request.transport.close()
        if isinstance(error, EsbError):
            return _Written(response, error.code, error.source)
        return _Written(response, CUT_SHORT, "caller" if stalled else "gateway")

    def _failed(
        self, error: Exception, request_id: str, path: str, translate: Translate, more: Mapping[str, str]
    ) -> "_Written":
        if isinstance(error, EsbError):
            try:
                made = envelope.failure(error, request_id, translate)
                return _enveloped(made, error.status, request_id, translate, more, error.source)
            except Exception as bug:  # noqa: BLE001 - a text without its value, data that is no JSON
                error = bug
        self._observer.emit(crash(request_id, path, error))
        return _enveloped(envelope.crash(request_id, translate), 200, request_id, translate, source="gateway")

    def _finished(
        self,
        request: web.Request,
        request_id: str,
        route: Route | None,
        record: Record,
        code: int | str,
        status: int,
        source: str,
        started: float,
        server: Server,
    ) -> None:
        self._observer.end(
            CallFinished(
                id=request_id,
                method=request.method,
                path=route.path if route is not None else "",
                system=route.system if route is not None else "",
                component=route.component if route is not None else "",
                app=record.app,
                user=record.user,
                user_source=record.user_source,
                code=code,
                status=status,
                seconds=time.monotonic() - started,
                client_ip=forwarding.client_ip(request.remote or "", request.headers, server.trusted_proxies),
                source=source,
            ),
            record.span,
        )

    def _route(self, request: web.Request, path: str, generation: Generation) -> tuple[Route, Mapping[str, str]]:
        if self.draining or not self.ready:
            raise Draining("The gateway is shutting down or not ready yet, please try again later")
        if len(self.in_flight) > generation.server.max_in_flight:
            raise Limited("The gateway has too many calls in flight, please try again later", retry_after=1.0)
        if path.startswith(SELF_SERVICE):
            raise Inactive("Not found, inactive buffet component")
        found = None
        if path.startswith(COMPONENTS):
            found = generation.routes.find(f"/{path[len(COMPONENTS) :].strip('/')}/", request.method)
        if found is None:
            raise NotFound("The content does not exist")
        if not found[0].active:
            raise Inactive("Not found, inactive channel")
        return found

    async def _within_deadline(
        self,
        request: web.Request,
        request_id: str,
        route: Route,
        variables: Mapping[str, str],
        record: Record,
        server: Server,
    ) -> Any:
        deadline = asyncio.get_running_loop().time() + route.timeout
        scope = asyncio.timeout_at(deadline + ANSWER_SECONDS)
        call = None
        try:
            async with scope:
                call = await self._call(request, request_id, route, variables, record, deadline, server)
                if not route.streams_body:
                    return await route.handler(call)
                async with while_connected(request.transport):
                    return await route.handler(call)
        except TimeoutError:
            if not scope.expired():
                raise
        if call is None:
            raise RequestError(
                "Parameters error, the request body did not arrive within {seconds:g} seconds", seconds=route.timeout
            )
        raise UpstreamError(
            route.system,
            route.component,
            Message(
                "Third-party system interface response time exceeds {seconds:g} seconds", {"seconds": route.timeout}
            ),
            sent=record.sent,
        )

    async def _call(
        self,
        request: web.Request,
        request_id: str,
        route: Route,
        variables: Mapping[str, str],
        record: Record,
        deadline: float,
        server: Server,
    ) -> Call:
        headers = request.headers
        authorization = headers.get("X-Bkapi-Authorization")
        gateway_jwt = _text(headers.get("X-Bkapi-JWT", ""))
        query = parameters.from_query(request.rel_url.raw_query_string)
        read, stream = b"", None
        if (
            route.streams_body
            and credentials.come_by_header(authorization, gateway_jwt)
            and not signature.offered(query)
        ):
            stream, found = self._stream(request, route, server), query
        else:
            read = await self._body(request, route, server)
            in_query = request.method in {"GET", "HEAD"}
            found = query if in_query else parameters.from_body(read, headers.get("Content-Type", ""))
        claimed, args = credentials.split(
            found,
            authorization,
            _text(headers.get("Cookie", "")),
            gateway_jwt,
            Signed(request.method, _signed_path(request, server), query, read),
        )
        travelling = {name: value for name in TRAVELLING if (value := headers.get(name)) and value.isascii()}
        travelling["X-Bkapi-Request-Id"] = request_id
        return Call(
            id=request_id,
            method=request.method,
            path=route.path,
            component=route.name,
            deadline=deadline,
            timeout=route.timeout,
            headers=travelling,
            credentials=claimed,
            args=args,
            path_vars=variables,
            query=request.rel_url.raw_query_string,
            body=read if stream is None else stream,
            all_headers=tuple(headers.items()) if route.streams_body else (),
            options=_options(headers),
            record=record,
        )

    async def _body(self, request: web.Request, route: Route, server: Server) -> bytes:
        limit = server.max_body if route.max_body is None else route.max_body
        _check_announced(request, limit)
        if not request.body_exists:
            return b""
        pieces = _pieces(request, limit)
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        if encoding not in {"", "identity"}:
            pieces = _bounded(unpacked(pieces, encoding), limit)
        chunks = [chunk async for chunk in pieces]
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _stream(self, request: web.Request, route: Route, server: Server) -> AsyncIterator[bytes] | None:
        """The body as it comes; None if there is none."""
        limit = server.max_body if route.max_body is None else route.max_body
        if route.unlimited:
            limit = sys.maxsize
        _check_announced(request, limit)
        return _pieces(request, limit) if request.body_exists else None


def _signed_path(request: web.Request, server: Server) -> str:
    path, remote = request.rel_url.raw_path, request.remote or ""
    return forwarding.signed_path(path, remote, request.headers, server.trusted_proxies)


def _request_id(request: web.Request) -> str:
    offered = request.headers.get("X-Bkapi-Request-Id")
    if offered is not None and _REQUEST_ID.fullmatch(offered):
        return offered
    return os.urandom(16).hex()


def _options(headers: Mapping[str, str]) -> Options:
    return Options(
        test_env=switched_on(headers.get("X-Use-Test-Env")),
        dry_run=switched_on(headers.get("X-Dry-Run")),
        idempotency_key=headers.get("Idempotency-Key"),
    )


def _check_announced(request: web.Request, limit: int) -> None:
    if (request.content_length or 0) > limit:
        raise _too_large(limit)


async def _bounded(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        yield chunk


async def _pieces(request: web.Request, limit: int) -> AsyncIterator[bytes]:
    try:
        async for chunk in _bounded(request.content.iter_any(), limit):
            yield chunk
    except (web.RequestPayloadError, ConnectionError):
        raise RequestError("Parameters error, the request body is incomplete or not valid HTTP") from None


async def _pump(body: AsyncIterator[bytes], response: web.StreamResponse, seconds: float) -> None:
    """Each chunk when it is there; `seconds` at most for the client to take one."""
    async for chunk in body:
        async with asyncio.timeout(seconds):
            await response.write(chunk)
    async with asyncio.timeout(seconds):
        await response.write_eof()


@runtime_checkable
class _Closable(Protocol):
    """An iterator that wants to know when nobody will read on."""

    async def aclose(self) -> None: ...


def _too_large(limit: int) -> TooLarge:
    return TooLarge("The request body is too large, the limit is {limit} bytes", limit=limit)


def _text(header: str) -> str:
    """A header's text. Bytes that are no UTF-8 come as lone surrogates, which nothing further down could encode."""
    return header if header.isascii() else header.encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class _Written:
    """An answer in its final form, and what is told of it: its code, and where the trouble came from."""

    response: web.StreamResponse
    code: int | str
    source: str = ""


def _written(answer: Any, request_id: str, translate: Translate, more: Mapping[str, str]) -> _Written:
    """A component's answer. TypeError or ValueError if it cannot be written."""
    if isinstance(answer, Reply):
        if not isinstance(answer.body, bytes):
            raise TypeError("the body of a Reply is neither bytes nor an iterator of them")
        headers = _headers(answer.headers, request_id, more)
        return _Written(web.Response(body=answer.body, status=answer.status, headers=headers), 0)
    return _enveloped(envelope.success(answer, request_id), 200, request_id, translate, more)


def _enveloped(
    made: dict[str, Any],
    status: int,
    request_id: str,
    translate: Translate,
    more: Mapping[str, str] = NOTHING_MORE,
    source: str = "",
) -> _Written:
    headers = _headers(JSON_HEADERS, request_id, more)
    body = codec.encode(made, partial(_told, translate))
    if not made["result"]:
        source = source or "upstream"  # a component's own envelope: it passes on what another system said
    code = own_code(made["code"])  # an upstream may have written anything there
    return _Written(
        web.Response(body=body, status=status, headers=headers), CUT_SHORT if code is None else code, source
    )


def _told(translate: Translate, value: Any) -> str:
    """A text in the caller's language, wherever in an answer it stands; nothing else is written in a way of its own."""
    if isinstance(value, Message):
        return value.render(translate)
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def _headers(first: Mapping[str, str], request_id: str, more: Mapping[str, str]) -> CIMultiDict[str]:
    """All headers of an answer; ours win. ValueError if one would break out of its line."""
    headers = CIMultiDict(first)
    headers.update(more)
    if first is not JSON_HEADERS or more:
        for name, value in headers.items():
            if not _LINE.fullmatch(name + value):
                raise ValueError("a header with control characters")
    headers["X-Bkapi-Request-Id"] = request_id
    headers["Server"] = "esb-gateway"
    return headers
