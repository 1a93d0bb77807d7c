"""The configuration as rules see it: what is written, and the checked models of those parts that are right."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel

from esb.config import ComponentStanza, Config, Section, Stanza
from esb.config.stanza_reader import deepest
from esb.config.yaml import did_you_mean
from esb.core.errors import ConfigError, Mistake
from esb.core.host_names import is_loopback
from esb.core.model_secrets import Keys, hidden_in
from esb.gateway import chains, plugin_loader
from esb.gateway.contradictions import apps_in_the_file
from esb.gateway.restart_only import DEFAULT_STORE

EMPTY = Section("", 1, "", {})
TEST = "test_config"


class Secret(NamedTuple):
    """A secret, and where it stands. `of_caller`: callers prove by it who they are."""

    section: Section
    keys: Keys
    text: str
    of_caller: bool
    is_literal: bool
    """True if it stands in the file itself, and does not come from a `${…}`."""
    stays_here: bool
    """True if it goes to this machine alone, as to a sandbox."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stanza whose configuration is right. `name` is its key below `services`, or its path."""

    name: str
    stanza: Stanza
    model: BaseModel
    plugin: type[Any]

    @property
    def streams(self) -> bool:
        """True if bodies flow through it, and are never held."""
        return getattr(self.plugin, "streams_body", False) or (
            self.stanza.use == "http" and self.value("response") == "raw"
        )

    def value(self, key: str) -> Any:
        """Return the value of this key, defaults filled in; None if its model has no such key."""
        return getattr(self.model, key, None)

    def reaches_loopback(self) -> bool:
        """Return whether what it sends stays on this machine: to a sandbox, or to a server in a test."""
        hosts = [self.value(key) for key in ("wx_qy_host", "wx_mp_host", "tencent_host", "host")]
        return any(isinstance(host, str) and is_local(host) for host in hosts)


class Subject:
    """One configuration under audit. Stanzas with mistakes are left out: these are told already."""

    def __init__(self, config: Config, mistakes: Sequence[Mistake] = ()) -> None:
        """Take a configuration, and all mistakes that were found in it."""
        self.config = config
        self.root = config.root or EMPTY
        self.mistaken = [mistake.key for mistake in mistakes]

    @property
    def is_public(self) -> bool:
        """True if other machines can come to its listener."""
        return not is_loopback(self.config.server.host)

    @property
    def forgets(self) -> bool:
        """True if nonces and idempotency keys are gone with the process, and each process has its own."""
        store = self.config.services.get("store")
        return (store is None or store.use == DEFAULT_STORE) and self.config.database is None

    @cached_property
    def services(self) -> dict[str, Part]:
        """The services that the file names, by key; of a chain, itself and those in it, as `apps.backends[0]`."""
        return {
            name: part
            for kind, stanza in self.config.services.items()
            for name, each in _named(kind, stanza)
            if (part := _part(name, "services", each, kind)) is not None
        }

    def app_models(self) -> Iterator[tuple[Part, int, Any]]:
        """Yield the apps that stand in the file: their directory, which is right, their place in it, and the app."""
        for name, part in self.services.items():
            if name.partition(".")[0] == "apps":
                for index, entry in enumerate(part.value("apps") or ()):
                    yield part, index, entry

    @cached_property
    def middlewares(self) -> list[Part]:
        """The middlewares of all chains that stand in the files."""
        stanzas = [*(self.config.middlewares or ())]
        stanzas += [each for component in self.config.components for each in component.middlewares or ()]
        return [part for stanza in stanzas if (part := _part(stanza.use, "middlewares", stanza)) is not None]

    @cached_property
    def components(self) -> list[tuple[ComponentStanza, Part]]:
        """The components that are on."""
        active = (stanza for stanza in self.config.components if stanza.active)
        parts = ((stanza, _part(stanza.path, "components", stanza)) for stanza in active)
        return [(stanza, part) for stanza, part in parts if part is not None]

    @property
    def shared_chain(self) -> Sequence[str]:
        """The names of the middlewares of the shared chain."""
        return chains.shared(self.config)

    @cached_property
    def tests(self) -> list[Part]:
        """The test environments of the components that are on: models of the whole, of what differs the sections."""
        found = []
        for stanza, _ in self.components:
            if stanza.test_config is not None and stanza.test_config.value:
                part = _part(TEST, "components", stanza, overrides=stanza.test_config)
                if part is not None:
                    found.append(Part(TEST, replace(stanza, config=stanza.test_config), part.model, part.plugin))
        return found

    def chain(self, stanza: ComponentStanza) -> Sequence[str]:
        """Return the names of the middlewares before this component."""
        return chains.uses(self.config, stanza)

    @property
    def chains_are_known(self) -> bool:
        """False if there are mistakes in a chain: then it says nothing that part of it is missing."""
        return not any("middlewares" in key for key in self.mistaken)

    def app_entries(self) -> Iterator[tuple[str, Section]]:
        """Yield code and section of the apps that stand in the file."""
        for apps in apps_in_the_file(self.config):
            for entry in deepest(apps.config, "apps").children.values():
                if isinstance(entry.value, dict) and isinstance(entry.value.get("code"), str):
                    yield entry.value["code"], entry

    def granted_globs(self) -> Iterator[tuple[Section, Section]]:
        """Yield the lists of globs by which apps may call something: the section that has it, and the list."""
        for _, entry in self.app_entries():
            grants = entry.children.get("grants")
            for owner in (entry, *(() if grants is None else grants.children.values())):
                if (granted := owner.children.get("components")) is not None:
                    yield owner, granted

    @property
    def components_are_known(self) -> bool:
        """False if there are mistakes that may hide components: then it says nothing that one is missing."""
        return not any(key.startswith(("components", "include", "file")) for key in self.mistaken)

    def app_codes(self) -> list[str] | None:
        """Return the codes of the apps that stand in the file; None if others know of more."""
        apps = self.config.services.get("apps")
        if apps is not None and any(each.use != "static" for each in apps.asked):
            return None
        return [code for code, _ in self.app_entries()]

    def lack_of_app(self, code: str) -> str:
        """Return the beginning of a warning about an app that is not there; "" if it is, or others may know it."""
        codes = self.app_codes()
        if codes is None or code in codes:
            return ""
        return f"services.apps has no app '{code}'{did_you_mean(code, codes)}; "

    @cached_property
    def secrets(self) -> list[Secret]:
        """The secrets of all parts, those of callers first."""
        found: list[Secret] = []
        lasting = [*self.services.values(), *self._engine(), *self.middlewares]
        for part in [*lasting, *(part for _, part in self.components), *self.tests]:
            if part.name == "login" and part.stanza.use == "static":
                found += _login_tokens(part.stanza.config)
            else:
                found += _secrets_of(part)
        for stanza in self.config.components:
            for index, entry in enumerate(stanza.tokens):
                keys = ("tokens", index, "token")
                literal = not deepest(stanza.section, *keys).outside
                found.append(Secret(stanza.section, keys, entry.token, True, literal, False))
        found += self._of_database()
        return sorted(found, key=lambda secret: not secret.of_caller)

    def _engine(self) -> list[Part]:
        """Return the engine of deliveries, if the file names one."""
        stanza = self.config.delivery_engine
        part = None if stanza is None else _part("engine", "services", stanza, "engine")
        return [] if part is None else [part]

    def _of_database(self) -> Iterator[Secret]:
        """Yield the keys of the database, and its address if a password is in there."""
        database = self.config.database
        if database is not None:
            section = deepest(self.root, "services", "database")
            for keys, text in hidden_in(database):
                place = _written(section, keys)
                if text is not None and place is not None and (keys[0] != "url" or urlsplit(text).password):
                    yield Secret(section, keys, text, False, not place.outside, stays_here=False)


def _login_tokens(config: Section) -> Iterator[Secret]:
    """Yield the login states of `tokens: {TOKEN: user}`: names of keys, so that they can stand nowhere else."""
    for token in deepest(config, "tokens").children:
        yield Secret(config, ("tokens", token), str(token), of_caller=True, is_literal=False, stays_here=False)


def _secrets_of(part: Part) -> Iterator[Secret]:
    """Yield the secrets in this part that stand in its file; of a test environment, those that differ."""
    written = part.stanza.config
    for keys, text in hidden_in(part.model):
        place = _written(written, keys)
        if text is not None and place is not None:
            of_caller = part.name.partition(".")[0] == "apps" and "secrets" in keys
            yield Secret(written, keys, text, of_caller, not place.outside, part.reaches_loopback())


def _written(section: Section, keys: Keys) -> Section | None:
    """Return the section that a value comes from; None for a default, and for another spelling of its key."""
    for key in keys:
        if key in section.children:
            section = section.children[key]
        else:  # a text may be read as a list, or as a mapping
            return section if isinstance(section.value, str) else None
    return section


def is_local(url: str) -> bool:
    """Return whether this address is on this machine. What is no address, as in a key of a plugin, is not."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def in_clear(url: Any) -> bool:
    """Return whether what is sent to this address can be read on its way through a network."""
    return isinstance(url, str) and url.lower().startswith("http://") and not is_local(url)


def _named(name: str, stanza: Stanza) -> Iterator[tuple[str, Stanza]]:
    """Yield a service with its name, and those in it."""
    yield name, stanza
    for index, each in enumerate(stanza.backends):
        yield from _named(f"{name}.backends[{index}]", each)


def _part(name: str, group: str, stanza: Stanza, service: str = "", overrides: Section | None = None) -> Part | None:
    try:
        plugin, model = plugin_loader.configured(group, stanza, service, overrides)
    except ConfigError:
        return None
    return Part(name, stanza, model, plugin)
