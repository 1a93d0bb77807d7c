"""The request that an upstream sees of a call: parameters, identity, headers, and never a credential."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from pydantic import SecretStr

from esb.core import json_codec
from esb.core.call import Call
from esb.core.credential_names import CREDENTIALS
from esb.core.header_names import folded
from esb.plugins.http.config import HttpConfig
from esb.plugins.http.headers import for_upstream
from esb.plugins.http.path_template import PathTemplate

SWITCH = "__esb_skip_"
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
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
        self._headers = {name: secret.get_secret_value() for name, secret in config.headers.items()}
        self._own_headers = frozenset(map(folded, self._headers))
        self._params = {name: _revealed(value) for name, value in config.params.items()}

    def build(self, call: Call) -> UpstreamRequest:
        """Build the request of a call. RequestError if a variable of the path has no value."""
        method = self._config.method or call.method
        if call.method == "HEAD" and method == "GET":
            method = "HEAD"  # raw: there is no use for a body
        path = self._path.fill(call.path_vars, call.args)
        whole = self._config.response == "raw" and _is_whole(call)
        if whole or (self._config.response == "raw" and not call.body and call.query):
            query, body, kind = self._passed_on(call), call.body or None, ""
        else:
            query, body, kind = self._rewritten(call, method)
        headers = for_upstream(call.all_headers, same_body=whole, own=self._own_headers)
        if kind:
            headers["Content-Type"] = kind
        for more in (self._headers, self._identify(call)):
            headers.update(more)
        place = f"{path}?{urlencode(query)}" if query else path
        return UpstreamRequest(method, place, headers, body)

    def _passed_on(self, call: Call) -> list[tuple[str, str]]:
        """Return the caller's own query, repeated names and all, less what is for the gateway."""
        fixed = self._fixed(call)
        pairs = [
            (name, value)
            for name, value in parse_qsl(call.query, keep_blank_values=True, errors="replace")
            if self._is_passing(name) and name not in fixed
        ]
        given = {name for name, _ in pairs}
        missing = {name: value for name, value in self._config.defaults.items() if name not in given}
        return [*pairs, *_pairs({**missing, **fixed})]

    def _rewritten(self, call: Call, method: str) -> tuple[list[tuple[str, str]], bytes | None, str]:
        """Return query, body and type of the body, made of the parameters."""
        args = {name: value for name, value in call.args.items() if self._is_passing(name)}
        args = {**self._config.defaults, **args, **self._fixed(call)}
        match self._config.send_of(method):
            case "json":
                return [], json_codec.encode(args), "application/json"
            case "form":
                return [], urlencode(_pairs(args)).encode(), "application/x-www-form-urlencoded"
        return _pairs(args), None, ""

    def _fixed(self, call: Call) -> dict[str, Any]:
        """Return the parameters that no caller can change."""
        name = self._config.username_param
        if name is None or call.user is None:
            return self._params
        return {name: call.user.username, **self._params}

    def _is_passing(self, name: str) -> bool:
        return name not in CREDENTIALS and name not in self._path.names and not name.startswith(SWITCH)


def _is_whole(call: Call) -> bool:
    """Return True if the body holds no credentials that the gateway read, so that it can go on as it is."""
    if not isinstance(call.body, bytes):
        return True
    credentials = call.credentials
    elsewhere = credentials.from_header or credentials.gateway_jwt or credentials.signed is not None
    return bool(call.body and elsewhere)


def _revealed(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _pairs(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Write parameters as a query or a form has them: a list repeats its name, null is left out."""
    return [(name, text) for name, value in parameters.items() for text in _texts(value)]


def _texts(value: Any) -> Iterable[str]:
    match value:
        case None:
            return ()
        case bool():
            return ("true" if value else "false",)
        case list() | tuple():
            return tuple(text for item in value for text in _texts(item))
        case dict():
            return (json_codec.encode(value).decode(),)
    return (str(value),)
