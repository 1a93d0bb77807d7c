"""Reading esb.yaml: strict, every mistake located; imports no plugin, opens nothing, builds nothing."""

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel

from esb.config.keys import ComponentKeys, DocumentKeys, IncludedKeys, Sandbox, Server, ServicesKeys, StanzaKeys
from esb.config.paths import METHODS, VARIABLE, normalised, path_fault
from esb.config.stanzas import ComponentStanza, Config, Stanza
from esb.document import Section, did_you_mean, joined, read
from esb.errors import ConfigError, Mistake
from esb.interpolation import Interpolation

M = TypeVar("M", bound=BaseModel)


def load(path: str | Path, environ: Mapping[str, str] | None = None, *, sandbox_url: str | None = None) -> Config:
    """Read esb.yaml and what it includes. Never raises for what stands there: see `Config.mistakes`.

    `sandbox_url` is what `${sandbox}` stands for once the sandbox listens; without it, what its stanza promises.
    """
    return _Loading(Path(path), os.environ if environ is None else environ, sandbox_url).config()


class _Loading:
    """One run of `load`: the mistakes so far, and which files and routes are taken."""

    def __init__(self, path: Path, environ: Mapping[str, str], sandbox_url: str | None) -> None:
        self.path = path
        self.environ = environ
        self.sandbox_url = sandbox_url
        self.mistakes: list[Mistake] = []
        self.files: list[str] = []
        self.routes: dict[tuple[str, str], str] = {}

    def config(self) -> Config:
        root = self._read(self.path)
        folder = self.path.absolute().parent
        if root is None:
            return Config(self.path, folder, mistakes=self.mistakes, files=(self.path,))
        if self.sandbox_url is None and root.value.get("sandbox") is not None:
            self.sandbox_url = self._promised_sandbox(root)
        root = self._filled(root, self.path)
        self._sound(root, DocumentKeys)
        components = [*self._components(root), *self._included(root)]
        include = _opened(root, "include")
        if _opened(root, "components") is None and (include is None or not include.value):
            self.mistakes.append(root.mistake("missing; expected a list", "components"))
        config = Config(
            self.path,
            folder,
            server=self._part(root, "server", Server) or Server(),
            sandbox=self._part(root, "sandbox", Sandbox),
            services=MappingProxyType(self._services(root)),
            middlewares=self._middlewares(root),
            components=tuple(components),
            files=tuple(Path(name) for name in self.files),
            root=root,
        )
        return replace(config, mistakes=config.in_order(self.mistakes))

    # Files

    def _read(self, path: Path) -> Section | None:
        name = str(path)
        self.files.append(name)
        try:
            root, mistakes = read(path.read_bytes().decode("utf-8-sig"), name)
        except OSError as error:
            self.mistakes.append(Mistake(name, 1, "file", f"cannot be read: {error.strerror}"))
            return None
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            self.mistakes.append(Mistake(name, line, "file", "not UTF-8 text"))
            return None
        except ConfigError as error:
            self.mistakes += error.mistakes
            return None
        self.mistakes += mistakes
        if isinstance(root.value, dict):
            return root
        self.mistakes.append(root.mistake("expected a mapping with `version:` and `components:`"))
        return None

    def _filled(self, root: Section, path: Path) -> Section:
        interpolation = Interpolation(self.environ, path.parent, self.sandbox_url)
        filled = interpolation.fill(root)
        self.mistakes += interpolation.mistakes
        return filled

    def _promised_sandbox(self, root: Section) -> str:
        """The sandbox's URL by its stanza; what is wrong with the stanza is said when all is filled in."""
        stanza = Interpolation(self.environ, self.path.parent, None).fill(root.children["sandbox"]).reread()
        try:
            sandbox = stanza.validate(Sandbox)
        except ConfigError:
            sandbox = Sandbox()
        port = sandbox.port or Sandbox().port  # 0 is a free one, known when it listens: then all is read again
        return f"http://127.0.0.1:{port}"

    def _included(self, root: Section) -> Iterator[ComponentStanza]:
        seen = {self.path.resolve()}
        include = _opened(root, "include")
        for index, part in include.children.items() if include else ():
            if part.unresolved or not isinstance(part.value, str):
                continue
            names = self._matching(part.value)
            if not names:
                self.mistakes.append(root.mistake("no file matches this pattern", "include", index))
            for path in (self.path.parent / name for name in names):
                if path.resolve() not in seen:
                    seen.add(path.resolve())
                    yield from self._included_file(path)

    def _matching(self, pattern: str) -> list[str]:
        try:
            return sorted(glob.glob(pattern, root_dir=self.path.parent, recursive=True))
        except ValueError:  # a null byte
            return []

    def _included_file(self, path: Path) -> Iterator[ComponentStanza]:
        root = self._read(path)
        if root is not None:
            root = self._filled(root, path)
            self._sound(root, IncludedKeys)
            yield from self._components(root)

    # Parts

    def _sound(self, section: Section, model: type[M]) -> M | None:
        """The section as a model. Keys with a mistake count as left out; None if the model cannot do without them."""
        try:
            return section.validate(model)
        except ConfigError as error:
            self.mistakes += error.mistakes
            wrong = error.mistakes
        sound = {
            key: child
            for key, child in section.children.items()
            if not child.unresolved and not any(_within(mistake.key, child.key) for mistake in wrong)
        }
        try:
            return section.with_children(sound).validate(model)
        except ConfigError:
            return None

    def _part(self, section: Section, key: str, model: type[M]) -> M | None:
        part = _opened(section, key)
        return self._sound(part, model) if part is not None and isinstance(part.value, dict) else None

    def _services(self, root: Section) -> dict[str, Stanza]:
        services = _opened(root, "services")
        if services is None or not isinstance(services.value, dict):
            return {}
        self._sound(services, ServicesKeys)
        parts = ((key, _opened(services, key)) for key in ServicesKeys.model_fields)
        stanzas = (
            (key, self._stanza(part)) for key, part in parts if part is not None and isinstance(part.value, dict)
        )
        return {key: stanza for key, stanza in stanzas if stanza is not None}

    def _middlewares(self, root: Section) -> tuple[Stanza, ...] | None:
        middlewares = _opened(root, "middlewares")
        if middlewares is None or not isinstance(middlewares.value, list):
            return None
        stanzas = (self._stanza(part.reread()) for part in middlewares.children.values())
        return tuple(stanza for stanza in stanzas if stanza is not None)

    def _stanza(self, section: Section) -> Stanza | None:
        keys = self._sound(section, StanzaKeys)
        if keys is None or _place(section, "use").unresolved:
            return None
        return Stanza(keys.use, _config(section), section)

    def _components(self, root: Section) -> Iterator[ComponentStanza]:
        components = _opened(root, "components")
        if components is None or not isinstance(components.value, list):
            return
        for part in components.children.values():
            section = part.reread()
            keys = self._sound(section, ComponentKeys)
            if keys is not None and not _place(section, "use").unresolved:
                yield self._component(section, keys)

    def _component(self, section: Section, keys: ComponentKeys) -> ComponentStanza:
        methods = self._methods(section, keys.methods)
        self._check_paths(section, keys, methods)
        test_config = _opened(section, "test_config")
        return ComponentStanza(
            keys.use,
            _config(section),
            section,
            path=normalised(keys.path),
            aliases=tuple(normalised(alias) for alias in keys.aliases),
            methods=methods,
            timeout=keys.timeout,
            active=keys.active,
            test_config=test_config if keys.test_config is not None else None,
            max_body=keys.max_body,
            unlimited="max_body" in keys.model_fields_set and keys.max_body is None,
        )

    def _methods(self, section: Section, given: tuple[str, ...]) -> tuple[str, ...]:
        methods = tuple(dict.fromkeys(method.upper() for method in given))
        for index, method in enumerate(given):
            if method.upper() not in METHODS and not _place(section, "methods", index).unresolved:
                hint = did_you_mean(method.upper(), METHODS) or f"; known methods: {', '.join(METHODS)}"
                self.mistakes.append(section.mistake(f"unknown method{hint}", "methods", index))
        return methods

    def _check_paths(self, section: Section, keys: ComponentKeys, methods: tuple[str, ...]) -> None:
        variables = sorted(VARIABLE.findall(keys.path))
        places: list[tuple[str, tuple[str | int, ...]]] = [(keys.path, ("path",))]
        places += [(alias, ("aliases", index)) for index, alias in enumerate(keys.aliases)]
        for path, place in places:
            if _place(section, *place).unresolved:
                continue
            fault = path_fault(path)
            if fault is None and sorted(VARIABLE.findall(path)) != variables:
                fault = "an alias takes the same {variables} as the path"
            if fault is None:
                fault = self._take(path, methods, section.mistake("", *place))
            if fault is not None:
                self.mistakes.append(section.mistake(fault, *place))

    def _take(self, path: str, methods: tuple[str, ...], place: Mistake) -> str | None:
        """Notes the routes of a path; the fault, if one is taken. The names of variables do not tell paths apart."""
        routes = [(VARIABLE.sub("{}", normalised(path)), method) for method in methods]
        taken = [route for route in routes if route in self.routes]
        for route in routes:
            self.routes.setdefault(route, f"{place.file}:{place.line}")
        if not taken:
            return None
        verbs = ", ".join(method for _, method in taken)
        return f"declared twice; {self.routes[taken[0]]} takes {verbs} of this path already"


def _opened(section: Section, key: str) -> Section | None:
    """The part of a mapping; None if it is left out or null."""
    part = section.children.get(key)
    return None if part is None or part.value is None else part.reread()


def _place(section: Section, *keys: str | int) -> Section:
    """The deepest place on the way of these keys that stands in the file."""
    for key in keys:
        section = section.children.get(key, section)
    return section


def _config(stanza: Section) -> Section:
    config = stanza.children.get("config", Section(stanza.file, stanza.line, joined(stanza.key, "config"), {})).reread()
    if config.value is None:
        return replace(config, value={})
    # Anything but a mapping is a mistake already.
    return config if isinstance(config.value, dict) else replace(config, children={}, unresolved=True)


def _within(key: str, part: str) -> bool:
    return key == part or key.startswith((f"{part}.", f"{part}["))
