"""The models of a plugin, which it may name three times: in its base's brackets, as attributes, and in signatures."""

import inspect
from collections.abc import Iterator
from typing import Any, ForwardRef, get_type_hints

from pydantic import BaseModel

from esb.contracts.component import Component
from esb.contracts.lifecycle import NoConfig
from esb.contracts.middleware import Middleware
from esb.contracts.services import Service
from esb.contracts.type_arguments import ATTRIBUTES, type_arguments


def mismatches(found: type[Any]) -> Iterator[str]:
    """Yield what is wrong with the models of a class, a few words each."""
    for name in ATTRIBUTES:
        model = getattr(found, name, BaseModel)
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            yield f"{name} must be a pydantic model"
            return
    for name, said in _arguments(found):
        model = getattr(found, name)
        if not _fits(model, said):
            yield f"{name} is {model.__name__}, and the brackets of its base say {_called(said)}"
            return
    yield from _signature(found, "__init__", 1, "config_type", "its constructor")
    if issubclass(found, Component):
        yield from _signature(found, "handle", 2, "params_type", "handle")


def _arguments(found: type[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each attribute that the brackets of a base speak of, with what they say."""
    for contract in (Component, Middleware, Service):
        if issubclass(found, contract):
            yield from zip(ATTRIBUTES, type_arguments(found, contract), strict=False)


def _signature(found: type[Any], method: str, position: int, name: str, called: str) -> Iterator[str]:
    """Yield what is wrong if a method's parameter at this position has another model than the attribute says."""
    function = getattr(found, method, None)
    if not inspect.isfunction(function):
        return
    parameters = [*inspect.signature(function).parameters][position:]
    try:
        hint = get_type_hints(function).get(parameters[0]) if parameters else None
    except Exception:  # noqa: BLE001 - names that only a type checker knows: it will tell
        return
    model = getattr(found, name, NoConfig)
    if isinstance(hint, type) and issubclass(hint, BaseModel) and not issubclass(model, hint):
        yield f"{called} takes {hint.__name__}, and {name} is {model.__name__}: name it in the brackets of the base"


def _fits(model: type[BaseModel], said: Any) -> bool:
    if isinstance(said, ForwardRef):  # a class that is defined further down: its name has to do
        return model.__name__ == said.__forward_arg__
    return said is Any or not isinstance(said, type) or issubclass(model, said)


def _called(said: Any) -> str:
    return repr(said.__forward_arg__) if isinstance(said, ForwardRef) else said.__name__
