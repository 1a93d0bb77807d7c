"""The parts of a portal that its server brings along, and the routes of its pages."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Protocol

from aiohttp import web

from esb.config import Config
from esb.core.i18n import Translate
from esb.portal.declarations import CurrentDeclarations
from esb.portal.language import every_text
from esb.portal.page import Page, Refused
from esb.portal.visitor import Visitor


class Answered(NamedTuple):
    """The answer of an operation: its JSON, or `{"error": why}`, and the status that HTTP has for it."""

    status: int
    value: Any
    told: Callable[[Translate], str] | None = None
    """The text of a refusal in another language; None where its translation says all of it."""

    @property
    def ok(self) -> bool:
        """True if it was done."""
        return self.status < 400

    def why(self, language: str) -> str:
        """Return why it was refused, in this language."""
        return self.refused().why(every_text(language))

    def refused(self) -> Refused:
        """Return the refusal, for an error page."""
        return Refused(self.status, self.value["error"], self.told)


class Operators(Protocol):
    """The operations of those who run the gateway: the admin listener's own, with the same refusals and history."""

    async def ask(
        self,
        method: str,
        path: str,
        actor: str,
        given: Mapping[str, Any],
        variables: Mapping[str, str],
    ) -> Answered:
        """Return the answer of one operation, by the path as the admin listener has it: `/-/apps/{code}`.

        `actor` is the visitor's name, which the history tells; `given` is the query of a GET and the body of others.
        """
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """All that pages are made from."""

    config: Callable[[], Config]
    """The configuration by which calls are answered now."""
    operators: Operators
    gateway_url: Callable[[], str]
    """The public listener as this machine reaches it: http://127.0.0.1:8080."""
    sandbox_url: str | None
    """The WeChat sandbox, if this gateway has one."""
    declarations: CurrentDeclarations = field(init=False)
    """The components of that configuration."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "declarations", CurrentDeclarations(self.config))


class Access(Enum):
    """The visitors who may have a page."""

    EVERYBODY = "everybody"
    """All who reach the portal."""
    READ = "read"
    """Operators; all where nothing tells them apart, on this machine alone."""
    WRITE = "write"
    """Operators who have proved who they are."""


Handler = Callable[[web.Request, Visitor], Awaitable[Page | web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """One page. A POST of everybody's needs a CSRF token, too."""

    method: str
    path: str
    handler: Handler
    access: Access = Access.EVERYBODY
