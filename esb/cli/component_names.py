"""Names of components that come from another gateway: each its own where paths alone would give several the same."""

import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import NamedTuple

from esb.config import NAME, VARIABLE, full_name_of, name_of, system_of, version_of


class Declared(NamedTuple):
    """A path, the name that its declaration has for the component, "" for none; and a word that keeps it apart.

    Versions of one component share their name, unless they are kept apart by different words.
    """

    path: str
    name: str = ""
    apart: str = ""

    @property
    def form(self) -> tuple[str, str]:
        """The path without its version and without its variables' names, and the word."""
        version = version_of(self.path)
        return VARIABLE.sub("{}", self.path.removeprefix(f"/{version}") if version else self.path), self.apart


def distinct_names(declared: Sequence[Declared]) -> dict[str, str]:
    """Return the names that stanzas must say, by path: those of paths that would have one together.

    Versions of one component share it. Of others, each gets the name of its declaration, unless somebody else has that,
    or else one made of its whole path.
    """
    groups: dict[str, dict[tuple[str, str], list[Declared]]] = {}
    for each in declared:
        groups.setdefault(name_of(each.path), {}).setdefault(each.form, []).append(each)
    shared = {
        name: forms
        for name, forms in groups.items()
        if len({VARIABLE.sub("{}", each.path) for same in forms.values() for each in same}) > 1
    }
    names: dict[str, str] = {}
    taken = groups.keys() - shared.keys()
    for name, forms in shared.items():
        for same in forms.values():
            chosen = name if len(forms) == 1 else next(free for free in _candidates(same[0]) if free not in taken)
            taken.add(chosen)
            names |= dict.fromkeys((each.path for each in same), chosen)
    return names


def _candidates(declared: Declared) -> Iterator[str]:
    if re.fullmatch(NAME, named := f"{system_of(declared.path)}.{declared.name}"):
        yield named
    yield (full := full_name_of(declared.path))
    yield from (f"{full}_{number}" for number in count(2))
