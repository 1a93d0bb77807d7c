"""The keys of a component's stanza."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from esb.config.base import ConfigModel, Text
from esb.config.component_paths import METHODS, NAME, PATTERN
from esb.config.schema import Count, StanzaKeys
from esb.core.header_names import HOP_BY_HOP, OF_A_BODY, is_for_upstream, is_token

UNRESERVED = r"^[0-9A-Za-z_.~-]+$"
"""The form of a token in a path: no server encodes any of these characters (RFC 3986, section 2.3)."""


def _component_name(value: str) -> str:
    if re.fullmatch(NAME, value) is None:
        raise ValueError("expected system.component, such as cmsi.send_weixin, without a version and without * or [")
    return value


def _header_name(value: str) -> str:
    """Return the name of a caller's header that may go upstream, in lower case. ValueError for any other."""
    if not is_token(value):
        raise ValueError("no header has such a name")
    name = value.lower()
    if name in HOP_BY_HOP:
        raise ValueError("it ends with the connection it came on, so no proxy passes it on")
    if name in OF_A_BODY:
        raise ValueError("it belongs to the body, and always passes with it")
    if not is_for_upstream(value):
        raise ValueError(
            "it never passes: it says who calls, by which way or for what, or it is not of letters, digits and hyphens;"
            " fixed headers belong under `config.headers`"
        )
    return name


def _token(value: str) -> str:
    if re.fullmatch(UNRESERVED, value) is None or not value.strip("."):
        raise ValueError("expected letters, digits, `-`, `_`, `.` and `~`, as `openssl rand -hex 24` makes them")
    return value


class PathToken(ConfigModel):
    """A token that stands in the path, and the app whose calls those with it are."""

    app: Text = Field(description="code of the app")
    token: Annotated[str, AfterValidator(_token), Field(json_schema_extra={"pattern": UNRESERVED})] = Field(
        repr=False, description="the token, as it stands in the place of {token} in `path`; a secret"
    )


class ComponentKeys(StanzaKeys):
    """Of a component."""

    path: str = Field(
        description="where it is served, below /api/c/compapi; {name} makes a variable",
        json_schema_extra={"pattern": PATTERN},
    )
    aliases: tuple[Annotated[str, Field(json_schema_extra={"pattern": PATTERN})], ...] = Field(
        (), description="further paths; in permissions and logs they count as `path`"
    )
    name: Annotated[str, AfterValidator(_component_name), Field(json_schema_extra={"pattern": NAME})] | None = Field(
        None, description="system.component, its name in permissions and logs; made of `path` when left out"
    )
    description: Text | None = Field(
        None, description="what it does, as documents tell it; the plugin's own words when left out"
    )
    methods: tuple[Annotated[str, Field(json_schema_extra={"enum": [*METHODS, *map(str.lower, METHODS)]})], ...] = (
        Field(("GET", "POST"), min_length=1, description="methods that it answers")
    )
    timeout: float = Field(30.0, gt=0, description="seconds, one deadline for the whole call")
    active: bool = Field(True, description="false: calls are answered 1306405")
    restricted: bool = Field(
        False, description="true: only an app with a right for just this component, without * ? and [, may call it"
    )
    test_config: dict[str, Any] | None = Field(
        None, description="what differs for calls with X-Use-Test-Env; {}: nothing; null: such calls get 1306206"
    )
    max_body: Count | None = Field(
        None, description="bytes of a request body, if not the server's; null: no limit, for one that streams"
    )
    idempotency: bool = Field(
        False, description="`use: http`: true: answers to calls with an Idempotency-Key are kept, and said again"
    )
    headers_in: tuple[Annotated[str, AfterValidator(_header_name)], ...] | None = Field(
        None,
        description="the caller's headers that pass, for one that streams; when left out, all that are neither for the"
        " gateway nor of one connection",
    )
    middlewares: list[Any] | None = Field(
        None, description="its own chain, outermost first, in the place of the shared one; []: none, open to anybody"
    )
    tokens: tuple[PathToken, ...] = Field(
        (),
        description="who calls by a token in the path, for senders that cannot set a header: `path` holds {token}",
    )
