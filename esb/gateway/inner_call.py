"""A call inside a call: a component calls another one, by its name or by its path."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from esb.config.component_paths import METHODS, VARIABLE, normalised
from esb.config.yaml import did_you_mean
from esb.core.call import Call
from esb.core.errors import PluginMistake
from esb.incoming.routing import Route, Routes, checked, inactive

PREFERRED = ("POST", *(method for method in METHODS if method != "POST"))
_VALUE = re.compile(r"[^./]*[0-9]{4}[^./]*|[^./]{33,}|[^\w./{}-]+")
"""The part of a target that may be a caller's value, which no log may have: digits, or longer than any name."""
LONGEST = 100
"""Characters of a target that are told."""
HOW = "a component is called by its name, 'system.component', or by its path, '/system/component/'"


async def answer(routes: Routes, call: Call, target: str, args: Mapping[str, Any]) -> Any:
    """Answer a component's call of another: app and user are known already, permission is asked again.

    PluginMistake if there is no such component, or it cannot be called so; Inactive; and what the component raises.
    """
    _check(call, target, args)
    method, route, variables = _found(routes, target, args)
    if not route.active:
        raise inactive()
    inner = replace(
        call,
        method=method,
        path=route.path,
        component=route.name,
        args=args,
        path_vars=checked(route, variables),
        query="",
        body=b"",
        all_headers=(),
        restricted=route.restricted,
    )
    return await route.inner(inner)


def _check(call: Any, target: Any, args: Any) -> None:
    if not isinstance(call, Call):
        raise PluginMistake(f"services.call: its first argument is the call, and not: {type(call).__name__}")
    if not isinstance(target, str):
        raise PluginMistake(f"services.call: {HOW}, and not by: {type(target).__name__}")
    if not isinstance(args, Mapping) or not all(isinstance(name, str) for name in args):
        raise PluginMistake(f"services.call: args maps names of parameters to values, and is: {type(args).__name__}")


def _found(routes: Routes, target: str, args: Mapping[str, Any]) -> tuple[str, Route, Mapping[str, str]]:
    """Return the method by which a target is called, its route, and the values of the variables in its path."""
    if target.startswith("/"):
        path = normalised(target)
        for method in PREFERRED:
            if (found := routes.find(path, method)) is not None:
                return method, *found
    elif (named := routes.named(target)) is not None:
        missing = [name for name in VARIABLE.findall(named.path) if name not in args]
        if missing:
            raise PluginMistake(f"services.call: the path of '{named.name}' needs the argument '{missing[0]}'")
        method = next(method for method in PREFERRED if method in named.methods)
        return method, named, {name: str(args[name]) for name in VARIABLE.findall(named.path)}
    hint = did_you_mean(target, routes.targets)
    shown = _VALUE.sub("…", target[:LONGEST])
    raise PluginMistake(f"services.call: there is no component '{shown}'{hint}; {HOW}")
