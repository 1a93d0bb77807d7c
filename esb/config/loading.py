"""Reading esb.yaml: strict, every mistake located; imports no plugin, opens nothing, builds nothing."""

import errno
import glob
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel

from esb.config import app_directories, database_parts
from esb.config.component_stanzas import Components
from esb.config.deliveries import DeliveriesConfig, LedgerConfig
from esb.config.interpolation import FileState, Interpolation
from esb.config.model import ComponentStanza, Config, Stanza
from esb.config.sandbox import Sandbox, SandboxAddress
from esb.config.schema import BACK_ENDS, DocumentKeys, IncludedAppsKeys, IncludedKeys, Server, ServicesKeys
from esb.config.stanza_reader import Parts, opened
from esb.config.systems import Systems
from esb.config.text_encoding import not_utf8
from esb.config.time_zone import is_known_tz
from esb.config.yaml import Section, read
from esb.config.yaml.scalars import nearest
from esb.core.errors import ConfigError, Mistake

MAX_FILE = 16 << 20
HASH_DIGITS = 16
"""Hexadecimal digits of the hash of a configuration: no two that an operator ever has share them."""
_GLOB = re.compile(r"[*?\[]")
EXTENSION = "x-"
"""The beginning of keys at the top of a file that are for people and anchors."""
_UNKNOWN_TZ = (
    "the environment variable TZ names no time zone that is known here, and so would mean UTC; expected a name such as "
    "Asia/Shanghai, there or here"
)


def load(
    path: str | Path,
    environ: Mapping[str, str] | None = None,
    *,
    sandbox_url: str | None = None,
    placeholders: bool = False,
) -> Config:
    """Read esb.yaml and what it includes. Never raises for what stands there: see `Config.mistakes`.

    `sandbox_url` is what `${sandbox}` stands for once the sandbox listens; without it, what its stanza promises.
    `placeholders`: variables that are not set, and files that are not there, are no mistakes.
    """
    sandbox = None if sandbox_url is None else SandboxAddress(sandbox_url)
    return ConfigSource(path, environ).resolve(sandbox=sandbox, placeholders=placeholders)


class ConfigSource:
    """esb.yaml and the files that it includes, each read once, however often `${…}` in them is resolved."""

    def __init__(self, path: str | Path, environ: Mapping[str, str] | None = None) -> None:
        self.path = Path(path)
        self.environ = os.environ if environ is None else environ
        self.contents: dict[Path, bytes] = {}
        """The bytes of each file, by its absolute path; nothing in them is filled in."""
        self.matches: dict[str, list[str]] = {}
        """The files that each pattern has matched, relative to the folder of esb.yaml."""
        self._documents: dict[Path, tuple[Section | None, list[Mistake]]] = {}

    def resolve(self, *, sandbox: SandboxAddress | None = None, placeholders: bool = False) -> Config:
        """Return the configuration, as `load` does. The files with secrets are read each time."""
        return _Resolution(self, sandbox, placeholders).config()

    def document(self, path: Path) -> tuple[Section | None, list[Mistake]]:
        """Return this file's top level, None if there is no mapping; and what is wrong with it."""
        if path not in self._documents:
            self._documents[path] = self._document(path)
        return self._documents[path]

    def hash_of(self, files: Iterable[Path]) -> str:
        """Return a digest of these files, in their order; what could not be read is left out."""
        found = (self.contents.get(path.absolute()) for path in files)
        digests = [hashlib.sha256(content).digest() for content in found if content is not None]
        return hashlib.sha256(b"".join(digests)).hexdigest()[:HASH_DIGITS]

    def matching(self, pattern: str) -> list[str]:
        """Return the names of the files that this pattern matches, relative to the folder of esb.yaml."""
        if pattern not in self.matches:
            self.matches[pattern] = self._find(pattern)
        return self.matches[pattern]

    def _find(self, pattern: str) -> list[str]:
        try:
            return sorted(glob.glob(pattern, root_dir=self.path.parent, recursive=True))
        except ValueError:  # a null byte
            return []

    def _read(self, path: Path) -> bytes:
        """Return the first bytes of a file, one more than MAX_FILE at most. OSError."""
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)

    def _document(self, path: Path) -> tuple[Section | None, list[Mistake]]:
        """Read one YAML file: its top level, None if there is no mapping; and what is wrong with it."""
        name = str(path)
        try:
            content = self.contents[path.absolute()] = self._read(path)
            if len(content) > MAX_FILE:
                return None, [Mistake(name, 1, "file", f"cannot be read: over {MAX_FILE} bytes")]
            root, mistakes = read(content.decode("utf-8-sig"), name)
        except OSError as error:
            return None, [Mistake(name, 1, "file", f"cannot be read: {error.strerror}")]
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            return None, [Mistake(name, line, "file", not_utf8(content, name))]
        except ConfigError as error:
            return None, list(error.mistakes)
        if isinstance(root.value, dict):
            return root, list(mistakes)
        return None, [*mistakes, root.mistake("expected a mapping with `version:` and `components:`")]


class KeptSource(ConfigSource):
    """esb.yaml and what it includes as they once were, at the place where they lay. Files with secrets are read."""

    def __init__(
        self,
        path: Path,
        contents: Mapping[Path, bytes],
        matches: Mapping[str, Sequence[str]],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`path` and those of `contents` are absolute."""
        super().__init__(path, environ)
        self._kept = contents
        self.matches = {pattern: [*names] for pattern, names in matches.items()}

    def _read(self, path: Path) -> bytes:
        try:
            return self._kept[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "it was not kept") from None


class _Resolution:
    """One configuration in the making: what has been found so far, and the mistakes in it."""

    def __init__(self, source: ConfigSource, sandbox: SandboxAddress | None, placeholders: bool) -> None:
        self.source = source
        self.placeholders = placeholders
        self.path = source.path
        self.environ = source.environ
        self.sandbox = sandbox
        self.mistakes: list[Mistake] = []
        self.files: list[str] = []
        self.secrets: dict[Path, FileState] = {}
        self.parts = Parts(self.mistakes)
        self.components = Components(self.parts)

    def config(self) -> Config:
        root = self._read(self.path)
        folder = self.path.absolute().parent
        if root is None:
            return Config(self.path, folder, mistakes=self.mistakes, files=(self.path,))
        if self.sandbox is None and root.value.get("sandbox") is not None:
            self.sandbox = self._promised_sandbox(root)
        root = self._filled(root, self.path)
        self.parts.sound(_without_extensions(root), DocumentKeys)
        systems = Systems(root)
        declared = [*self.components.declared(root), *self._included(root)]
        components = [systems.completed(stanza) for stanza in declared]
        include = opened(root, "include")
        misspelt = any(nearest(key, ["components"]) for key in root.value if key not in DocumentKeys.model_fields)
        if opened(root, "components") is None and (include is None or not include.value) and not misspelt:
            self.mistakes.append(root.mistake("missing; expected a list", "components"))
        server = self.parts.part(root, "server", Server) or Server()
        if server.timezone is None and not is_known_tz(self.environ.get("TZ", "")):
            self.mistakes.append(root.mistake(_UNKNOWN_TZ, "server", "timezone"))
        config = Config(
            self.path,
            folder,
            server=server,
            sandbox=self.parts.part(root, "sandbox", Sandbox),
            services=MappingProxyType(self._services(root)),
            database=database_parts.database(root, self.parts),
            deliveries=database_parts.kept_in_it(root, "deliveries", DeliveriesConfig, self.parts),
            delivery_engine=database_parts.delivery_engine(root, self.parts),
            ledger=database_parts.kept_in_it(root, "ledger", LedgerConfig, self.parts),
            middlewares=self.parts.stanzas(root, "middlewares"),
            components=tuple(components),
            files=tuple(Path(name) for name in self.files),
            secrets=MappingProxyType(self.secrets),
            hash=self.source.hash_of(map(Path, self.files)),
            contents=MappingProxyType(self.source.contents),
            root=root,
        )
        return replace(config, mistakes=config.in_order(self.mistakes))

    # Files

    def _read(self, path: Path) -> Section | None:
        self.files.append(str(path))
        root, mistakes = self.source.document(path)
        self.mistakes += mistakes
        return root

    def _filled(self, root: Section, path: Path) -> Section:
        interpolation = Interpolation(self.environ, path.parent, self.sandbox, self.placeholders)
        filled = interpolation.fill(root)
        self.mistakes += interpolation.mistakes
        self.secrets |= interpolation.files
        return filled

    def _promised_sandbox(self, root: Section) -> SandboxAddress:
        """Return the sandbox's address by its stanza, whose mistakes are noted later, when all is filled in."""
        stanza = Interpolation(self.environ, self.path.parent, None).fill(root.children["sandbox"]).reread()
        try:
            sandbox = stanza.validate(Sandbox)
        except ConfigError:
            sandbox = Sandbox()
        return sandbox.promised()

    def _included(self, root: Section) -> Iterator[ComponentStanza]:
        for path in self._named(opened(root, "include")):
            included = self._read_included(path, IncludedKeys)
            if included is not None:
                yield from self.components.declared(included)

    def _named(self, include: Section | None) -> Iterator[Path]:
        """Yield the files that these patterns name, each once; a pattern that names none is a mistake."""
        seen = {os.path.realpath(self.path)}
        for part in include.children.values() if include else ():
            if part.unresolved or not isinstance(part.value, str):
                continue
            names = self.source.matching(part.value)
            if not names:
                self.mistakes.append(part.mistake(self._without_match(part.value)))
            for path in (self.path.parent / name for name in names):
                real = os.path.realpath(path)
                if real in seen:
                    continue
                seen.add(real)
                if path.is_fifo() or path.is_char_device():
                    self.mistakes.append(part.mistake(f"{path} is no file"))
                else:
                    yield path

    def _without_match(self, pattern: str) -> str:
        """Return why no file matches: there may be none, or nobody may look."""
        folder = self.path.parent / os.path.dirname(_GLOB.split(pattern)[0])
        try:
            with os.scandir(folder):
                return "no file matches this pattern"
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", "no path can hold a null byte")
            return f"no file matches this pattern: cannot read the folder {folder}: {reason}"

    def _read_included(self, path: Path, keys: type[BaseModel]) -> Section | None:
        root = self._read(path)
        if root is not None:
            root = self._filled(root, path)
            self.parts.sound(_without_extensions(root), keys)
        return root

    def _included_apps(self, include: Section) -> Iterator[Section]:
        found = (self._read_included(path, IncludedAppsKeys) for path in self._named(include))
        return (root for root in found if root is not None)

    # Parts

    def _services(self, root: Section) -> dict[str, Stanza]:
        services = opened(root, "services")
        if services is None or not isinstance(services.value, dict):
            return {}
        self.parts.sound(services, ServicesKeys)
        parts = ((key, opened(services, key)) for key in BACK_ENDS)
        stanzas = (
            (key, self.parts.stanza(part)) for key, part in parts if part is not None and isinstance(part.value, dict)
        )
        found = {key: stanza for key, stanza in stanzas if stanza is not None}
        if "apps" in found:
            found["apps"] = app_directories.completed(found["apps"], self.parts, self._included_apps)
        return found


def _without_extensions(root: Section) -> Section:
    """Return a file's top level without the keys that begin with x-, which hold anchors and mean nothing here."""
    keys = {key: part for key, part in root.children.items() if not str(key).startswith(EXTENSION)}
    return root if len(keys) == len(root.children) else root.with_children(keys)
