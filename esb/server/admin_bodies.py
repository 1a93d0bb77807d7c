"""Bodies of requests about apps. Moments are RFC 3339, a date (its end), or so long from now, or ago (90d)."""

import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, SecretStr

from esb.config.moment import instant, instant_past
from esb.core.messages import template
from esb.database.writer import ALWAYS, AppState, HistoryAction, Terms

MOST_ROWS = 10_000
"""Rows of a page: all of them are in memory at once."""


def _moment(value: Any) -> int:
    return instant(value if isinstance(value, str) else "", time.time())


def _end(value: Any) -> int:
    moment = _moment(value)
    if moment <= time.time() * 1000:
        raise ValueError(template("this is past"))
    return moment


def _ago(value: Any) -> int:
    return instant_past(value if isinstance(value, str) else "", time.time())


Moment = Annotated[int, PlainValidator(_moment)]
"""Milliseconds since 1970."""
End = Annotated[int, PlainValidator(_end)]
"""Milliseconds since 1970, to come."""
Ago = Annotated[int, PlainValidator(_ago)]
"""Milliseconds since 1970; 90d is so long ago."""


class Body(BaseModel):
    """The base of all: no unknown keys, and no value in an error's text."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False)


class NewApp(Body):
    """An app to be made."""

    code: str
    secret: SecretStr | None = None
    """One that its callers have already; left out: a new one, which the answer tells."""
    hash_only: bool = False
    disabled: bool = False
    expires: End | None = None
    settings: dict[str, Any] = {}
    owners: list[str] = []
    callbacks: dict[str, str] = {}


class AppChange(Body):
    """Changes of an app. A setting or a callback of null is taken away; `owners` are all that it has then."""

    disabled: bool = False
    expires: Moment | None = None
    settings: dict[str, Any] = {}
    owners: list[str] = []
    callbacks: dict[str, str | None] = {}


class NewSecret(Body):
    """A secret more."""

    secret: SecretStr | None = None
    until: End | None = None
    retire_old_in: Moment | None = None
    """The end of all others."""


class SecretNamed(Body):
    """A secret of an app."""

    id: int


class SecretEnd(SecretNamed):
    """The end of a secret."""

    until: Moment


class TermsGiven(Body):
    """The terms of a right."""

    until: End | None = None
    reason: str = ""

    def terms(self, known: Terms = ALWAYS) -> Terms:
        """Return the terms; what is left out is as in those that are known."""
        said = {key: getattr(self, key) for key in ("since", "until", "reason") if key in self.model_fields_set}
        return Terms(**{"since": known.since, "until": known.until, "reason": known.reason, **said})


class NewGrant(TermsGiven):
    """A right to call what a glob over system.component matches."""

    pattern: str
    since: Moment | None = None

    @property
    def over_components(self) -> str:
        return self.pattern

    def key(self) -> dict[str, str]:
        """Return what tells it from other rights of its app."""
        return {"pattern": self.pattern}


class NewImpersonation(TermsGiven):
    """A right to name the users that a glob matches, for components that another one does."""

    users: str
    components: str = "*"

    @property
    def over_components(self) -> str:
        return self.components

    def key(self) -> dict[str, str]:
        """Return what tells it from other rights of its app."""
        return {"users": self.users, "components": self.components}


class HistoryWanted(Body):
    """The rows of the history that are wanted."""

    app: str | None = None
    actor: str | None = None
    action: HistoryAction | None = None
    user: str | None = None
    """With the calls in the name of this user, "*" for all."""
    since: Ago | None = None
    cursor: str | None = None
    """The end of the page before."""
    limit: int = Field(100, ge=1, le=MOST_ROWS)


class AppsWanted(Body):
    """The apps that are wanted: all, or those of which all that is given is true."""

    search: str | None = None
    """A part of the code, or of an owner's name."""
    state: AppState | None = None
    unused: Ago | None = None
    """They are there since this moment, and were not used since then."""
    cursor: str | None = None
    limit: int | None = Field(None, ge=1, le=MOST_ROWS)
    """Left out: all."""


class UseWanted(Body):
    """The days whose calls are wanted."""

    since: Ago = Field("30d", validate_default=True)
