"""From a stanza to a running thing: `use:` -> class -> checked config -> instance.

`use` is the short name of a built-in (a file of esb/plugins, esb/middlewares or esb/services/KEY), the name of an entry
point, or `package.module:Class`.
"""

import importlib
import inspect
import os
import pkgutil
import re
import sys
import sysconfig
import traceback
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import BaseModel

from esb.config import Config, Section, Stanza
from esb.config.yaml import did_you_mean
from esb.contracts.component import Component
from esb.contracts.lifecycle import NoConfig
from esb.contracts.middleware import Middleware
from esb.contracts.services import Apps, Login, TokenIdentities, Users
from esb.core.errors import ConfigError, GatewayError, first_esb_error
from esb.delivery.engine import Engine
from esb.gateway import plugin_methods, plugin_models
from esb.gateway.extras import hint_for
from esb.gateway.moved import moved
from esb.store.protocol import Store

PACKAGES = {"components": "esb.plugins", "middlewares": "esb.middlewares", "services": "esb.services"}
"""Group of entry points (below "esb.") -> package of the built-ins; those of a service lie in a package of its key."""
PROTOCOLS: dict[str, type] = {
    "apps": Apps,
    "login": Login,
    "users": Users,
    "access_tokens": TokenIdentities,
    "jwt": TokenIdentities,
    "store": Store,
    "engine": Engine,
}
"""Key below `services:` -> the protocol that a back end of it fulfils; and the engine of deliveries."""
ELSEWHERE = {"engine": "deliveries.engine"}
"""Key of a service that stands elsewhere in esb.yaml -> where."""
NOT_THE_PLUGINS = (f"{Path(__file__).parents[1]}{os.sep}", sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"))
"""Beginnings of file names whose frames are left out of a plugin's error: the fault lies in the plugin's own lines."""
_CANNOT_IMPORT = re.compile(r"cannot import name '(\w+)' from ")


class UnknownUse(GatewayError):
    """A `use:` that names nothing that can be built; the text says what to do."""


def find(group: str, use: str, service: str = "") -> type[Any]:
    """Return the class that `use` names. UnknownUse if there is none, or its module does not import."""
    if ":" in use:
        return _from_path(use)
    if use.isidentifier() and use in (names := built_in(group, service)):
        module = _import(names[use], use)
        return _the_class(module, use, group, service)
    for point in entry_points(group=f"esb.{group}", name=use):
        return _from_path(point.value)
    if service and any(use in built_in(group, other) for other in PROTOCOLS):
        raise UnknownUse(f"'{use}' cannot be used as {service}")
    known = sorted({*built_in(group, service), *(point.name for point in entry_points(group=f"esb.{group}"))})
    raise UnknownUse(f"unknown plugin '{use}'{did_you_mean(use, known)}; write a built-in name or package.module:Class")


def configured(
    group: str, stanza: Stanza, service: str = "", overrides: Section | None = None
) -> tuple[type[Any], BaseModel]:
    """Return the class that this stanza names, and its checked config. ConfigError with every mistake in it."""
    try:
        found = find(group, stanza.use, service)
        check_contract(group, found, stanza.use, service)
    except UnknownUse as error:
        raise ConfigError([stanza.section.mistake(str(error), "use")]) from error
    return found, stanza.config.validate(getattr(found, "config_type", NoConfig), overrides)


def build(group: str, stanza: Stanza, lent: Any, service: str = "", overrides: Section | None = None) -> Any:
    """Return the instance that this stanza describes. ConfigError with every mistake in it."""
    return instance(stanza, *configured(group, stanza, service, overrides), lent)


def instance(stanza: Stanza, found: type[Any], config: BaseModel, lent: Any) -> Any:
    """Return an instance of the class that this stanza names. ConfigError if its constructor fails."""
    try:
        return found(config, lent)
    except Exception as error:
        raise ConfigError(
            [stanza.section.mistake(f"'{stanza.use}' failed to build: {_kind_and_place(error)}", "use")]
        ) from error


def _from_path(use: str) -> type[Any]:
    module_name, _, name = use.partition(":")
    if not all(module_name.split(".")):
        raise UnknownUse(f"'{use}' is no package.module:Class")
    module = _import(module_name, use)
    found = getattr(module, name, None)
    if not isinstance(found, type):
        classes = [key for key, value in vars(module).items() if isinstance(value, type)]
        hint = _now_at(use) or did_you_mean(name, classes)
        raise UnknownUse(f"module '{module_name}' has no class '{name}'{hint}")
    return found


def _import(module_name: str, use: str) -> ModuleType:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise UnknownUse(f"there is no module '{module_name}'{_now_at(use)}") from None
        hint = hint_for(error.name or "") or _now_at(error.name)
        needed = f"it needs the module '{error.name}' at {_place(error)}{hint}"
        raise UnknownUse(f"'{use}' failed to import: {needed}") from error
    except (Exception, SystemExit) as error:  # SystemExit: a script, taken for a plugin
        raise UnknownUse(f"'{use}' failed to import: {_kind_and_place(error)}") from error


def _now_at(place: str | None) -> str:
    """Say where a module or class of ours lies now; "" if it was not moved."""
    now = moved(place or "")
    return f" (moved to '{now}')" if now else ""


def reason(error: Exception) -> str:
    """Return why a part failed: the text of an EsbError, which holds no secret; of any other its kind and place."""
    found = first_esb_error(error)
    return _kind_and_place(error) if found is None else str(found)


def _kind_and_place(error: BaseException) -> str:
    """Return the class of an error, the name that it misses, and the line of the plugin that raised it.

    Its text is left out unless it is Python's own: it may quote a secret.
    """
    kind = type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{kind}: {error.msg} at {error.filename}:{error.lineno}"
    if isinstance(error, ImportError):
        kind = f"{kind}: {error.msg}{_meant(error)}{_now_at(error.name)}"
    elif isinstance(error, NameError | AttributeError) and error.name and error.name.isidentifier():
        kind = f"{kind}: there is no '{error.name}'{_meant(error)}"
    return f"{kind} at {_place(error)}"


def _place(error: BaseException) -> str:
    """Return file and line of the plugin that raised this error."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(("<", *NOT_THE_PLUGINS))]
    frame = (own or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _meant(error: ImportError | NameError | AttributeError) -> str:
    """Return what may be meant by a name that a module does not have; "" if nothing is near."""
    if isinstance(error, ImportError):
        module, lacking = sys.modules.get(error.name or ""), _CANNOT_IMPORT.match(error.msg or "")
        return "" if module is None or lacking is None else did_you_mean(lacking[1], dir(module))
    holder = error.obj if isinstance(error, AttributeError) else None
    return did_you_mean(error.name or "", dir(holder)) if isinstance(holder, ModuleType) else ""


def _the_class(module: ModuleType, use: str, group: str, service: str) -> type[Any]:
    """Return the one class that a built-in's file defines for its group. UnknownUse if there is none, or several."""
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    if group == "components":
        own = [found for found in own if issubclass(found, Component)]
    elif group == "services":
        own = [found for found in own if getattr(found, "service", None) == service]
    else:
        own = [found for found in own if "__call__" in vars(found)]
    if len(own) != 1:
        raise UnknownUse(f"'{use}' cannot be used as {service or group}")
    return own[0]


def check_contract(group: str, found: type[Any], use: str, service: str) -> None:
    """Raise UnknownUse if a class is not what its group asks for."""
    if group == "components" and not issubclass(found, Component):
        raise UnknownUse(f"'{use}' is no component: it must inherit from esb.Component and define handle(call, params)")
    if group == "middlewares" and not _defines(found, "__call__", Middleware):
        raise UnknownUse(f"'{use}' is no middleware: it must define async __call__(call, handler)")
    if service:
        _check_service(found, use, service)
    for name in ("open", "health"):
        if hasattr(found, name) and not inspect.iscoroutinefunction(_defined(found, name)):
            raise UnknownUse(f"'{use}': {name} must be async")
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        raise UnknownUse(f"'{use}': its constructor must take (config, services)") from None
    for wrong in (*plugin_methods.mistakes(found), *plugin_models.mismatches(found)):
        raise UnknownUse(f"'{use}': {wrong}")


def _check_service(found: type[Any], use: str, service: str) -> None:
    if getattr(found, "service", service) != service:
        raise UnknownUse(f"'{use}' is a back end for {_place_of(found.service)}, not for {_place_of(service)}")
    methods = (name for name, value in vars(PROTOCOLS[service]).items() if inspect.isfunction(value))
    promised = [name for name in methods if not name.startswith("_")]
    lacking = [name for name in promised if not _defines(found, name, PROTOCOLS[service])]
    if lacking:
        raise UnknownUse(f"'{use}' is no back end for {_place_of(service)}: it must define async {', '.join(lacking)}")


def _place_of(service: str) -> str:
    """Return where in esb.yaml the stanza of this service stands."""
    return ELSEWHERE.get(service, f"services.{service}")


def _defines(found: type[Any], name: str, contract: type[Any]) -> bool:
    """Return True if a class has an async method of its own under this name, and not just the contract's."""
    defined = _defined(found, name)
    return inspect.iscoroutinefunction(defined) and defined is not vars(contract)[name]


def _defined(found: type[Any], name: str) -> Any:
    """Return the attribute as it stands in the class or in a base of it; None if it is in none of them."""
    return next((vars(base)[name] for base in found.__mro__ if name in vars(base)), None)


@cache
def built_in(group: str, service: str = "") -> Mapping[str, str]:
    """Return the names of what comes with the gateway, each with its module.

    A built-in that is a package of its own has its class in the module `component`.
    """
    package = importlib.import_module(".".join(filter(None, (PACKAGES[group], service))))
    return {
        found.name: f"{package.__name__}.{found.name}{'.component' if found.ispkg else ''}"
        for found in pkgutil.iter_modules(package.__path__)
        if not found.name.startswith("_")
    }


def make_importable(config: Config) -> None:
    """Put the folder of esb.yaml on the path of imports, so that `use: plugins.x:X` finds a file beside it."""
    if str(config.folder) not in sys.path:
        sys.path.insert(0, str(config.folder))
