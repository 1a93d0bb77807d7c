"""The request that an upstream sees of a call: parameters, identity, headers, and never a credential."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from multidict import CIMultiDict
from pydantic import SecretStr

from esb.core import json_codec
from esb.core.call import Call
from esb.core.credential_names import NOT_FOR_UPSTREAMS
from esb.core.errors import BadBody, RequestError
from esb.core.header_names import folded
from esb.core.offloading import offloaded
from esb.incoming.body import Fields, from_query
from esb.plugins.http.config import HttpConfig
from esb.plugins.http.fixed_params import FixedParams
from esb.plugins.http.form_texts import encoded_form, encoded_query, joined_query, name_in, pairs_of, passed_piece
from esb.plugins.http.header_values import HeaderValues
from esb.plugins.http.headers import for_upstream
from esb.plugins.http.path_template import PathTemplate
from esb.plugins.http.remade_body import FORM, collected, remake_multipart, remake_of

SWITCH = "__esb_skip_"
OF_PACKED = ("Content-Encoding", "Content-Length", "Content-MD5", "Digest", "Content-Digest")
"""Headers of a body as it came, which no longer hold for one that ingress has read and unpacked."""
READING = frozenset({"GET", "HEAD"})
"""Methods whose parameters are those of the query."""
NOTHING: Mapping[str, Any] = {}
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
AT_ONCE = 2**14
"""The bytes of a body of which a request is made at once. For that of a larger one everybody else would wait."""
Identify = Callable[[Call], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request, whichever host it goes to. `place` is path and query."""

    method: str
    place: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | AsyncIterator[bytes] | None = field(repr=False)

    @property
    def repeatable(self) -> bool:
        """True if sending it twice does no more than sending it once."""
        return self.method in IDEMPOTENT and (self.body is None or isinstance(self.body, bytes))


class RequestBuilder:
    """The builder of one component's requests. `identify` gives the headers that name app and user."""

    def __init__(self, config: HttpConfig, identify: Identify) -> None:
        self._config = config
        self._path = PathTemplate(config.path)
        self._identify = identify
        self._headers = HeaderValues({name: secret.get_secret_value() for name, secret in config.headers.items()})
        self._own_headers = frozenset(map(folded, config.headers))
        self._params = {name: _revealed(value) for name, value in config.params.items()}
        self._names = FixedParams([*config.params, *filter(None, [config.username_param])])

    async def build(self, call: Call) -> UpstreamRequest:
        """Build the request of a call. RequestError if a variable of the path has no value."""
        method = self._config.method or call.method
        if call.method == "HEAD" and method == "GET":
            method = "HEAD"  # raw: there is no use for a body
        beside = _beside(call)
        path = self._path.fill(call.path_vars, {**beside, **call.args} if beside else call.args)
        whole = self._config.response == "raw" and _is_whole(call)
        if whole or (self._config.response == "raw" and not call.body and call.query):
            query, (body, kind) = self._passed_on(call), await self._body(call)
        else:
            query, body, kind = await offloaded(_size(call), AT_ONCE, self._rewritten, call, method, beside)
        headers = for_upstream(call.all_headers, same_body=whole and not kind, own=self._own_headers)
        if isinstance(body, bytes):
            for name in OF_PACKED:
                headers.popall(name, None)
        if kind:
            headers["Content-Type"] = kind
        for more in (self._headers.of(call), self._identify(call)):
            headers.update(more)
        if self._config.x_forwarded:
            headers.update({"X-Forwarded-For": call.client_ip, "X-Forwarded-Proto": call.scheme})
        if call.upgrades:
            if method != "GET":
                raise RequestError("Parameters error, this component makes no GET, and so no WebSocket")
            headers.update({"Connection": "Upgrade", "Upgrade": "websocket"})
        place = f"{path}?{query}" if query else path
        return UpstreamRequest(method, place, headers, body)

    async def _body(self, call: Call) -> tuple[bytes | AsyncIterator[bytes] | None, str]:
        """Return the caller's own body, and its type if it was made anew: where it holds parameters that are fixed."""
        body = call.body or None
        if body is None or not self._names:
            return body, ""
        described = CIMultiDict(call.all_headers)
        coding = described.get("Content-Encoding", "identity").strip().lower()
        if coding != "identity" and not isinstance(body, bytes):  # those were unpacked when they came
            raise BadBody("Parameters error, the body must not be compressed: this component sets parameters in it")
        content_type = described.get("Content-Type", "")
        remake = remake_of(content_type)
        if remake is None:
            if not isinstance(body, bytes):
                return self._names.checked(body), ""
            await offloaded(len(body), AT_ONCE, self._names.check, body)
            return body, ""
        whole = await collected(body)
        return await offloaded(len(whole), AT_ONCE, remake, whole, content_type, self._fixed(call), self._is_own)

    def _passed_on(self, call: Call) -> str:
        """Return the caller's own query, repeated names and all, less what is for the gateway."""
        pieces = call.query.split("&") if call.query else []
        passes = partial(self._is_passing, call.credentials.names)
        passing = [piece for piece in (passed_piece(piece, passes) for piece in pieces) if piece is not None]
        given = set(map(name_in, pieces))
        missing = {name: value for name, value in self._config.defaults.items() if name not in given}
        own = encoded_query(pairs_of({**missing, **self._fixed(call)}))
        return joined_query([*passing, own] if own else passing)

    def _rewritten(self, call: Call, method: str, beside: Mapping[str, Any]) -> tuple[str, bytes | None, str]:
        """Return query, body and type of the body, made of the parameters; `beside` are those of the caller's query."""
        args, more = self._passing(call, call.args), self._passing(call, beside)
        fixed = self._fixed(call)
        args, missing = {**self._config.defaults, **args, **fixed}, self._config.defaults.keys() - args.keys()
        if type(call.args) is Fields and call.args.files and isinstance(call.body, bytes):
            own = {**{name: self._config.defaults[name] for name in missing}, **fixed}
            passes = partial(self._is_passing, call.credentials.names)
            body, kind = remake_multipart(call.body, call.args.content_type, own, passes)
            return encoded_query(pairs_of(more)), body, kind
        match self._config.send_of(method):
            case "json":
                return encoded_query(pairs_of(more)), json_codec.encode(args), "application/json"
            case "form":
                return encoded_query(pairs_of(more)), encoded_form(pairs_of(args)), FORM
        return encoded_query(pairs_of({**more, **args})), None, ""

    def _passing(self, call: Call, parameters: Mapping[str, Any]) -> dict[str, Any]:
        kept = call.credentials.names
        return {name: value for name, value in parameters.items() if self._is_passing(kept, name)}

    def _fixed(self, call: Call) -> dict[str, Any]:
        """Return the parameters that no caller can change."""
        name = self._config.username_param
        if name is None or call.user is None:
            return self._params
        return {name: call.user.username, **self._params}

    def _is_own(self, name: str) -> bool:
        """Return True for a parameter of a caller's own body that is neither a credential nor fixed."""
        return name not in NOT_FOR_UPSTREAMS and not self._names.hold(name)

    def _is_passing(self, kept: frozenset[str], name: str) -> bool:
        if name in kept or name in self._path.names or name.startswith(SWITCH):
            return False
        return not self._names.hold(name)


def _beside(call: Call) -> Mapping[str, Any]:
    """Return the parameters of a query that stands beside a body, or where the body would stand."""
    if not call.query or call.method in READING:
        return NOTHING
    query = from_query(call.query)
    return {**query, **query.repeated}


def _is_whole(call: Call) -> bool:
    """Return True if the body holds no credentials that the gateway read, so that it can go on as it is."""
    if not isinstance(call.body, bytes):
        return True
    credentials = call.credentials
    elsewhere = credentials.from_header or credentials.gateway_jwt or credentials.signed is not None
    return bool(call.body and elsewhere)


def _size(call: Call) -> int:
    """Return the bytes of a body that has been read; 0 for one that is still to come."""
    return len(call.body) if isinstance(call.body, bytes) else 0


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
