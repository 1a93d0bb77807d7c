"""Parameters that a component does not know: the call goes on as it always did, and its answer names them."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from esb.core.credential_names import CREDENTIALS
from esb.core.errors import EsbError, Message
from esb.core.gateway_parameters import ASKING, TERMS
from esb.incoming.parameter_warnings import LONGEST_NAME, MOST_NAMED, warning

_EVERYWHERE = CREDENTIALS | ASKING
"""Parameters that speak to the gateway itself."""


class KnownParameters:
    """The names that a component's parameters have, and those of the objects among them."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._names = frozenset(model.model_fields) | _EVERYWHERE
        self._any = not model.model_fields  # it reads the arguments itself
        self._inner = tuple(
            (name, frozenset(inner.model_fields))
            for name, field in model.model_fields.items()
            if (inner := _model_of(field.annotation)) is not None
        )

    def cover(self, args: Mapping[str, Any]) -> bool:
        """Tell whether all arguments are known."""
        if not self._names.issuperset(args):
            return self._any
        for name, names in self._inner:
            value = args.get(name)
            if type(value) is dict:  # nearly always. Bench: send.
                if not names.issuperset(value):
                    return False
            elif _unknown(value, names):
                return False
        return True

    def warnings(self, args: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return a warning for each argument that is not known, with the name that its sender may have meant."""
        parameters = self._names - _EVERYWHERE
        found = [(name, name, parameters) for name in args if name not in self._names]
        for outer, names in self._inner:
            inner = _unknown(args.get(outer), names)[:MOST_NAMED]
            found += [(f"{outer}.{name[:LONGEST_NAME]}", name, names) for name in inner]
        return [_warning(path, name, names) for path, name, names in found[:MOST_NAMED]]


def with_warnings(data: Any, warnings: Sequence[Mapping[str, Any]]) -> Any:
    """Return an answer's data with these warnings after its own; data that is no object has no place for them."""
    if not warnings or not (data is None or type(data) is dict):
        return data
    data = data or {}
    return {**data, "warnings": [*data.get("warnings", ()), *warnings]}


def warned(error: EsbError, warnings: Sequence[Mapping[str, Any]]) -> EsbError:
    """Return the error with these warnings in its data."""
    return error.with_data(with_warnings(error.data, warnings)) if warnings else error


def _unknown(value: Any, names: frozenset[str]) -> list[str]:
    """Return the unknown names in an object, or in those of a list."""
    if isinstance(value, dict):
        return [] if names.issuperset(value) else [name for name in value if name not in names]
    if not isinstance(value, list):
        return []
    return list(dict.fromkeys(name for item in value if isinstance(item, dict) for name in item if name not in names))


def _warning(path: str, name: str, names: frozenset[str]) -> dict[str, Any]:
    import difflib

    if path in TERMS:
        return warning(path, Message("it counts in an asynchronous call only: please add async"))
    meant = difflib.get_close_matches(name[:LONGEST_NAME], sorted(names), 1)
    what = Message("there is no such parameter; did you mean {name}?", {"name": meant[0]}) if meant else None
    return warning(path, what or Message("there is no such parameter"))


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model of a parameter that is an object, or a list of them."""
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
