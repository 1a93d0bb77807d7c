"""A request and all that it brings: id, body and parameters, credentials apart from arguments, as one Call."""

import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from aiohttp import web

from esb.core.call import ORDINARY, Call, Credentials, Record, Signed, made_of
from esb.core.errors import RequestError
from esb.core.i18n import Catalogues, Translate
from esb.incoming import body as parameters
from esb.incoming import credentials, request_body, request_headers, trusted_proxies
from esb.incoming.admission import SMALL, Admission, ArrivingBody
from esb.incoming.arrivals import counted_address
from esb.incoming.cors import Cors, is_cross_site
from esb.incoming.odd_body import OddParameters
from esb.incoming.path_tokens import PathTokens
from esb.incoming.request_headers import AUTHORIZATION, CONTENT_TYPE, COOKIE, GATEWAY_JWT, LANGUAGE, RARE, REQUEST_ID
from esb.incoming.routing import NO_VARIABLES, Route
from esb.incoming.trusted_proxies import Network
from esb.incoming.upgrade import asks_for_websocket

READING = frozenset({"GET", "HEAD"})
"""Methods whose parameters stand in the query."""
NO_PARAMETERS = parameters.Fields()
NO_CLAIMS: Mapping[str, str] = MappingProxyType({})
_REQUEST_ID = re.compile(r"[0-9a-fA-F]{32}")


class IncomingRequest:
    """A request on its way in, with what is known of it so far.

    `trusted` are the proxies whose word counts, `cors` the policy for browsers, if there is one; `started` is by the
    monotonic clock.
    """

    __slots__ = (
        *(
            "asked_path",
            "catalogues",
            "claims",
            "claims_of",
            "client_ip",
            "cors",
            "id",
            "method",
            "path_app",
            "plain",
            "record",
        ),
        *("request", "route", "started", "trusted", "variables"),
    )

    def __init__(
        self,
        request: web.BaseRequest,
        trusted: Sequence[Network],
        claims_of: credentials.ClaimsOf,
        catalogues: Catalogues,
        started: float,
        cors: Cors | None = None,
    ) -> None:
        self.request = request
        self.method = request.method
        self.id = request_id(request)
        self.plain = request.headers.keys().isdisjoint(RARE)
        """True if it has none of the headers that are RARE."""
        self.trusted = trusted
        self.claims_of = claims_of
        self.catalogues = catalogues
        self.started = started
        self.cors = cors
        self.record = Record()
        self.route: Route | None = None
        self.asked_path = ""
        """The path of a request that no route answers, escaped for the log."""
        self.claims: Mapping[str, str] | None = None
        """The claims of the caller about itself; None until all of the request is read."""
        self.variables: Mapping[str, str] = NO_VARIABLES
        self.path_app: str | None = None
        """The app whose token stands in the path, "" if it is nobody's; None: the path says nothing of who calls."""
        remote = request.remote or ""
        self.client_ip = trusted_proxies.client_ip(remote, request.headers, trusted) if trusted else remote
        """The address of the client, as far as trusted proxies tell."""

    @property
    def translate(self) -> Translate:
        """The translation into this caller's language."""
        return self.catalogues.translate(self.request.headers.get(LANGUAGE, ""))

    @property
    def claimed_app(self) -> str:
        """The app that the caller claims to be, in the request or, if that was not read, in its header; or ""."""
        return credentials.app_of(self.claims, self.claims_of, self.request.headers.get(AUTHORIZATION, "null"))

    def take_token(self, tokens: PathTokens) -> None:
        """Take the token out of the path's variables: it alone says who calls. RequestError if a header does, too."""
        self.path_app, self.variables = tokens.taken(self.variables)
        headers = self.request.headers
        for name in (GATEWAY_JWT, AUTHORIZATION):
            if headers.get(name, "null") not in {"", "null"}:
                raise RequestError(
                    "Parameters error, the token in the address says who calls: please leave out the request header"
                    " {name}",
                    name=str(name),
                )

    async def call(self, route: Route, deadline: float, admission: Admission) -> Call:
        """Make the call of this component. RequestError if the request cannot be read, Limited if there is no room.

        A body that is not at hand is read only after the early part of the chain has let its caller's headers pass.
        """
        request, headers = self.request, self.request.headers
        if self.method == "HEAD":
            self.method = _head_as(route)
        upgrades = not self.plain and asks_for_websocket(request, cors=self.cors, streams=route.streams_body)
        gateway_jwt = "" if self.plain else request_headers.text(headers.get(GATEWAY_JWT, ""))
        authorization = headers.get(AUTHORIZATION, "null")  # to claim nothing is to have no such header
        path, query_string, query = request.raw_path, "", NO_PARAMETERS
        if "?" in path or path[:1] != "/":  # an absolute address, perhaps: what it means is for others to say
            path, query_string = request.rel_url.raw_path, request.rel_url.raw_query_string
            query = parameters.from_query(query_string, route.limits)
        claims = self.claims_of(authorization) if self.path_app is None else NO_CLAIMS
        signs = bool(query) and credentials.is_signed(query, claims, gateway_jwt)
        by_header = claims is not None or bool(gateway_jwt)
        found: Mapping[str, Any] = query
        body: bytes | AsyncIterator[bytes] = b""
        if route.streams_body and by_header:  # else it may stand in the body who calls
            read = b""
            body = request_body.stream(request, route.max_stream) or b""
        else:
            at_hand = _at_hand(request, route.max_body)
            if at_hand is None:
                request_body.check_announced(request, route.max_body)
                known = None if signs else await self._known(route, deadline, claims, gateway_jwt, query_string, query)
                at_hand = await self._body(route, admission, known)
            body = read = at_hand
            if self.method not in READING:
                content = (read, headers.get(CONTENT_TYPE, ""), route.limits, route.upload_names)
                large = len(read) > parameters.AT_ONCE
                found = await parameters.from_large_body(*content) if large else parameters.from_body(*content)
                if type(found) is OddParameters:
                    self._note(found, is_meant=signs or route.streams_body or route.any_body)
        claimed, args = credentials.split(
            found,
            claims,
            "" if self.plain or signs else self._cookie(),
            gateway_jwt,
            Signed(request.method, self._signed(path), query, read) if signs else None,
        )
        if route.form is not None and (query or type(args) is parameters.Fields):
            beside = NO_PARAMETERS if self.method in READING else query
            args = route.form.settled(args, beside, self.method, self.record)
        call = self._made(route, deadline, query_string, claimed, args, body)
        if self.trusted and route.form is not None and route.form.reads_request:
            call = replace(call, scheme=trusted_proxies.scheme(request.remote or "", headers, self.trusted))
        return replace(call, upgrades=True) if upgrades else call

    def _made(
        self,
        route: Route,
        deadline: float,
        query: str,
        claimed: Credentials,
        args: Mapping[str, Any],
        body: bytes | AsyncIterator[bytes],
    ) -> Call:
        headers = self.request.headers
        self.claims = claimed.claims
        if self.path_app is not None:
            claimed = replace(claimed, path_app=self.path_app)
        forwarded: dict[str, str] = {REQUEST_ID: self.id}
        options = ORDINARY
        if not self.plain:
            forwarded.update(request_headers.forwarded(headers))
            options = request_headers.options(headers, route, signs=claimed.signed is not None)
        return made_of(
            {
                "id": self.id,
                "method": self.method,
                "path": route.path,
                "component": route.name,
                "deadline": deadline,
                "timeout": route.timeout,
                "headers": forwarded,
                "credentials": claimed,
                "args": args,
                "path_vars": self.variables,
                "query": query,
                "body": body,
                "all_headers": request_headers.passing(headers, route) if route.streams_body else (),
                "client_ip": self.client_ip,
                "restricted": route.restricted,
                "options": options,
                "record": self.record,
            }
        )

    def _note(self, found: OddParameters, *, is_meant: bool) -> None:
        """Note what is odd about a body, for the answer. RequestError for a foreign one.

        `is_meant`: the body is signed, handed on or read as it is, and may well be foreign.
        """
        if found.refusal is not None and not is_meant:
            raise found.refusal
        self.record.body, self.record.warnings = found.body, found.warnings

    @property
    def declared_path(self) -> str:
        """The path without what the caller put in the place of variables; "" until it is known."""
        return self.route.path if self.route is not None else ""

    def _cookie(self) -> str:
        """Return the cookies that say who calls."""
        headers = self.request.headers
        if COOKIE not in headers or is_cross_site(headers, self.cors):
            return ""
        return request_headers.text(headers[COOKIE])

    def _signed(self, path: str) -> str:
        if not self.trusted:
            return path
        return trusted_proxies.signed_path(path, self.request.remote or "", self.request.headers, self.trusted)

    async def _known(
        self,
        route: Route,
        deadline: float,
        claims: Mapping[str, str] | None,
        gateway_jwt: str,
        query_string: str,
        query: Mapping[str, Any],
    ) -> str | None:
        """Return the app that calls, if that does not stand in the body or depend on it; None if nobody can tell yet.

        EsbError if the early part of the chain refuses the call.
        """
        found = query if self.request.method in READING else NO_PARAMETERS
        if route.early is None or not (claims is not None or gateway_jwt or found):
            return None
        claimed, args = credentials.split(found, claims, self._cookie(), gateway_jwt, None)
        call: Call = await route.early(self._made(route, deadline, query_string, claimed, args, b""))
        return None if call.app is None else call.app.code

    async def _body(self, route: Route, admission: Admission, app: str | None) -> bytes:
        """Return the whole body, as soon as it has come. Its bytes are this app's, or a stranger's; held in `record`.

        Limited if there is no room for them.
        """
        held = ArrivingBody(admission, "" if app is not None else counted_address(self.client_ip, self.trusted))
        self.record.held = held
        if app is not None:
            admission.admit(self.record, app)
        with held:
            return await request_body.collected(self.request, route.max_body, held)


def _at_hand(request: web.BaseRequest, limit: int) -> bytes | None:
    """Return the whole body, if it came together with the head, as nearly always; None if there is more to do.

    TooLarge if it is over the limit (bytes). Bench: send.
    """
    content = request.content
    if not content.is_eof() or content.exception() is not None or request_body.CONTENT_ENCODING in request.headers:
        return None
    if content.total_bytes > SMALL:
        return None
    body = content.read_nowait()
    if len(body) > limit:
        raise request_body.too_large(limit)
    return body


def request_id(request: web.BaseRequest) -> str:
    """Return the caller's own request id if it is well formed, else a fresh one."""
    offered = request.headers.get(REQUEST_ID)
    if offered is not None and _REQUEST_ID.fullmatch(offered):
        return offered
    return os.urandom(16).hex()


def _head_as(route: Route) -> str:
    """Return the method of a call that HEAD makes: answered as GET, and written without its body."""
    return "GET" if "GET" in route.methods and not route.streams_body else "HEAD"
