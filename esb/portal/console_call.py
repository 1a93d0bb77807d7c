"""A call as a filled form says it: who calls, what with, in which way; and the request that it becomes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from esb.config.component_paths import ROOT, VARIABLE, spanning
from esb.core import json_codec
from esb.core.gateway_parameters import IDEMPOTENCY_KEY as IDEMPOTENCY_PARAMETER
from esb.introspect.caller_contract import (
    AUTHORIZATION,
    DRY_RUN,
    IDEMPOTENCY_KEY,
    LANGUAGE,
    PREFER,
    TEST_ENVIRONMENT,
)
from esb.introspect.declared import Declared
from esb.portal.console_form import SECRET, Field, parameters, variables
from esb.portal.language import ENGLISH_TAG
from esb.portal.loopback import GatewayRequest
from esb.portal.shell import variable

IN_QUERY = frozenset({"GET", "HEAD"})
"""Methods whose parameters stand in the query string."""
CREDENTIALS = ("bk_app_code", "bk_app_secret", "bk_username", "bk_token")
IN_THE_ENVIRONMENT = {"bk_app_secret": "ESB_APP_SECRET", "bk_token": "ESB_BK_TOKEN"}
"""Credentials that are secret -> the variable of the shell that `esb call` reads, too."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way in which a call is made, as options of the form say."""

    method: str
    language: str = ENGLISH_TAG
    idempotency_key: str = ""
    respond_async: bool = False
    test_environment: bool = False


@dataclass(frozen=True, slots=True)
class ConsoleCall:
    """A call of a component. `caller` are credentials by name."""

    declared: Declared
    fields: list[Field] = field(repr=False)
    caller: Mapping[str, str] = field(repr=False)
    way: Way

    @property
    def faults(self) -> bool:
        """True if a field cannot be sent as it is."""
        return any(each.fault for each in self.fields)

    @property
    def has_key(self) -> bool:
        """True if it brings a key: by header or, to one that sends, by parameter. Unreadable if it has faults."""
        by_parameter = self.declared.component.sends and parameters(self.fields).get(IDEMPOTENCY_PARAMETER)
        return bool(self.way.idempotency_key or by_parameter)

    def with_key(self, key: str) -> "ConsoleCall":
        """Return the same with this key, if it takes one and brings none of its own. Unreadable if it has faults."""
        if not key or not takes_key(self.declared) or self.has_key:
            return self
        return replace(self, way=replace(self.way, idempotency_key=key))

    def request(self, base: str, *, dry_run: bool) -> GatewayRequest:
        """Return the request to the gateway at this address."""
        said, path = parameters(self.fields), _path(self.declared, variables(self.fields))
        headers, method = dict(self._headers(dry_run)), self.way.method
        if method in IN_QUERY:
            query = urlencode({name: each if isinstance(each, str) else _json(each) for name, each in said.items()})
            return GatewayRequest(method, f"{base}{path}{'?' if query else ''}{query}", headers)
        return GatewayRequest(
            method, base + path, {"Content-Type": "application/json", **headers}, json_codec.encode(said)
        )

    def without_secrets(self) -> "ConsoleCall":
        """Return the same with a variable of the shell in the place of each secret."""
        caller = {
            name: variable(IN_THE_ENVIRONMENT[name]) if name in IN_THE_ENVIRONMENT else value
            for name, value in self.caller.items()
        }
        fields = [
            each.with_value(variable(f"ESB_{each.parameter}")) if each.kind == SECRET and each.value else each
            for each in self.fields
        ]
        return replace(self, caller=caller, fields=fields)

    def _headers(self, dry_run: bool) -> Mapping[str, str]:
        way = self.way
        headers = {
            AUTHORIZATION.name: json.dumps(dict(self.caller)) if self.caller else "",
            LANGUAGE.name: way.language if way.language != ENGLISH_TAG else "",
            DRY_RUN.name: "1" if dry_run else "",
            IDEMPOTENCY_KEY.name: way.idempotency_key,
            PREFER.name: "respond-async" if way.respond_async else "",
            TEST_ENVIRONMENT.name: "1" if way.test_environment else "",
        }
        return {name: value for name, value in headers.items() if value}


def takes_key(declared: Declared) -> bool:
    """Return True if a repetition with the same Idempotency-Key gets the first answer; others refuse such a key."""
    return declared.component.sends or declared.stanza.idempotency


def _path(declared: Declared, values: Mapping[str, str]) -> str:
    """Return the path with its variables filled in, percent-encoded."""
    many = spanning(declared.stanza.path)
    return ROOT + VARIABLE.sub(
        lambda match: quote(values[match[1]], safe="/" if match[1] in many else ""),
        quote(declared.stanza.path, safe="/{}:@,=+"),
    )


def _json(value: Any) -> str:
    return json_codec.encode(value).decode()
