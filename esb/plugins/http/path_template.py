"""The path of an upstream with variables in it, each filled so that it stays where it stands."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from esb.config.component_paths import VARIABLE, spanning
from esb.core.errors import RequestError
from esb.core.path_values import is_sound
from esb.core.reasons import Reason

ALLOWED = "/:@!$&'()*+,;=~-._%"
"""Characters that stand in a path as they are, besides letters and digits."""


def fault(path: str) -> str | None:
    """Return the mistake in a template, in a word to operators; None if there is none."""
    if not path.startswith("/"):
        return "a path starts with /"
    plain = VARIABLE.sub("x", path)
    if "{" in plain or "}" in plain:
        return "a {variable} is made of letters, digits, _ and -"
    if re.search(r"[\s?#\\\x00-\x1f]", plain):
        return "a path holds no white space, no query and no fragment; fixed parameters belong under `params`"
    return None


class PathTemplate:
    """A path such as /tasks/{id}/."""

    def __init__(self, template: str) -> None:
        parts = VARIABLE.split(template)
        self._literals = [quote(part, safe=ALLOWED) for part in parts[::2]]
        self.names = tuple(parts[1::2])
        self._spanning = spanning(template)

    def fill(self, path_vars: Mapping[str, str], args: Mapping[str, Any]) -> str:
        """Fill the path with values of the called path or else of the parameters.

        RequestError if one is missing, or could lead elsewhere. A value of the called path holds slashes only where
        that declares {name:path}.
        """
        path = self._literals[0]
        for name, literal in zip(self.names, self._literals[1:], strict=True):
            slashes = name in self._spanning or name in path_vars
            text = _text(name, path_vars.get(name, args.get(name)))
            if not is_sound(text, slashes=slashes):
                raise RequestError(
                    "Parameters error, param {name} cannot stand in a path", call_reason=Reason.PARAMETERS, name=name
                )
            path += quote(text, safe="/") + literal
        return path


def _text(name: str, value: Any) -> str:
    if value is None or value == "":
        raise RequestError("Parameters error, param {name} is required", call_reason=Reason.PARAMETERS, name=name)
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise RequestError(
            "Parameters error, param {name} must be a text or a number", call_reason=Reason.PARAMETERS, name=name
        )
    return str(value)
