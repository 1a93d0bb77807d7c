"""The client of all upstreams: HTTP with pooled connections, deadlines, verified TLS and bounded answers.

Every failure becomes an UpstreamError that says whether the upstream may have acted. Its text never holds a URL:
access tokens travel in the query. An engine speaks HTTP; see esb.outgoing.engine.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import lru_cache
from typing import Any, TypeVar

from esb.core.call import ORDINARY, Call
from esb.core.events import Observer
from esb.outgoing.bulkhead import Bulkhead
from esb.outgoing.dry_run import promised
from esb.outgoing.engine import (
    DEFAULT_BOUNDS,
    MAX_ANSWER,
    Answer,
    Engine,
    ExchangeError,
    HeadBounds,
    PreparedRequest,
    Request,
    RequestKind,
    StreamedAnswer,
    Target,
    Tls,
)
from esb.outgoing.engines.aiohttp import AiohttpEngine
from esb.outgoing.host_bulkheads import HostBulkheads, host_of
from esb.outgoing.json_answer import may_have_acted, own_code, read_json, read_object
from esb.outgoing.judgement import Judged
from esb.outgoing.multipart import Files, as_form
from esb.outgoing.request_report import RequestReport
from esb.outgoing.request_scope import RequestScope, Upload, too_slow
from esb.outgoing.stream import Stream

__all__ = [
    "MAX_ANSWER",
    "Answer",
    "HeadBounds",
    "Outgoing",
    "RequestReport",
    "Stream",
    "Target",
    "Tls",
    "may_have_acted",
    "own_code",
    "read_json",
    "read_object",
    "too_slow",
]

IDLE_SECONDS = 30.0
NO_HEADERS: Mapping[str, str] = {}
RECENT = 256
"""Number of kinds of requests kept prepared: an address, token and all, and the names of headers. Bench: send."""


J = TypeVar("J", bound=Judged)
T = TypeVar("T")


class Outgoing:
    """The client of all upstreams. One for the whole process."""

    def __init__(self, observer: Observer, *, max_per_target: int = 5000, engine: Engine | None = None) -> None:
        self._observer = observer
        self.bulkheads = HostBulkheads(max_per_target)
        self._prepared = lru_cache(maxsize=RECENT)(self._prepare)
        self._engine = engine or AiohttpEngine()
        self.is_open = False

    def open(self) -> None:
        """Make the connection pools, inside a running event loop."""
        self._engine.open()
        self._prepared.cache_clear()
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False
        await self._engine.close()

    @property
    def is_idle(self) -> bool:
        """True if no request is under way, and none waits."""
        return self.bulkheads.are_idle

    async def json(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: Any = None,
        files: Files | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        proxy: str | None = None,
        tls: Tls | None = None,
        guarded: bool = False,
        statuses: Collection[int] = (200,),
    ) -> dict[str, Any]:
        """Return the JSON object that this request brings. `body`: ready bytes, or a value to send as JSON.

        With `files` (name -> File, or several) it is a multipart form, and `body` maps its other fields to texts.
        UpstreamError when the status is none of `statuses` or the answer is no JSON object. `tls` and `guarded`: see
        esb.outgoing.engine.
        """
        with RequestScope(self._observer, call, target, timeout) as scope:
            if files is not None:
                headers, body = as_form(headers, body, files)
            answer = await self._fetch(scope, method, url, body, headers, proxy, tls, guarded)
            scope.status = answer.status
            payload = read_object(target, answer, statuses)
            scope.note(payload)
            return payload

    async def judged(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        read: Callable[[dict[str, Any]], J],
        *,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        proxy: str | None = None,
    ) -> J:
        """Return the JSON object that this request brings as `read` judges it: once, for the caller and for the log.

        UpstreamError when the status is not 200 or the answer is no JSON object; and what `read` raises.
        """
        with RequestScope(self._observer, call, target, timeout) as scope:
            answer = await self._fetch(scope, method, url, body, headers, proxy, None, False)
            scope.status = answer.status
            payload = read_object(target, answer)
            judged = read(payload)
            scope.note_judged(payload, judged.verdict.kind)
            return judged

    async def read(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        read: Callable[[Target, Answer], tuple[T, Mapping[str, Any] | None]],
        *,
        body: Any = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        tls: Tls | None = None,
        guarded: bool = False,
        bounds: HeadBounds = DEFAULT_BOUNDS,
    ) -> T:
        """Return what `read` makes of the answer to this request, whatever its status.

        It returns besides the JSON object that tells the log how it went, if there is one. UpstreamError when nothing
        usable came; and what `read` raises.
        """
        with RequestScope(self._observer, call, target, timeout) as scope:
            answer = await self._fetch(scope, method, url, body, headers, None, tls, guarded, bounds)
            scope.status = answer.status
            value, payload = read(target, answer)
            if payload is not None:
                scope.note(payload)
            return value

    async def request(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: Any = None,
        files: Files | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        proxy: str | None = None,
        tls: Tls | None = None,
        guarded: bool = False,
    ) -> Answer:
        """Return the answer to this request, whatever its status. UpstreamError when nothing usable came.

        `body` and `files` as in `json`.
        """
        with RequestScope(self._observer, call, target, timeout) as scope:
            if files is not None:
                headers, body = as_form(headers, body, files)
            answer = await self._fetch(scope, method, url, body, headers, proxy, tls, guarded)
            scope.status = answer.status
            scope.refused = not may_have_acted(answer.status)
            return answer

    @asynccontextmanager
    async def stream(
        self,
        call: Call | None,
        target: Target,
        method: str,
        url: str,
        *,
        body: bytes | AsyncIterator[bytes] | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
        timeout: float | None = None,
        idle: float = IDLE_SECONDS,
        tls: Tls | None = None,
        guarded: bool = False,
        bounds: HeadBounds = DEFAULT_BOUNDS,
    ) -> AsyncIterator[Stream]:
        """Open the answer to this request, whatever its status, from its head on; no header is added but the call's.

        The deadline ends with the head; from then on `idle` seconds may pass between two chunks. Leaving before the
        end closes the connection. What `body` raises while it is read is raised here.
        """
        with RequestScope(self._observer, call, target, timeout) as scope:
            if call is not None and call.options is not ORDINARY:
                target = scope.target = promised(call, target, method)
            upload = body if body is None or isinstance(body, bytes) else Upload(body)
            scope.host = host_of(url)
            bulkhead = self.bulkheads.of(url, None)
            if not bulkhead.enters(scope.call):
                await scope.wait(bulkhead)
            async with AsyncExitStack() as stack:
                stack.callback(bulkhead.leave, scope.call)
                request = scope.streaming(method, url, upload, headers, tls, guarded, bounds)
                streamed = await self._head(scope, request, stack)
                scope.status = streamed.status
                if target.sends:
                    scope.mark_sent()  # now: whoever relays the body reads it long after the call is over
                yield Stream(streamed.status, streamed.headers, scope.chunks(streamed, idle), streamed.tunnel)

    async def _head(self, scope: RequestScope, request: Request, stack: AsyncExitStack) -> StreamedAnswer:
        try:
            async with asyncio.timeout(scope.seconds):
                return await stack.enter_async_context(self._engine.stream(request))
        except TimeoutError:
            failure: Exception = scope.out_of_time()
        except ExchangeError as error:
            failure = scope.failure(error)
        if isinstance(request.body, Upload) and request.body.error is not None:
            failure = request.body.error
        raise failure

    def report(self, call: Call | None, target: Target) -> RequestReport:
        """Return a report for a request that takes another way out than HTTP."""
        if call is not None and target.sends:
            promised(call, target, "")
        return RequestReport(self._observer, call, target)

    async def _fetch(
        self,
        scope: RequestScope,
        method: str,
        url: str,
        body: Any,
        headers: Mapping[str, str],
        proxy: str | None,
        tls: Tls | None,
        guarded: bool,
        bounds: HeadBounds = DEFAULT_BOUNDS,
    ) -> Answer:
        if scope.call is not None and scope.call.options is not ORDINARY:
            scope.target = promised(scope.call, scope.target, method)
        headers, body = scope.content(headers, body)
        bulkhead, scope.host, prepared = self._prepared(method, url, tuple(headers), proxy, tls, guarded, bounds)
        if not bulkhead.enters(scope.call):
            await scope.wait(bulkhead)
        try:
            return await prepared.fetch(headers, body, scope.seconds)
        except ExchangeError as error:
            failure = scope.failure(error)
        finally:
            bulkhead.leave(scope.call)
        raise failure

    def _prepare(
        self,
        method: str,
        url: str,
        names: tuple[str, ...],
        proxy: str | None,
        tls: Tls | None,
        guarded: bool,
        bounds: HeadBounds,
    ) -> tuple[Bulkhead, str, PreparedRequest]:
        """Return the bulkhead of requests of this kind, their host, and the request that the engine has prepared."""
        return (
            self.bulkheads.of(url, proxy),
            host_of(url),
            self._engine.prepare(RequestKind(method, url, guarded, names, proxy, tls, bounds)),
        )
