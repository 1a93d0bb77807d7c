"""The models that a class names in the brackets of its base, as in `class Hello(Component[Config, HelloParams])`."""

from collections.abc import Sequence
from typing import Any, get_args, get_origin

ATTRIBUTES = ("config_type", "params_type")
"""The attributes that the type variables of a contract stand for, in their order."""


def type_arguments(found: type, contract: type) -> Sequence[Any]:
    """Return what a class puts in the place of each type variable of its contract; the variable itself where nothing.

    Classes between the two may have type variables of their own.
    """
    if found is contract:
        return _variables(contract)
    for base in vars(found).get("__orig_bases__", found.__bases__):
        origin = get_origin(base) or base
        if isinstance(origin, type) and issubclass(origin, contract):
            given = dict(zip(_variables(origin), get_args(base), strict=False))
            return [given.get(argument, argument) for argument in type_arguments(origin, contract)]
    return ()


def set_models(found: type, contract: type) -> None:
    """Set those of ATTRIBUTES that a class does not set itself."""
    for name, model in zip(ATTRIBUTES, type_arguments(found, contract), strict=False):
        if isinstance(model, type) and model is not Any and name not in vars(found):
            setattr(found, name, model)


def _variables(found: type) -> Sequence[Any]:
    variables: Sequence[Any] = getattr(found, "__parameters__", ())
    return variables
