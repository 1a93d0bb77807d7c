"""Rights of an app, as every back end of services.apps has them: some have an end, and so may the app itself."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from esb.config import ConfigModel
from esb.config.globs import Glob
from esb.config.moment import Moment
from esb.config.urls import SecretUrl
from esb.contracts.explain import FOR_EVER, Decision, Grant, Place, Question, Where, allowed, below, ends, refused
from esb.core.call import App, Impersonation
from esb.core.errors import PermissionDenied
from esb.services._refusals import app_disabled, app_expired

ALL = "*"
"""The glob of all components."""


class Rights:
    """The rights of one app, as they are and as they will be. Between two changes they are one and the same App.

    `grants` are all that were ever given, `impersonations` likewise those that have users; `lasting` is the App if time
    changes nothing about it, else None.
    """

    def __init__(
        self,
        app: App,
        grants: Sequence[Grant],
        expires: float = FOR_EVER,
        *,
        impersonations: Sequence[Grant] = (),
        disabled: bool = False,
        place: Where | None = None,
    ) -> None:
        """Take what is known of the app, but for its `components`, which the grants say, and for `impersonations`.

        `place`: where it stands.
        """
        self.place = place
        self.grants = grants
        self.impersonations = impersonations
        self.expires = expires
        self.disabled = disabled
        self._bare = app
        self._app, self._since, self._until = app, math.inf, -math.inf
        is_lasting = not disabled and expires == FOR_EVER and not self._turns()
        self.lasting = self.at(0) if is_lasting else None

    def at(self, now: float) -> App:
        """Return the app with the rights it has now, in seconds since 1970. PermissionDenied if it is switched off."""
        if self.disabled:
            raise app_disabled(self._bare.code, in_database=isinstance(self.place, str))
        if now >= self.expires:
            raise app_expired(self._bare.code, self.expires, in_database=isinstance(self.place, str))
        if not self._since <= now < self._until:  # `<=` too: the time of day may be set back
            self._turn(now)
        return self._app

    def in_force(self, now: float) -> Iterator[Grant]:
        """Yield the grants that have begun and have not ended."""
        return (grant for grant in self.grants if grant.is_in_force(now))

    def explained(self, question: Question, secrets: str) -> Decision:
        """Return what becomes of a call of this app that proves to be made by it; `secrets` tells of its secrets."""
        place = self.place or ()
        known: dict[str, Any] = {
            "grants": self.grants,
            "impersonations": self.impersonations,
            "entry": self.place,
        }
        try:
            app = self.at(question.at)
        except PermissionDenied as refusal:
            where = below(place, "disabled" if self.disabled else "expires")
            return refused(refusal, where=where, app=self._granted(question.at), **known)
        why = f"if it proves to be {app.code}; {secrets}"
        return allowed(why, where=place, until=ends(self.expires), app=app, **known)

    def _granted(self, now: float) -> App:
        components = (glob for grant in self.in_force(now) for glob in grant.components)
        users = [*self._bare.impersonate]
        some = []
        for grant in self.impersonations:
            if grant.is_in_force(now):
                users += [grant.users] * (ALL in grant.components)
                some += [Impersonation(grant.users, glob) for glob in grant.components if ALL not in grant.components]
        return replace(
            self._bare,
            components=tuple(dict.fromkeys(components)),
            impersonate=tuple(dict.fromkeys(users)),
            impersonations=tuple(some),
        )

    def _turn(self, now: float) -> None:
        self._app = self._granted(now)
        turns = self._turns()
        self._since = max((turn for turn in turns if turn <= now), default=-math.inf)
        self._until = min((turn for turn in turns if turn > now), default=math.inf)

    def _turns(self) -> set[float]:
        """Return the moments at which a right begins or ends."""
        every = (*self.grants, *self.impersonations)
        return {turn for grant in every for turn in (grant.since, grant.until)} - {-math.inf, math.inf}


class GrantKeys(ConfigModel):
    """Components that an app may call, perhaps for some time only."""

    components: tuple[Glob, ...] = Field(min_length=1, description="what it may call; globs over system.component")
    until: Moment | None = Field(
        None, description="when this right ends: a time with its zone (RFC 3339), or the last day; left out: never"
    )


class AppRights(ConfigModel):
    """One app, and what it may do."""

    code: Annotated[str, Field(min_length=1)] = Field(description="bk_app_code")
    impersonate: tuple[Glob, ...] = Field(
        (), description="users that it may name by bk_username without proof; globs, default none"
    )
    components: tuple[Glob, ...] = Field(
        ("*",),
        description="what it may call; globs over system.component. Left out: all, or with `grants` what those say",
    )
    grants: tuple[GrantKeys, ...] = Field((), description="what it may call besides, each right with an end of its own")
    expires: Moment | None = Field(
        None, description="when it ends: a time with its zone (RFC 3339), or the last day; left out: never"
    )
    disabled: bool = Field(False, description="true: it is refused, whatever else stands here")
    settings: dict[str, Any] = Field({}, description="what plugins read of it as call.app.settings; any keys")
    owners: tuple[Annotated[str, Field(min_length=1)], ...] = Field((), description="user names of who answers for it")
    callbacks: dict[str, Annotated[SecretUrl, Field(min_length=1)]] = Field(
        {}, description="addresses that its calls may name for what is told later, by name"
    )

    def rights(self, *place: str | int) -> Rights:
        """Return its rights; `place` are the keys below the back end's config at which it stands."""
        return Rights(
            App(
                self.code,
                self.impersonate,
                settings=frozen(self.settings),
                owners=self.owners,
                callbacks=frozen({name: url.get_secret_value() for name, url in self.callbacks.items()}),
            ),
            [*self._grants(place)],
            _seconds(self.expires),
            disabled=self.disabled,
            place=place,
        )

    def _grants(self, place: Place) -> Iterator[Grant]:
        if "components" in self.model_fields_set or "grants" not in self.model_fields_set:
            yield Grant(self.components, FOR_EVER, (*place, "components"))
        for index, grant in enumerate(self.grants):
            yield Grant(grant.components, _seconds(grant.until), (*place, "grants", index))

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield all that may be printed: settings may hold secrets."""
        return ((name, value) for name, value in super().__repr_args__() if name != "settings")


class AppFiles(ConfigModel):
    """Files of apps. Whoever reads esb.yaml puts the apps in them behind those that stand in `apps`."""

    include: tuple[str, ...] = Field(
        (), description="further files with `apps:`, relative to esb.yaml; globs, and each matches a file"
    )


def _seconds(moment: datetime | None) -> float:
    return FOR_EVER if moment is None else moment.timestamp()


def frozen(value: Any) -> Any:
    """Return a value of YAML or JSON that nobody can change: calls share it."""
    if isinstance(value, dict):
        return MappingProxyType({key: frozen(item) for key, item in value.items()})
    return tuple(map(frozen, value)) if isinstance(value, list) else value
