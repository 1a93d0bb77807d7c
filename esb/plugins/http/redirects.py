"""Redirects of an upstream to itself, said as the gateway's own paths: callers cannot reach any other."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from urllib.parse import quote, urljoin

from esb.config.component_paths import ROOT, VARIABLE, spanning
from esb.core.call import Call

_REST = re.compile("[?#].*", re.DOTALL)


class Redirects:
    """The rewriting of one component's redirects. `path` is that of its upstream, variables and all."""

    def __init__(self, hosts: Sequence[str], path: str) -> None:
        self._hosts = tuple(hosts)
        self._path = path
        self._names = VARIABLE.findall(path)

    def rewritten(self, location: str, asked: str, call: Call) -> str:
        """Return where the caller finds what the upstream means, whose answer to the URL `asked` says `location`.

        What lies elsewhere, at another host or behind no path of this component, stays as it is.
        """
        try:
            target = urljoin(asked, location)
        except ValueError:  # no URL at all, such as http://[
            return location
        host = next((each for each in self._hosts if _lies_at(target, each)), None)
        if host is None:
            return location
        path = target[len(host) :]
        rest = found[0] if (found := _REST.search(path)) is not None else ""
        match = self._pattern(call).fullmatch(path.removesuffix(rest) or "/")
        if match is None:
            return location
        values = {name: quote(value) for name, value in call.path_vars.items()}
        values |= dict(zip(self._names, match.groups(), strict=False))
        tail = match.groups()[len(self._names) :]
        own = _filled(call.path, values)
        return location if own is None else f"{ROOT}{own}{''.join(tail)}{rest}"

    def _pattern(self, call: Call) -> re.Pattern[str]:
        """Return the expression of the upstream's paths. A variable holds slashes where either path says so."""
        many = spanning(self._path) | spanning(call.path)
        literals = map(re.escape, VARIABLE.split(self._path)[::2])
        variables = ["(.+)" if name in many else "([^/]+)" for name in self._names]
        pattern = "".join(chain.from_iterable(zip_longest(literals, variables, fillvalue="")))
        return re.compile(pattern + "(.*)" if self._path.endswith("/") else pattern, re.DOTALL)


def _lies_at(url: str, host: str) -> bool:
    """Return True if a URL is one of this host, whose own may end in a path."""
    return url.lower().startswith(host.lower()) and url[len(host) : len(host) + 1] in {"", "/", "?", "#"}


def _filled(path: str, values: Mapping[str, str]) -> str | None:
    """Return a declared path with these values, encoded already; None if one of them could lead elsewhere."""
    names = VARIABLE.findall(path)
    if any(name not in values for name in names):
        return None
    return VARIABLE.sub(lambda match: values[match[1]], path)
