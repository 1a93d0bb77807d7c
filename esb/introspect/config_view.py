"""A view of the whole configuration once it is filled in, without any secret.

Hidden is what the models call a secret or do not print, what came from `${…}`, and what stands under a key that sounds
like a secret; wherever else one of the secrets turns up, it is taken out of the text.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr

from esb.config import ComponentStanza, Config, Section, Stanza
from esb.core.errors import ConfigError
from esb.core.redaction import REDACTED, redacted
from esb.gateway import plugin_loader

SECRET_KEY = re.compile(r"secret|(token|password|passwd|passphrase|pwd|credential|key|authorization)s?$", re.IGNORECASE)
SHORTEST_REPLACED = 4
"""The length from which a secret is taken out of every text. A shorter one would garble them and hide nothing; it is
hidden where it stands alone."""
_USER_INFO = re.compile(r"://[^/@\s]*@")
_QUERY = re.compile(r"(://[^?#\s]*)\?[^#\s]*")
STANZA_KEYS = ("name", "path", "aliases", "methods", "use", "timeout", "active", "max_body")
Keys = tuple[str | int, ...]


def rendered(config: Config) -> dict[str, Any]:
    """Return all that this configuration says, defaults of the gateway's own keys included."""
    written = {} if config.root is None else config.root.children
    return {
        "server": _filled(config.server, written.get("server")),
        "sandbox": None if config.sandbox is None else _filled(config.sandbox, written.get("sandbox")),
        "services": {kind: _stanza("services", stanza, kind) for kind, stanza in config.services.items()},
        "middlewares": [_stanza("middlewares", stanza) for stanza in config.middlewares or ()] or "default",
        "components": [_component(stanza) for stanza in config.components],
    }


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
    """The secrets of one stanza, as its model says: the keys of some values, and the very texts of others."""

    secret_keys: set[Keys] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    def learn(self, value: Any, keys: Keys = ()) -> None:
        """Look for secrets in a checked configuration."""
        if isinstance(value, SecretStr | SecretBytes):
            self.texts.add(_plain(value))
        elif isinstance(value, BaseModel):
            for name, info in type(value).model_fields.items():
                at = (*keys, info.alias or name)
                if not info.repr:
                    self.secret_keys.add(at)
                self.learn(getattr(value, name), at)
        elif isinstance(value, Mapping):
            for key, part in value.items():
                self.learn(key, keys)
                self.learn(part, (*keys, key))
        elif isinstance(value, list | tuple | set | frozenset):
            for index, part in enumerate(value):
                self.learn(part, (*keys, index))

    def rendered(self, section: Section, keys: Keys = ()) -> Any:
        """Return the values here and below, secrets masked."""
        if keys in self.secret_keys or (keys and _sounds_secret(keys)):
            return REDACTED if section.value not in (None, "", [], {}) else section.value
        if isinstance(section.value, dict):
            return {self._text(str(key)): self.rendered(part, (*keys, key)) for key, part in section.children.items()}
        if isinstance(section.value, list):
            return [self.rendered(part, (*keys, key)) for key, part in section.children.items()]
        if section.outside:
            return REDACTED
        return section.value if section.value is None or isinstance(section.value, bool) else self._leaf(section.value)

    def _leaf(self, value: Any) -> Any:
        text = self._text(str(value))
        return value if text == str(value) else text

    def _text(self, text: str) -> str:
        if text in self.texts or "PRIVATE KEY" in text:
            return REDACTED
        text = _QUERY.sub(rf"\1?{REDACTED}", _USER_INFO.sub(f"://{REDACTED}@", text))
        return redacted(text, [secret for secret in self.texts if len(secret) >= SHORTEST_REPLACED])


def _sounds_secret(keys: Keys) -> bool:
    return bool(SECRET_KEY.search(str(keys[-1]))) or "headers" in keys[:-1]


def _plain(secret: SecretStr | SecretBytes) -> str:
    value = secret.get_secret_value()
    return value if isinstance(value, str) else value.decode(errors="replace")


def _filled(model: BaseModel, section: Section | None) -> dict[str, Any]:
    """Return a model with its defaults, and over them the file's values, secrets masked."""
    dumped = model.model_dump(mode="json")
    return dumped if section is None or section.value is None else _over(dumped, _Hidden().rendered(section.reread()))


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return both mappings as one; where they differ, the value of the upper one."""
    both = {key: _over(below[key], part) if isinstance(part, dict) else part for key, part in above.items()}
    return below | both


def _stanza(group: str, stanza: Stanza, service: str = "") -> dict[str, Any]:
    return {"use": stanza.use, "config": _hidden(group, stanza, service).rendered(stanza.config)}


def _hidden(group: str, stanza: Stanza, service: str = "", overrides: Section | None = None) -> _Hidden:
    hidden = _Hidden()
    try:
        hidden.learn(plugin_loader.configured(group, stanza, service, overrides)[1])
    except ConfigError:  # it was right when this configuration was built; a plugin's file may have changed since
        hidden.secret_keys.add(())
    return hidden


def _component(stanza: ComponentStanza) -> dict[str, Any]:
    test = stanza.test_config
    return {
        **{key: getattr(stanza, key) for key in STANZA_KEYS},  # callers know them, and so do logs and metrics
        "config": _hidden("components", stanza).rendered(stanza.config),
        "test_config": None if test is None else _hidden("components", stanza, overrides=test).rendered(test),
    }
