"""The methods that a base leaves to its plugins: each must be there, async or not, and take what it takes there."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def mistakes(found: type[Any]) -> Iterator[str]:
    """Yield what is wrong with the methods that the bases of a class leave open, a few words each."""
    promised = _left_open(found)
    if lacking := [name for name in promised if _is_abstract(getattr(found, name))]:
        yield f"it must define {' and '.join(_called(name, promised[name]) for name in lacking)}"
        return
    for name, contract in promised.items():
        if wrong := _wrong(found, name, contract):
            yield f"{name} {wrong}"


def _wrong(found: type[Any], name: str, contract: Callable[..., Any]) -> str:
    """Return what a method must be and is not; "" if it is as the contract says."""
    defined = getattr(found, name)
    is_async = inspect.iscoroutinefunction(defined)
    if not callable(defined):
        return "must be a method"
    if inspect.iscoroutinefunction(contract) and not is_async:
        return "must be async"
    if not inspect.iscoroutinefunction(contract) and (is_async or inspect.isasyncgenfunction(defined)):
        return "must not be async"
    parameters = _parameters(contract)
    return "" if _takes(found, name, len(parameters)) else f"must take ({', '.join(parameters)})"


def _left_open(found: type[Any]) -> Mapping[str, Callable[..., Any]]:
    """Return the abstract methods of a class and its bases, in the order in which they are defined there."""
    every = ((name, method) for base in reversed(found.__mro__) for name, method in vars(base).items())
    return {name: method for name, method in every if _is_abstract(method)}


def _is_abstract(method: Any) -> bool:
    return getattr(method, "__isabstractmethod__", False)


def _called(name: str, method: Callable[..., Any]) -> str:
    return f"{'async ' if inspect.iscoroutinefunction(method) else ''}{name}({', '.join(_parameters(method))})"


def _parameters(method: Callable[..., Any]) -> list[str]:
    return [*inspect.signature(method).parameters][1:]


def _takes(found: type[Any], name: str, number: int) -> bool:
    """Return True if a method can be called with so many arguments."""
    itself = inspect.isfunction(inspect.getattr_static(found, name))
    try:
        inspect.signature(getattr(found, name)).bind(*[None] * (itself + number))
    except TypeError:
        return False
    return True
