"""The paths of components: their form, and the names that they give."""

import re

ROOT = "/api/c/compapi"
"""The beginning of every address, before the component's path."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_NAME, _WORD = r"[A-Za-z0-9_-]+", r"[^\s/?#%{}]+"
VARIABLE = re.compile(rf"\{{({_NAME})(?::path)?\}}")
"""A variable of a path; its group is the name. {name:path} may hold slashes."""
TOKEN_VARIABLE = "token"  # noqa: S105 - the name of a variable
"""The variable that holds a token of the stanza's `tokens`, if it has any."""
SEGMENT = re.compile(_WORD)
_PART = rf"({_WORD}|\{{{_NAME}\}})"
_IN_A_NAME = r"[^\s/?#%{}*.\[\]]+"
NAME = rf"^(?!v[0-9]+\.){_IN_A_NAME}(\.{_IN_A_NAME})+$"
"""The form of a name that a stanza gives: `system.component`, without a version, and nothing that a glob would be."""
PATTERN = rf"^/+{_PART}(/{_PART})*(/\{{{_NAME}:path\}})?/*$"
"""The form of paths as one regular expression, for documents."""


def normalised(path: str) -> str:
    """Return the path with one slash at each end."""
    return f"/{path.strip('/')}/"


def spanning(path: str) -> frozenset[str]:
    """Return the names of those variables that may hold slashes."""
    return frozenset(match[1] for match in VARIABLE.finditer(path) if match[0].endswith(":path}"))


def version_of(path: str) -> str:
    """Return the version that a component's path begins with: v2 for /v2/cmsi/send_weixin/; "" for none."""
    first, _, rest = path.strip("/").partition("/")
    return first if rest and re.fullmatch(r"v[0-9]+", first) else ""


def names_in_rights(name: str, path: str) -> tuple[str, ...]:
    """Return the names by which rights open the component `name` with this main path: in all versions, or in its own.

    A path without a version has but the one.
    """
    version = version_of(path)
    return (name, f"{version}.{name}") if version else (name,)


def _unversioned(path: str) -> list[str]:
    return path.strip("/").removeprefix(version_of(path)).strip("/").split("/")


def system_of(path: str) -> str:
    """Return the system that a component's path names: cmsi for /v2/cmsi/send_weixin/."""
    return _unversioned(path)[0]


def path_fault(path: str) -> str | None:
    """Return the fault of a component's path, in a sentence for operators; None if it is sound."""
    if not path.startswith("/"):
        return "a path starts with /"
    parts = path.strip("/").split("/")
    if not all(VARIABLE.fullmatch(part) or SEGMENT.fullmatch(part) for part in parts):
        return "a path is made of /words/ and /{variables}/ (letters, digits, _ and -)"
    if any(spanning(part) for part in parts[:-1]):
        return "a {variable:path} stands at the end, since it takes all the rest"
    names = VARIABLE.findall(path)
    if len(set(names)) < len(names):
        return "a path has each {variable} once"
    if all(VARIABLE.fullmatch(part) for part in _unversioned(path)):
        return "a path needs a word that is no {variable}: it names the component"
    return None


def name_of(path: str) -> str:
    """Return `system.component`, the name in permissions and logs of a component that is given none."""
    parts = _unversioned(path)
    words = [part for part in parts if not VARIABLE.fullmatch(part)]
    return f"{parts[0]}.{(words or parts)[-1]}"


def full_name_of(path: str) -> str:
    """Return a name made of all that stands in a path, for one whose usual name is another's too."""
    system, *rest = (re.sub(r"[^\w-]+", "_", part.strip("{}")) for part in _unversioned(path))
    return f"{system}.{'_'.join(rest) or system}"
