"""Components as they are declared: known methods, sound paths, and each route taken once."""

from collections.abc import Iterator
from typing import NamedTuple

from esb.config.component_keys import ComponentKeys
from esb.config.component_paths import METHODS, TOKEN_VARIABLE, VARIABLE, name_of, normalised, path_fault, spanning
from esb.config.model import ComponentStanza
from esb.config.stanza_reader import Parts, config_of, deepest, opened
from esb.config.yaml import Section, did_you_mean
from esb.core.errors import Mistake


class _Named(NamedTuple):
    """A path with a name; `on_purpose` if its stanza says the name. `at`: file and line of the path."""

    path: str
    on_purpose: bool
    at: str

    @property
    def form(self) -> str:
        """The path, whatever its variables are called."""
        return VARIABLE.sub("{}", self.path)


class Components:
    """The components of one configuration, whatever file they stand in."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._routes: dict[tuple[str, str], str] = {}
        """Path and method -> file and line of their declaration."""
        self._names: dict[str, list[_Named]] = {}

    def declared(self, root: Section) -> Iterator[ComponentStanza]:
        """Yield the sound components of one file."""
        components = opened(root, "components")
        if components is None or not isinstance(components.value, list):
            return
        for part in components.children.values():
            section = part.reread()
            keys = self._parts.sound(section, ComponentKeys)
            if keys is not None and not deepest(section, "use").unresolved:
                yield self._component(section, keys)

    def _component(self, section: Section, keys: ComponentKeys) -> ComponentStanza:
        methods = self._methods(section, keys.methods)
        self._check_paths(section, keys, methods)
        self._check_name(section, keys)
        self._check_tokens(section, keys)
        test_config = opened(section, "test_config")
        return ComponentStanza(
            keys.use,
            config_of(section),
            section,
            path=normalised(keys.path),
            given_name=keys.name or "",
            aliases=tuple(normalised(alias) for alias in keys.aliases),
            methods=methods,
            timeout=keys.timeout,
            active=keys.active,
            test_config=test_config if keys.test_config is not None else None,
            max_body=keys.max_body,
            unlimited="max_body" in keys.model_fields_set and keys.max_body is None,
            idempotency=keys.idempotency,
            headers_in=keys.headers_in,
            description=keys.description or "",
            middlewares=self._parts.stanzas(section, "middlewares"),
            tokens=keys.tokens,
            restricted=keys.restricted,
        )

    def _methods(self, section: Section, given: tuple[str, ...]) -> tuple[str, ...]:
        methods = tuple(dict.fromkeys(method.upper() for method in given))
        for index, method in enumerate(given):
            if method.upper() not in METHODS and not deepest(section, "methods", index).unresolved:
                hint = did_you_mean(method.upper(), METHODS) or f"; known methods: {', '.join(METHODS)}"
                self._parts.mistakes.append(section.mistake(f"unknown method{hint}", "methods", index))
        return methods

    def _check_paths(self, section: Section, keys: ComponentKeys, methods: tuple[str, ...]) -> None:
        variables = _variables(keys.path)
        spellings: list[tuple[str, tuple[str | int, ...]]] = [(keys.path, ("path",))]
        spellings += [(alias, ("aliases", index)) for index, alias in enumerate(keys.aliases)]
        for path, where in spellings:
            if deepest(section, *where).unresolved:
                continue
            fault = path_fault(path)
            if fault is None and _variables(path) != variables:
                fault = "an alias takes the same {variables} as the path"
            if fault is None:
                fault = self._take(path, methods, section.mistake("", *where))
            if fault is not None:
                self._parts.mistakes.append(section.mistake(fault, *where))

    def _check_name(self, section: Section, keys: ComponentKeys) -> None:
        """Note a mistake if another path has this name, and with it the same rights, unless both stanzas say so."""
        if deepest(section, "path").unresolved or deepest(section, "name").unresolved or path_fault(keys.path):
            return
        name, where = keys.name or name_of(keys.path), section.mistake("", "path")
        mine = _Named(normalised(keys.path), keys.name is not None, f"{where.file}:{where.line}")
        others = self._names.setdefault(name, [])
        if any(other.form == mine.form and other.on_purpose == mine.on_purpose for other in others):
            return  # other methods of the same path
        for other in others:
            if other.form != mine.form and not (mine.on_purpose and other.on_purpose):
                text = (
                    f"its name in permissions is {name}, as that of {other.path} ({other.at}); "
                    "give each of them a `name:`, the same if one right is to open both"
                )
                self._parts.mistakes.append(section.mistake(text, "path" if keys.name is None else "name"))
                break
        others.append(mine)

    def _check_tokens(self, section: Section, keys: ComponentKeys) -> None:
        if not keys.tokens:
            return
        if f"{{{TOKEN_VARIABLE}}}" not in _variables(keys.path) and not deepest(section, "path").unresolved:
            text = "a token stands in the path: write {token} there, as in /alerts/webhook/{token}/"
            self._parts.mistakes.append(section.mistake(text, "tokens"))
        first: dict[str, int] = {}
        for index, entry in enumerate(keys.tokens):
            if (other := first.setdefault(entry.token, index)) != index:
                text = f"the same token as tokens[{other}]: whose call would it be?"
                self._parts.mistakes.append(section.mistake(text, "tokens", index, "token"))

    def _take(self, path: str, methods: tuple[str, ...], at: Mistake) -> str | None:
        """Note the routes of a path; return the fault if one is taken. Variables' names do not tell paths apart."""
        form = VARIABLE.sub(lambda match: "{:path}" if spanning(match[0]) else "{}", normalised(path))
        routes = [(form, method) for method in methods]
        taken = [route for route in routes if route in self._routes]
        for route in routes:
            self._routes.setdefault(route, f"{at.file}:{at.line}")
        if not taken:
            return None
        verbs = ", ".join(method for _, method in taken)
        return f"declared twice; {self._routes[taken[0]]} takes {verbs} of this path already"


def _variables(path: str) -> list[str]:
    """Return the variables of a path in a fixed order, those that may hold slashes told apart."""
    return sorted(match[0] for match in VARIABLE.finditer(path))
