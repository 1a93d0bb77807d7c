"""Routes from paths to components: exact paths first, then those with variables in the order of declaration.

Who answers GET answers HEAD too (RFC 9110 §9.1), unless another declares it.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import islice
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from esb.config.component_paths import METHODS, ROOT, TOKEN_VARIABLE, VARIABLE, spanning
from esb.contracts.middleware import Handler
from esb.core.deadlines import ANSWER_SECONDS, Deadlines
from esb.core.errors import Inactive, NotFound, RequestError
from esb.core.limits import DEFAULT_LIMITS, Limits
from esb.core.path_values import is_sound
from esb.core.reasons import Reason
from esb.core.redaction import REDACTED
from esb.incoming.form_parameters import FormParameters
from esb.incoming.path_tokens import PathTokens


@dataclass(frozen=True, slots=True)
class Route:
    """A component, ready to be called. `handler` is its whole chain, `inner` the part for a call inside a call.

    `early` is the beginning of its chain that may run before the body is read; None if it has none.
    `max_body` and `max_stream` are bytes: of a body that is collected, and of one that is passed on as it comes.
    `headers_in` names in lower case those headers that a component which streams gets; None: all.
    `cookies` names in lower case those that no answer sets: the chain takes credentials from them.
    `any_body`: a body that can hold no parameters is not refused; the handler reads its bytes.
    `upload_names` are those under which it takes files of a multipart form.
    `tokens` are those of which one stands in the path of each call; None: the path says nothing of who calls.
    `tells_status`: a failure is told by HTTP status, too. `restricted`: only a right for just this component opens it.
    `asked_path` is the address of the alias that this route is reached by; "" for its own path.
    """

    path: str
    name: str
    methods: frozenset[str]
    active: bool
    timeout: float
    max_body: int
    max_stream: int
    handler: Handler
    inner: Handler
    early: Handler | None = None
    streams_body: bool = False
    headers_in: Collection[str] | None = None
    cookies: Collection[str] = ()
    limits: Limits = DEFAULT_LIMITS
    any_body: bool = False
    upload_names: Collection[str] = ()
    tokens: PathTokens | None = None
    tells_status: bool = False
    restricted: bool = False
    form: FormParameters | None = None
    asked_path: str = field(default="", compare=False)
    system: str = field(init=False)
    component: str = field(init=False)
    deadlines: Deadlines = field(init=False, compare=False)

    def __post_init__(self) -> None:
        system, _, component = self.name.partition(".")
        object.__setattr__(self, "system", system)
        object.__setattr__(self, "component", component)
        object.__setattr__(self, "deadlines", Deadlines(self.timeout + ANSWER_SECONDS))


LONGEST_LOGGED = 200
"""Characters of a path that nobody declared, in the log."""
_ORDER = ("GET", "HEAD", *(method for method in METHODS if method not in {"GET", "HEAD"}))
LONGEST_MEANT = 200
"""Characters of a path for which another is looked for: whoever asks may be a stranger, and it takes its time."""
MOST_COMPARED = 200
"""Paths that are compared with it, at most."""
MOST_OFF = 4
"""Characters that such a path may be longer or shorter."""
LEAST_LIKENESS = 0.8
NO_VARIABLES: Mapping[str, str] = {}
_ENCODED_SLASH = re.compile("%2[Ff]")
_SLASH_IN_SEGMENT = "\udc2f"
"""An encoded slash once a path is decoded: it parts no segments, and no text can hold this character."""


def inactive() -> Inactive:
    """Return the error for a path whose component is not active."""
    return Inactive("Not found, inactive channel")


def not_found(data: Mapping[str, Any] | None = None) -> NotFound:
    """Return the error for a path that nobody answers; `data` says what may be meant."""
    return NotFound("The content does not exist", data)


def decoded_path(path: str) -> str:
    """Return a path without percent-encoding; an encoded slash, or a byte that is no UTF-8, is a lone surrogate."""
    if "%" not in path:
        return path
    return unquote(_ENCODED_SLASH.sub(_SLASH_IN_SEGMENT, path), errors="surrogateescape")


def checked(route: Route, variables: Mapping[str, str]) -> Mapping[str, str]:
    """Return the values of variables as a component gets them. RequestError if one cannot stand in a path."""
    many = spanning(route.path)
    values = {}
    for name, value in variables.items():
        slashes = name in many
        values[name] = value.replace(_SLASH_IN_SEGMENT, "/") if slashes else value
        if not is_sound(values[name], slashes=slashes):
            raise RequestError(
                "Parameters error, param {name} cannot stand in a path", call_reason=Reason.PARAMETERS, name=name
            )
    return values


class Routes:
    """The routes of one config, by path."""

    def __init__(self, routes: Sequence[tuple[Route, Sequence[str]]], root: str = ROOT) -> None:
        """Take each route with its path and, after it, its aliases; all of them below `root`."""
        self.root = root
        self.exact: dict[tuple[str, str], Route] = {}
        """Path and method -> the route that is declared under just this path."""
        self._active: dict[str, bool] = {}
        """Path, or name -> whether a component there is active."""
        self._named: dict[str, list[Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], tuple[str, ...], Route]] = []
        self._tokens: list[tuple[str, PathTokens]] = []
        """The beginnings of addresses with a token, and the tokens that are good there."""
        for route, paths in routes:
            self._named.setdefault(route.name, []).append(route)
            self._active[route.name] = route.active or self._active.get(route.name, False)
            for path, reached in _each_by_its_path(route, paths):
                if route.tokens is not None:
                    self._tokens.append((f"{ROOT}{path.partition(f'{{{TOKEN_VARIABLE}}}')[0]}", route.tokens))
                if "{" in path:
                    self._patterns.append((_pattern(path), tuple(VARIABLE.findall(path)), reached))
                else:
                    self._active[path] = route.active or self._active.get(path, False)
                    for method in route.methods:
                        self.exact.setdefault((path, method), reached)
        for path, method in [*self.exact]:
            if method == "GET":
                self.exact.setdefault((path, "HEAD"), self.exact[path, "GET"])

    def below(self, path: str) -> str:
        """Return the part of a decoded path that is below the root, "/" at both ends; "" for one that is not there."""
        beginning = f"{self.root}/"
        return f"/{path[len(beginning) :].strip('/')}/" if path.startswith(beginning) else ""

    def find(self, path: str, method: str) -> tuple[Route, Mapping[str, str]] | None:
        """Return the route for a decoded path ("/" at both ends) and the values of its variables, not checked yet.

        None if nobody answers it.
        """
        if (route := self.exact.get((path, method))) is not None:
            return route, NO_VARIABLES
        for pattern, names, route in self._patterns:
            if method in route.methods and (match := pattern.fullmatch(path)):
                return route, dict(zip(names, match.groups(), strict=True))
        return self.find(path, "GET") if method == "HEAD" else None

    def named(self, name: str) -> Route | None:
        """Return the route of the component with this name; of several, an active one that answers POST."""
        routes = self._named.get(name, ())
        return max(routes, key=lambda route: (route.active, "POST" in route.methods), default=None)

    def methods(self, path: str) -> list[str]:
        """Return the methods that an active component at this decoded path answers, in their usual order."""
        found = {method: route[0] for method in (*METHODS, "HEAD") if (route := self.find(path, method)) is not None}
        return sorted((method for method, route in found.items() if route.active), key=_ORDER.index)

    def nearest(self, path: str) -> str | None:
        """Return the path of an active component that may have been meant by this one; None if none is near."""
        if len(path) > LONGEST_MEANT:
            return None
        near = (known for known, active in self._active.items() if active and abs(len(known) - len(path)) <= MOST_OFF)
        near = (known for known in near if known.startswith("/"))  # not the names of components
        found = get_close_matches(path, [*islice(near, MOST_COMPARED)], 1, LEAST_LIKENESS)
        return found[0] if found else None

    def shown(self, request: web.BaseRequest) -> str:
        """Return the path of a request that no route answers, for the log: escaped, cut, and without tokens."""
        target, path = request.raw_path, decoded_path(request.rel_url.raw_path)
        if path.startswith(f"{ROOT}/"):
            path = f"{ROOT}/{path[len(ROOT) :].strip('/')}/"
        hidden = self._without_tokens(path)
        asked = target.partition("?")[0] if hidden == path else hidden
        return ascii(asked[:LONGEST_LOGGED])[1:-1]

    def _without_tokens(self, path: str) -> str:
        """Return a path without a token, and without what may be meant for one."""
        for beginning, tokens in self._tokens:
            before, found, _ = path.partition(beginning)
            if found:
                return f"{before}{found}{REDACTED}"
            path = tokens.hidden(path)
        return path

    def declared(self, target: str) -> bool | None:
        """Return True if the component of this path or name is active; None if there is none."""
        return self._active.get(target)

    @property
    def targets(self) -> Collection[str]:
        """Names of components, and their paths without variables."""
        return self._active.keys()


def _each_by_its_path(route: Route, paths: Sequence[str]) -> Iterator[tuple[str, Route]]:
    """Yield each path with the route that it leads to, which knows it if it is an alias."""
    yield paths[0], route
    for alias in paths[1:]:
        yield alias, replace(route, asked_path=f"{ROOT}{alias}")


def _pattern(path: str) -> re.Pattern[str]:
    pattern, many = "", spanning(path)
    for index, part in enumerate(VARIABLE.split(path)):  # words and names of variables by turns
        pattern += re.escape(part) if index % 2 == 0 else "(.+)" if part in many else "([^/]+)"
    return re.compile(pattern, re.DOTALL)
