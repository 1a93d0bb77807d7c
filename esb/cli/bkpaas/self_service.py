"""Self-service components (esb_buffet_component) as `use: http`: an address to which calls are handed on."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import ValidationError

from esb.cli.bkpaas.parts import ComponentPart, Left, Secret
from esb.cli.bkpaas.tables import Tables
from esb.cli.bkpaas.values import Row, as_json, as_text, as_whole
from esb.cli.component_names import Declared
from esb.config import METHODS, VARIABLE, name_of, path_fault
from esb.plugins.http.config import HttpConfig

TABLE, MAPPING = "esb_buffet_component", "esb_buffet_component_mapping"
IN_CLEAR = frozenset({"accept", "accept-language", "content-type", "user-agent", "x-requested-with"})
"""Headers whose values are no secrets; the values of all others are kept in files."""
SERVED_BELOW = "/api/c/self-service-api"
OPEN_TO_ALL = "open"
_KINDS = {1: "operate", 2: "query"}


class SelfService:
    """The self-service components that can be had here. `left`: the others, and what of them is lost."""

    def __init__(self, tables: Tables, routes: set[tuple[str, str]]) -> None:
        """Take the tables, and the routes that channels have: path without names of variables, and method."""
        self.left: list[Left] = []
        self._routes = set(routes)
        self._rows = [row for row in tables.rows(TABLE) if self._is_sound(row)]
        for row in tables.rows(MAPPING):
            text = "not carried over: it is source code, which nothing here runs; the old ESB never called it"
            self.left.append(Left("mapping", MAPPING, as_text(row.get("name")), text))

    @property
    def declared(self) -> list[Declared]:
        """The paths of the components, with the names that they might have."""
        return [Declared(_path(row), as_text(row.get("name")).strip(), OPEN_TO_ALL) for row in self._rows]

    def parts(
        self, names: Mapping[str, str], timeouts: Mapping[tuple[int | None, int], int]
    ) -> Iterator[ComponentPart]:
        """Yield the stanzas. `names`: those that must be said, by path. `timeouts`: of systems, by number and type."""
        for row in self._rows:
            path, kind = _path(row), as_whole(row.get("type")) or 2
            timeout = as_whole(row.get("timeout_time")) or timeouts.get((as_whole(row.get("system_id")), kind))
            stanza: dict[str, Any] = {"path": path, **({"name": names[path]} if path in names else {})}
            if title := " ".join(as_text(row.get("name")).split()):
                stanza["description"] = title
            stanza |= {"methods": [_method(row)], "use": "http"}
            if timeout:
                stanza["timeout"] = timeout
            name = _name(row, names)
            stanza["config"] = self._config(row, name, kind)
            yield ComponentPart(name, f"{TABLE} {as_text(row.get('id'))}".strip(), stanza)

    def open(self, names: Mapping[str, str]) -> list[str]:
        """Return the names of all: the old ESB asked for no right."""
        return [_name(row, names) for row in self._rows]

    def _config(self, row: Row, name: str, kind: int) -> dict[str, Any]:
        url = _url(row)
        config: dict[str, Any] = {"hosts": [_host(url)], "path": url.path or "/"}
        method = as_text(row.get("dest_http_method")).upper()
        if method in METHODS:
            config["method"] = method
        if method == "POST" and as_text(row.get("favor_post_ctype")) == "form":
            config["send"] = "form"
        if kind in _KINDS:
            config["kind"] = _KINDS[kind]
        headers = self._values(row, "extra_headers", name)
        if "@" in url.netloc:
            user = unquote(url.netloc.rpartition("@")[0])
            basic = f"Basic {base64.b64encode(user.encode()).decode()}"
            headers = {"Authorization": Secret(f"{name}.headers.Authorization", basic), **headers}
        if headers:
            config["headers"] = headers
        if params := self._values(row, "extra_params", name):
            config["params"] = params
        for text in _losses(row, url):
            self.left.append(Left("key", TABLE, _path(row), f"{name}: {text}"))
        return config

    def _values(self, row: Row, column: str, name: str) -> dict[str, Any]:
        """Return headers or parameters that are added to every request: texts may be secrets."""
        written = as_text(row.get(column)).strip()
        values = as_json(written) if written else {}
        if not isinstance(values, dict):
            self.left.append(Left("key", TABLE, _path(row), f"{name}: {column} is not carried over: no JSON object"))
            return {}
        place = column.removeprefix("extra_")
        return {
            str(key): value
            if (isinstance(value, bool | int | float) and place == "params") or str(key).lower() in IN_CLEAR
            else Secret(f"{name}.{place}.{key}", str(value))
            for key, value in values.items()
            if value is not None
        }

    def _is_sound(self, row: Row) -> bool:
        fault = self._fault(row)
        if fault is not None:
            self.left.append(Left("self-service component", TABLE, _path(row), f"not carried over: {fault}"))
        return fault is None

    def _fault(self, row: Row) -> str | None:
        path, url = _path(row), _url(row)
        if (fault := path_fault(path)) is not None:
            return fault
        if _method(row) not in METHODS:
            return "it was registered for no method that a call can have, so nobody could call it"
        try:
            HttpConfig(hosts=(_host(url),), path=url.path or "/")
        except ValidationError as error:
            key = str(error.errors()[0]["loc"][0])
            return f"dest_url has no {'host' if key == 'hosts' else 'path'} that `use: http` takes"
        route = VARIABLE.sub("{}", path), _method(row)
        if route in self._routes:
            return f"{route[1]} of this path is taken; the old ESB served this one below {SERVED_BELOW}/"
        self._routes.add(route)
        return None


def _path(row: Row) -> str:
    return f"/{as_text(row['registed_path']).strip().strip('/')}/"


def _name(row: Row, names: Mapping[str, str]) -> str:
    path = _path(row)
    return names.get(path, name_of(path))


def _method(row: Row) -> str:
    return as_text(row["registed_http_method"]).strip().upper()


def _url(row: Row) -> SplitResult:
    try:
        return urlsplit(as_text(row["dest_url"]).strip())
    except ValueError:  # an address in brackets that is none
        return urlsplit("")


def _host(url: SplitResult) -> str:
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


def _losses(row: Row, url: SplitResult) -> Iterator[str]:
    """Yield what a stanza does not have."""
    if url.query:
        yield "the query of dest_url is not carried over: the old ESB never sent it"
    if mappings := [key for key in ("mappings_input", "mappings_output") if as_text(row.get(key)).strip("{}[] ")]:
        yield f"{' and '.join(mappings)} is not carried over: the old ESB never used it"
