"""The named schemas of an OpenAPI document: parameters and answers of all components, each model once."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

from pydantic import TypeAdapter

from esb.core.messages import template
from esb.introspect.caller_contract import CODES, AnswerEnvelope, AsynchronousParams, FailureData
from esb.introspect.declared import Declared
from esb.introspect.examples import request_example
from esb.introspect.json_schema import PlainSchema, Schema, schema_of
from esb.introspect.plain_schema import answered, merged, nullable, sent

BELOW = "#/components/schemas/"
FAILURE, FAILURE_DATA, FOREIGN = "Failure", "FailureData", "ForeignAnswer"
DATA = template("data of the answer; of a failure what is known of it, and whom a message reached; null if nothing is")
ENVELOPED = template("The envelope of the answer: `result` tells success from failure.")
ENVELOPE: Schema = answered(schema_of(AnswerEnvelope))


class Schemas:
    """The schemas of some components. Names are unique, also where case does not count, and the titles are the names.

    A model has the name of its class. So it keeps it when others come, unless one of them is of the same name.
    """

    def __init__(self, declared: Iterable[Declared]) -> None:
        self.named: dict[str, Schema] = {}
        self._taken: dict[str, Schema] = {}
        self._told: set[str] = set()
        for name, schema in ((FAILURE_DATA, schema_of(FailureData)), (FAILURE, _failure()), (FOREIGN, _foreign())):
            self._put(name, answered(schema))
        components = list(declared)
        enveloped = [each for each in components if each.answers_envelope]
        self._params = self._models({each.key: each.component.params_type for each in components}, sent)
        asynchronous = self.resolved(self._models({"": AsynchronousParams}, sent)[""])["properties"]
        for each in components:
            params = self.resolved(self._params[each.key])
            if params["properties"] and each.asynchronous:
                params["properties"] = {**asynchronous, **params["properties"]}
            if params["properties"] and not each.uploads:
                params["examples"] = [request_example(each)]
        data = self._models({each.key: each.component.answer_type for each in enveloped}, answered)
        self._answers = {each.key: self._answer(each.key, data[each.key]) for each in enveloped}

    def params(self, declared: Declared) -> Schema:
        """Return the schema of the component's parameters."""
        return self._params[declared.key]

    def answer(self, declared: Declared) -> Schema:
        """Return the schema of the component's envelope, of which success and failure have the same."""
        return self._answers[declared.key]

    def resolved(self, schema: Schema) -> Schema:
        """Return what a reference stands for."""
        return self.named[schema["$ref"].removeprefix(BELOW)] if "$ref" in schema else schema

    def used(self, paths: Schema) -> Schema:
        """Return the named schemas that these paths need, and those that a description names."""
        used: dict[str, Schema] = {}
        found = list(self._told) + list(_references(paths))
        while found:
            name = found.pop()
            if name not in used:
                used[name] = self.named[name]
                found += _references(used[name])
        return dict(sorted(used.items()))

    def _models(self, kinds: dict[str, Any], plain: Callable[[Schema], Schema]) -> dict[str, Schema]:
        """Put the models of these types among the named ones; return the schema of each type, by its key."""
        alike: dict[int, str] = {}
        known_as = {key: alike.setdefault(id(kind), key) for key, kind in kinds.items()}  # thousands are of few types
        found, inner = TypeAdapter.json_schemas(
            [(key, "validation", TypeAdapter(kinds[key])) for key in alike.values()],
            schema_generator=PlainSchema,
            ref_template=BELOW + "{model}",
        )
        models = {name: plain(schema) for name, schema in inner.get("$defs", {}).items()}
        names = {name: self._free(type_name(name), schema) for name, schema in models.items()}
        references = {BELOW + name: BELOW + free for name, free in names.items()}
        for name, schema in models.items():
            self.named[names[name]] = {**_pointed(schema, references), "title": names[name]}
        return {key: _pointed(found[first, "validation"], references) for key, first in known_as.items()}

    def _answer(self, key: str, data: Schema) -> Schema:
        """Put the envelope among the named ones: its data, if a mapping, holds what is known of a failure too.

        Data that is no mapping has no type: that of a failure is one.
        """
        mappings = [each for each in _members(data) if "properties" in self.resolved(each)]
        if not mappings:
            described = DATA
            if item := _class_name(data.get("items", {})):
                self._told.add(item)
                described += f"; of a success a list of {item}"
            return self._put(f"{type_name(key)}Answer", _envelope(ENVELOPED, data={"description": described}))
        name = _class_name(mappings[0]) or type_name(key)
        told = merged([*map(self.resolved, mappings), self.named[FAILURE_DATA]], DATA)
        reference = self._put(f"{name}Data", told)
        return self._put(f"{name}Answer", _envelope(ENVELOPED, data={**nullable(reference), "description": DATA}))

    def _put(self, name: str, schema: Schema) -> Schema:
        """Put a schema among the named ones; return a reference to it."""
        free = self._free(name, schema)
        self.named[free] = {**schema, "title": free}
        return {"$ref": BELOW + free}

    def _free(self, name: str, schema: Schema) -> str:
        """Return this name, with a number behind it if other schemas have it."""
        for number in count(1):
            free = name if number == 1 else f"{name}{number}"
            if self._taken.setdefault(free.lower(), schema) == schema:
                return free
        raise AssertionError  # numbers do not end


def type_name(name: str) -> str:
    """Return the name of a type, as all languages spell it: CmsiSendWeixin for cmsi.send_weixin."""
    words = re.split(r"[^A-Za-z0-9]+", name)
    return "".join(word[:1].upper() + word[1:] for word in words)


def _members(union: Schema) -> list[Schema]:
    return [each for each in union.get("anyOf", [union]) if each.get("type") != "null"]


def _class_name(reference: Schema) -> str:
    return str(reference.get("$ref", "")).rpartition("/")[2]


def _envelope(description: str, **properties: Schema) -> Schema:
    return {**ENVELOPE, "description": description, "properties": {**ENVELOPE["properties"], **properties}}


def _failure() -> Schema:
    codes = "\n".join(f"- {code}: {text}" for code, text in CODES.items() if code)
    data = {**nullable({"$ref": BELOW + FAILURE_DATA}), "description": DATA}
    return _envelope(template("The call failed."), code={"type": "integer", "description": codes}, data=data)


def _foreign() -> Schema:
    open_keys: Schema = {name: {} for name in ("result", "code", "message", "data")}
    return _envelope(template("Another system's own answer, completed with what an envelope lacks."), **open_keys)


def _references(value: Any) -> Iterator[str]:
    """Yield the names of all schemas that are referred to."""
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str) and reference.startswith(BELOW):
            yield reference.removeprefix(BELOW)
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _references(each)


def _pointed(value: Any, references: dict[str, str]) -> Any:
    """Return the same with other references."""
    if isinstance(value, dict):
        return {
            key: references[each] if key == "$ref" and isinstance(each, str) else _pointed(each, references)
            for key, each in value.items()
        }
    return [_pointed(each, references) for each in value] if isinstance(value, list) else value
