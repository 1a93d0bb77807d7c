"""A reverse proxy: another system's HTTP interface as a component, by YAML alone.

    hosts, path        where: http://host or http://host/base, and /x/{id}/ with variables of the called path, or else
                       of the parameters
    method             of the request upstream; the caller's if left out
    send               query, json or form: where the parameters go; query for GET and DELETE, else json
    response           envelope: the upstream's JSON object, completed; wrap: any JSON, as data; raw: status, headers
                       and body as they come, and the caller's body too where its credentials came by header
    headers, params    fixed ones; defaults: parameters where the caller gives none
    identity           headers: Bk-Username and Bk-App-Code; jwt: besides X-Bkapi-JWT, signed with jwt_private_key
    timeout, retries   of one attempt, by kind; more attempts where the method is idempotent
    breaker, max_concurrency, idle_timeout, tls, allow_link_local, username_param: see config.py beside this file

Credentials never go upstream, nor do Authorization and Cookie headers.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from esb import (
    Call,
    Check,
    Component,
    Decision,
    Envelope,
    Params,
    Probes,
    Question,
    Reply,
    Services,
    Target,
    UpstreamError,
)
from esb.contracts.component import SwitchedProtocols
from esb.core.errors import Message
from esb.outgoing.client import HeadBounds, Stream
from esb.outgoing.jwt_signer import GatewayJwt
from esb.plugins.http.attempts import Attempts
from esb.plugins.http.body_stream import BodyStream
from esb.plugins.http.breaker import Attempt, Breakers, refusal
from esb.plugins.http.concurrency_limit import ConcurrencyLimit
from esb.plugins.http.config import HttpConfig
from esb.plugins.http.headers import for_caller
from esb.plugins.http.hosts import Hosts
from esb.plugins.http.redirects import Redirects
from esb.plugins.http.upstream_answer import AnswerReader, Declined
from esb.plugins.http.upstream_request import RequestBuilder, UpstreamRequest
from esb.plugins.http.upstream_time import UpstreamTime

FINAL = range(200, 600)
"""The statuses that an answer can have."""
SWITCHED = 101
"""The status that takes the connection for another protocol, which is for those who asked for it."""


class Http(Component[HttpConfig, Params]):
    """Passes the call on to another system, and answers what that says. The parameters are that system's."""

    config_type = HttpConfig
    reads_request = True

    def __init__(self, config: HttpConfig, services: Services) -> None:
        super().__init__(config, services)
        self.streams_body = config.response == "raw"
        self.answer_type = {"envelope": Envelope, "wrap": Any, "raw": Reply}[config.response]
        self._jwt: GatewayJwt | None = None
        if config.identity == "jwt" and config.jwt_private_key is not None:
            self._jwt = GatewayJwt(config.jwt_private_key.get_secret_value(), services.clock)
        self._reader = AnswerReader(
            is_envelope=config.response == "envelope", code=config.message.code, message=config.message.message
        )
        self._builder = RequestBuilder(config, self._identity)
        self._tls = config.tls.load() if config.tls is not None else None
        self._bounds = HeadBounds(config.max_header_size, config.max_headers)
        self._redirects = Redirects(config.hosts, config.path) if config.rewrite_redirects else None
        self._limit = ConcurrencyLimit(config.max_concurrency)
        self._attempts = Attempts(Hosts(config.hosts, services.clock), config.retries, services.clock)
        self._breakers: Breakers | None = None
        if config.breaker is not None:
            self._breakers = Breakers(config.breaker.failures, config.breaker.seconds, services.clock)

    def checks(self, probes: Probes) -> Sequence[Check]:
        """Return the checks of the way to each host; nothing is asked of the upstream itself."""
        return [check for host in self.config.hosts for check in probes.reach(host, "hosts", tls=self._tls, part=host)]

    async def explain(self, question: Question) -> Decision | None:
        """Return whether its breaker is open, and how many of its places are taken; None if it has neither."""
        if self._breakers is None and self.config.max_concurrency is None:
            return None
        if not question.alone:
            return Decision(verdict="not known here", why="each process has a breaker and a max_concurrency of its own")
        app, places = question.call.app, self._limit.taken()
        shut = None if self._breakers is None else self._breakers.seconds_shut("" if app is None else app.code)
        if shut is None:
            return Decision(verdict="allowed", why=places or "the breaker is closed")
        error = refusal(_target(question.call), shut)
        return Decision(verdict="refused", why="the breaker is open", until=question.at + shut, error=error)

    def open_breakers(self) -> Iterator[tuple[str, float]]:
        """Yield the apps whose calls do not go out just now, and after how many seconds one may."""
        return iter(()) if self._breakers is None else self._breakers.shut()

    async def handle(self, call: Call, params: Params) -> Any:
        request = await self._builder.build(call)
        return await (self._relayed if self.config.response == "raw" else self._asked)(call, request)

    async def _asked(self, call: Call, request: UpstreamRequest) -> Any:
        try:
            return await self._answered(call, request)
        except Declined as declined:
            if declined.retry_after is not None:
                call.record.headers["Retry-After"] = f"{declined.retry_after:.0f}"
            return declined.envelope

    async def _answered(self, call: Call, request: UpstreamRequest) -> Any:
        async with self._limit.entered(call):
            with self._watched(call, self._time(call, request)):
                ask = partial(self._ask, request)
                return await self._attempts.answer(call, ask, repeatable=request.repeatable)

    async def _ask(self, request: UpstreamRequest, call: Call, host: str) -> Any:
        url, options = host + request.place, self._options(request)
        return await self.services.http.read(
            call, _target(call), request.method, url, self._reader.read, body=request.body, **options
        )

    async def _relayed(self, call: Call, request: UpstreamRequest) -> Reply | SwitchedProtocols:
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._limit.entered(call))
            time = self._time(call, request)
            if request.body is not None and not isinstance(request.body, bytes):
                request = replace(request, body=time.watched(request.body))
            with self._watched(call, time) as attempt:
                begin = partial(self._begin, held, request)
                asked, stream = await self._attempts.answer(call, begin, repeatable=request.repeatable)
                attempt.ill = stream.status >= 500
            headers = for_caller(stream.headers.items())
            if self._redirects is not None and "Location" in headers:
                headers["Location"] = self._redirects.rewritten(headers["Location"], asked, call)
            if stream.status == SWITCHED:
                return SwitchedProtocols(stream.tunnel(), headers, held.pop_all(), self.config.idle_timeout)
            body = BodyStream(stream.chunks, held.pop_all())
            return Reply(stream.status, headers, body, self.config.idle_timeout)

    async def _begin(self, held: AsyncExitStack, request: UpstreamRequest, call: Call, host: str) -> tuple[str, Stream]:
        """Return the URL that was asked, and the answer from its head on."""
        target = _target(call)
        stream = await held.enter_async_context(
            self.services.http.stream(
                call,
                target,
                request.method,
                (asked := host + request.place),
                body=request.body,
                idle=self.config.idle_timeout,
                **self._options(request),
            )
        )
        if stream.status not in FINAL and not (call.upgrades and _is_websocket(stream)):
            raise UpstreamError(target.system, target.interface, Message("the response is not valid HTTP"))
        return asked, stream

    def _options(self, request: UpstreamRequest) -> dict[str, Any]:
        return {
            "headers": request.headers,
            "timeout": self.config.seconds_of(request.method),
            "tls": self._tls,
            "guarded": not self.config.allow_link_local,
            "bounds": self._bounds,
        }

    def _time(self, call: Call, request: UpstreamRequest) -> UpstreamTime:
        return UpstreamTime(call, self.config.seconds_of(request.method))

    def _watched(self, call: Call, time: UpstreamTime) -> AbstractContextManager[Attempt]:
        if self._breakers is None:
            return nullcontext(Attempt(time))
        return self._breakers.of(call).attempt(_target(call), time)

    def _identity(self, call: Call) -> Mapping[str, str]:
        """Name app and user in headers that a caller cannot set."""
        if self.config.identity == "none":
            return {}
        headers = {}
        if call.app is not None:
            headers["Bk-App-Code"] = call.app.code
        if call.user is not None:
            headers["Bk-Username"] = call.user.username
        if self._jwt is not None:
            headers["X-Bkapi-JWT"] = self._jwt.token(call.app, call.user)
        return headers


def _is_websocket(stream: Stream) -> bool:
    return stream.status == SWITCHED and stream.headers.get("Upgrade", "").lower() == "websocket"


def _target(call: Call) -> Target:
    system, _, component = call.component.partition(".")
    return Target(system, component, sends=True, refuses=_never)


def _never(answer: Mapping[str, Any]) -> bool:
    """Return False: another system's codes are unknown here, so whatever it says with status 200, it may have acted."""
    return False
