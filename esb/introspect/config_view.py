"""A view of the configuration: all that it says once it is filled in, no secret and nobody's address.

Hidden is what the models call a secret or do not print, what came from `${…}`, and what stands under a key that sounds
like a secret, a mail address or a phone number, but not how many there are of them; wherever else in its stanza one of
the secrets turns up, it is taken out of the text. Of a URL host and port stay, and those parts of its path that are
plain words.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel

from esb.config import ComponentStanza, Config, Section, Stanza
from esb.config.stanza_reader import deepest
from esb.core.errors import ConfigError
from esb.core.model_secrets import Keys, counts_in, hidden_in
from esb.core.redaction import REDACTED, SHORTEST_REPLACED, redacted, sounds_secret
from esb.gateway import plugin_loader
from esb.introspect.secret_sources import is_told

LOCATION_KEY = re.compile(r"(url|host|path|proxy|endpoint)s?$", re.IGNORECASE)
"""Keys whose values are addresses, or parts of one, also where no http:// is in them."""
_URL = re.compile(r"(?P<scheme>(?:[A-Za-z][A-Za-z0-9+.-]*:)?//)(?P<rest>\S*)")
_WORD = re.compile(r"([a-z]{1,15}([_.-][a-z]{1,15})*|v[0-9]{1,2}|\{[^{}]*\})?")
"""A part of a path that people need to read, and no program made: keys have digits, capitals or no end."""
EMBEDDED = "embedded"
"""The engine of deliveries that counts where none is named."""
STANZA_KEYS = ("name", "path", "aliases", "methods", "use", "timeout", "active", "restricted", "max_body")
MORE_KEYS = ("unlimited", "idempotency", "headers_in", "description")
"""Keys of a stanza that are seldom there."""


class Mask(Protocol):
    """A renderer of secrets. `shown` is what of a text may be seen, REDACTED for nothing."""

    def secret(self, section: Section, shown: str) -> Any: ...

    def key(self, text: str, shown: str) -> str: ...


class Stars:
    """A renderer that shows what may be seen, and no more."""

    def secret(self, section: Section, shown: str) -> Any:
        return shown

    def key(self, text: str, shown: str) -> str:
        return shown


def rendered(config: Config, mask: Mask | None = None) -> dict[str, Any]:
    """Return all that this configuration says, defaults of the gateway's own keys included; secrets as `mask` does."""
    written = {} if config.root is None else config.root.children
    view = _View(mask or Stars())
    services = {kind: view.stanza("services", stanza, kind) for kind, stanza in config.services.items()}
    if config.database is not None and config.root is not None:
        services["database"] = view.filled(config.database, deepest(config.root, "services", "database"))
    return {
        "server": view.filled(config.server, written.get("server")),
        "sandbox": None if config.sandbox is None else view.filled(config.sandbox, written.get("sandbox")),
        "services": services,
        "deliveries": view.deliveries(config, written.get("deliveries")),
        "ledger": None if config.ledger is None else view.filled(config.ledger, written.get("ledger")),
        "middlewares": [view.stanza("middlewares", stanza) for stanza in config.middlewares or ()] or "default",
        "components": [view.component(stanza) for stanza in config.components],
    }


def service(config: Config, kind: str) -> dict[str, Any] | None:
    """Return what the configuration says of one of its services, secrets as stars; None if it says nothing of it."""
    stanza = config.services.get(kind)
    return None if stanza is None else _View(Stars()).stanza("services", stanza, kind)


def components(config: Config) -> list[dict[str, Any]]:
    """Return the declared components, in the order of the files."""
    return [
        {
            "name": stanza.name,
            "path": stanza.path,
            "aliases": stanza.aliases,
            "methods": stanza.methods,
            "plugin": stanza.use,
            "active": stanza.active,
        }
        for stanza in config.components
    ]


@dataclass(slots=True)
class _Hidden:
    """The secrets of one stanza, as its model says: the keys of some values, and the very texts of others.

    `counts` are the keys that sound like secrets and say how many there are.
    """

    mask: Mask
    secret_keys: set[Keys] = field(default_factory=set)
    counts: set[Keys] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def learn(self, model: BaseModel) -> None:
        """Look for secrets in a checked configuration."""
        for found, text in hidden_in(model):
            self.secret_keys.add(found)
            if text is not None:
                self.texts.add(text)
        self.counts.update(counts_in(model))

    def rendered(self, section: Section, keys: Keys = ()) -> Any:
        """Return the values here and below, secrets masked."""
        if keys in self.secret_keys or (keys and keys not in self.counts and _sounds_secret(keys)):
            return self.mask.secret(section, REDACTED) if section.value not in (None, "", [], {}) else section.value
        if isinstance(section.value, dict):
            return {self._key(str(key)): self.rendered(part, (*keys, key)) for key, part in section.children.items()}
        if isinstance(section.value, list):
            return [self.rendered(part, (*keys, key)) for key, part in section.children.items()]
        if section.outside:
            return self.mask.secret(section, REDACTED)
        if section.value is None or isinstance(section.value, bool):
            return section.value
        text = self._text(str(section.value), is_location=_names_a_location(keys))
        return section.value if text == str(section.value) else self.mask.secret(section, text)

    def _key(self, text: str) -> str:
        shown = self._text(text)
        return text if shown == text else self.mask.key(text, shown)

    def _text(self, text: str, *, is_location: bool = False) -> str:
        if (text and text in self.texts) or "PRIVATE KEY" in text:
            return REDACTED
        if is_location and "//" not in text:
            text = _location(text)
        text = _URL.sub(lambda url: url["scheme"] + _location(url["rest"]), text)
        return redacted(text, [secret for secret in self.texts if len(secret) >= SHORTEST_REPLACED])


def _sounds_secret(keys: Keys) -> bool:
    return sounds_secret(str(keys[-1])) or "headers" in keys[:-1]


def _names_a_location(keys: Keys) -> bool:
    """Return True if an address stands here, or in the list to which this belongs."""
    names = [key for key in keys if isinstance(key, str)]
    return bool(names) and LOCATION_KEY.search(names[-1]) is not None


def _location(text: str) -> str:
    """Return what stands behind the // of a URL without what may be secret: user, keys in its path, query, fragment."""
    user, _, text = text.rpartition("@")  # the last one, wherever it is: passwords may hold any character
    place, mark, _ = re.fullmatch(r"([^?#]*)([?#]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]  # any text
    host, *path = place.split("/")
    path = [part if _WORD.fullmatch(part) else REDACTED for part in path]
    return "".join([f"{REDACTED}@" if user else "", "/".join([host, *path]), f"{mark}{REDACTED}" if mark else ""])


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return both mappings as one; where they differ, the value of the upper one."""
    return below | {
        key: _over(below[key], part)
        if isinstance(part, dict) and isinstance(below.get(key), dict) and not is_told(part)
        else part
        for key, part in above.items()
    }


class _View:
    """One rendering of a configuration."""

    def __init__(self, mask: Mask) -> None:
        self._mask = mask

    def filled(self, model: BaseModel, section: Section | None) -> dict[str, Any]:
        """Return a model with its defaults, and over them the file's values, secrets masked."""
        dumped = model.model_dump(mode="json")
        if section is None or section.value is None:
            return dumped
        hidden = _Hidden(self._mask)
        hidden.learn(model)
        return _over(dumped, hidden.rendered(section.reread()))

    def stanza(self, group: str, stanza: Stanza, service: str = "") -> dict[str, Any]:
        config = self._hidden(group, stanza, service).rendered(stanza.config)
        if stanza.backends:
            config["backends"] = [self.stanza(group, each, service) for each in stanza.backends]
        return {"use": stanza.use, "config": config}

    def deliveries(self, config: Config, section: Section | None) -> dict[str, Any] | None:
        if config.deliveries is None:
            return None
        own = section
        if section is not None and "engine" in section.children:
            own = section.with_children({key: part for key, part in section.children.items() if key != "engine"})
        engine = config.delivery_engine
        shown = {"use": EMBEDDED, "config": {}} if engine is None else self.stanza("services", engine, "engine")
        return {**self.filled(config.deliveries, own), "engine": shown}

    def component(self, stanza: ComponentStanza) -> dict[str, Any]:
        test, chain = stanza.test_config, stanza.middlewares
        tested = None if test is None else self._hidden("components", stanza, overrides=test).rendered(test)
        return {
            **{key: getattr(stanza, key) for key in STANZA_KEYS},  # callers know them, and so do logs and metrics
            **{key: getattr(stanza, key) for key in MORE_KEYS if getattr(stanza, key)},
            "middlewares": None if chain is None else [self.stanza("middlewares", each) for each in chain],
            "tokens": [*self._tokens(stanza)],
            "config": self._hidden("components", stanza).rendered(stanza.config),
            "test_config": tested,
        }

    def _tokens(self, stanza: ComponentStanza) -> Iterator[dict[str, Any]]:
        for index, entry in enumerate(stanza.tokens):
            section = deepest(stanza.section, "tokens", index, "token")
            yield {"app": entry.app, "token": self._mask.secret(section, REDACTED)}

    def _hidden(self, group: str, stanza: Stanza, service: str = "", overrides: Section | None = None) -> _Hidden:
        hidden = _Hidden(self._mask)
        try:
            hidden.learn(plugin_loader.configured(group, stanza, service, overrides)[1])
        except ConfigError:  # it was right when this configuration was built; a plugin's file may have changed since
            hidden.secret_keys.add(())
        return hidden
