"""The JSON Schema of esb.yaml, by which editors complete and check it: each plugin's config by its `use`."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from itertools import chain
from typing import Any

from pydantic import BaseModel

from esb.config import (
    BACK_ENDS,
    ComponentKeys,
    Config,
    DatabaseConfig,
    DeliveriesConfig,
    DocumentKeys,
    LedgerConfig,
    Sandbox,
    Server,
    ServicesKeys,
    Stanza,
    StanzaKeys,
)
from esb.contracts.lifecycle import NoConfig
from esb.gateway import plugin_loader
from esb.gateway.plugin_loader import UnknownUse, make_importable
from esb.introspect.json_schema import Schema, schema_of
from esb.introspect.yaml_references import SOMEWHERE, with_references

DIALECT = "https://json-schema.org/draft/2020-12/schema"
OWN_CLASS: Schema = {"type": "string", "pattern": "^[^:]+:[^:]+$"}
"""package.module:Class"""
CONDITIONS = frozenset({"required", "if", "then", "else", "anyOf"})


def schema_of_esb_yaml(config: Config) -> Schema:
    """Return the schema of all built-ins, and of the plugins that this configuration uses."""
    make_importable(config)
    return _Building(config).document()


class _Building:
    """One schema under construction, and its definitions."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._definitions: Schema = {}

    def document(self) -> Schema:
        config = self._config
        keys = self._keys(DocumentKeys)
        self._put(keys, "server", self._model("server", Server))
        self._put(keys, "sandbox", self._model("sandbox", Sandbox))
        self._put(keys, "services", self._services())
        self._put(keys, "deliveries", self._deliveries())
        self._put(keys, "ledger", self._model("ledger", LedgerConfig))
        used = [*(config.middlewares or ()), *chain.from_iterable(each.middlewares or () for each in config.components)]
        self._definitions["middlewares"] = _list(self._stanza("middlewares", StanzaKeys, used))
        middlewares = {"$ref": "#/$defs/middlewares"}
        self._put(keys, "middlewares", middlewares)
        component = self._stanza("components", ComponentKeys, config.components)
        self._put(component, "middlewares", middlewares)
        self._definitions["components.http"]["required"].remove("hosts")  # which may stand in `systems`
        self._put(keys, "components", _list(component))
        keys["anyOf"] = [{"required": ["components"]}, {"required": ["include"]}]
        return {"$schema": DIALECT, "title": "esb.yaml", **keys, "$defs": self._definitions}

    def _services(self) -> Schema:
        services = self._keys(ServicesKeys)
        for kind in BACK_ENDS:
            used = self._config.services.get(kind)
            stanza = self._stanza("services", StanzaKeys, used.asked if used else [], kind)
            if kind == "apps":
                self._definitions[kind], stanza = stanza, {"$ref": f"#/$defs/{kind}"}
                self._definitions["apps.chain"]["properties"]["backends"]["items"] = {"anyOf": [stanza, SOMEWHERE]}
            self._put(services, kind, stanza)
        self._put(services, "database", self._model("database", DatabaseConfig))
        return services

    def _deliveries(self) -> Schema:
        engine = self._config.delivery_engine
        deliveries = self._keys(DeliveriesConfig)
        stanza = self._stanza("services", StanzaKeys, [] if engine is None else [engine], "engine")
        self._put(deliveries, "engine", stanza)
        return deliveries

    def _put(self, keys: Schema, key: str, schema: Schema) -> None:
        """Set the schema of a key."""
        beside = {"description": keys["properties"][key]["description"]}
        keys["properties"][key] = {"anyOf": [schema, {"type": "null"}, SOMEWHERE], **beside}

    def _stanza(self, group: str, keys: type[BaseModel], used: Iterable[Stanza], service: str = "") -> Schema:
        """Make a stanza of this group: its keys, and for each `use` its config."""
        configs = dict(self._configs(group, used, service))
        stanza = self._keys(keys)
        stanza["properties"]["use"] |= {"anyOf": [{"enum": sorted(configs)}, OWN_CLASS, SOMEWHERE]}
        stanza["properties"]["use"].pop("type", None)
        stanza["allOf"] = [
            self._condition(f"{service or group}.{use}", use, kind, keys) for use, kind in configs.items()
        ]
        return stanza

    def _configs(self, group: str, used: Iterable[Stanza], service: str) -> Iterator[tuple[str, type[BaseModel]]]:
        names = {*plugin_loader.built_in(group, service)} | {stanza.use for stanza in used}
        for use in sorted(names):
            try:
                found = plugin_loader.find(group, use, service)
            except UnknownUse:
                continue  # of another service, without its extra, or a mistake that `check` tells
            yield use, getattr(found, "config_type", NoConfig)

    def _condition(self, name: str, use: str, kind: type[BaseModel], keys: type[BaseModel]) -> Schema:
        config = self._model(name, kind)
        whole = self._definitions[name]
        then: Schema = {"properties": {"config": _or_nothing(config, whole)}}
        if whole.get("required"):
            then["required"] = ["config"]
        if "test_config" in keys.model_fields:
            partial = {key: each for key, each in whole.items() if key not in CONDITIONS}
            overrides = config if partial == whole else partial
            then["properties"]["test_config"] = {"anyOf": [overrides, {"type": "null"}, SOMEWHERE]}
        return {"if": {"properties": {"use": {"const": use}}, "required": ["use"]}, "then": then}

    def _keys(self, model: type[BaseModel]) -> Schema:
        schema = self._taken_apart(model.__name__, model)
        schema.pop("title", None)
        return schema

    def _model(self, name: str, model: type[BaseModel]) -> Schema:
        """Put the model's schema among the definitions; return a reference to it."""
        self._definitions[name] = self._taken_apart(name, model)
        return {"$ref": f"#/$defs/{name}"}

    def _taken_apart(self, name: str, model: type[BaseModel]) -> Schema:
        """Return the model's schema; the models in it are put among the definitions."""
        schema = with_references(deepcopy(schema_of(model, f"#/$defs/{name}.")))  # of which others have the same one
        inner: dict[str, Any] = schema.pop("$defs", {})
        self._definitions |= {f"{name}.{key}": each for key, each in inner.items()}
        return schema


def _or_nothing(config: Schema, whole: Schema) -> Schema:
    """Allow an empty config, unless it requires a key."""
    nothing = [] if whole.get("required") else [{"type": "null"}]
    return {"anyOf": [config, *nothing, SOMEWHERE]}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": {"anyOf": [items, SOMEWHERE]}}
