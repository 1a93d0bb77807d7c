"""All that a stanza's `use` can name here: the built-ins, and the entry points of what is installed."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from esb._version import __version__
from esb.gateway.plugin_loader import PACKAGES, PROTOCOLS, UnknownUse, built_in, check_contract, find

OURS = "esb-gateway"
SINGULAR = {"components": "component", "middlewares": "middleware", "services": "service"}


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """One name. `module` is "" if it cannot be told, `service` is the key that a back end is for.

    `problem` says why a stanza cannot use it; "" if one can.
    """

    kind: str
    service: str
    name: str
    module: str
    distribution: str
    version: str
    problem: str = ""


def installed_plugins() -> Iterator[InstalledPlugin]:
    """Yield every plugin, by kind and name, the built-ins first. One that is broken says so."""
    for group in PACKAGES:
        for service in PROTOCOLS if group == "services" else ("",):
            for name, module in sorted(built_in(group, service).items()):
                yield _built_in(group, service, name, module)
        first: dict[str, str] = {}
        for point in entry_points(group=f"esb.{group}"):
            first.setdefault(point.name, point.value)
        for point in sorted(entry_points(group=f"esb.{group}"), key=lambda point: (point.name, point.value)):
            yield _from_entry_point(group, point, counts=first[point.name] == point.value)


def _built_in(group: str, service: str, name: str, module: str) -> InstalledPlugin:
    problem = ""
    try:
        find(group, name, service)
    except UnknownUse as error:  # an extra is missing
        problem = str(error)
    return InstalledPlugin(SINGULAR[group], service, name, module, OURS, __version__, problem)


def _from_entry_point(group: str, point: EntryPoint, *, counts: bool) -> InstalledPlugin:
    service = ""
    try:
        found = find(group, point.value)
        service = getattr(found, "service", "") if group == "services" else ""
        problem = _fault(group, point, found, service) or ("" if counts else "another distribution's counts")
    except UnknownUse as error:
        problem = str(error)
    distribution, version = (point.dist.name, point.dist.version) if point.dist is not None else ("", "")
    return InstalledPlugin(SINGULAR[group], service, point.name, point.module, distribution, version, problem)


def _fault(group: str, point: EntryPoint, found: type[Any], service: str) -> str:
    """Return why a class cannot be used by this name; "" if it can. UnknownUse if it breaks its contract."""
    if group == "services" and service not in PROTOCOLS:
        return f"'{point.value}' names no key of services in `service`; those are {', '.join(PROTOCOLS)}"
    check_contract(group, found, point.value, service)
    return "a built-in of this name counts" if point.name in built_in(group, service) else ""
