"""The file of `esb apply`: apps as services.apps has them in esb.yaml, without their secrets."""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, Field, model_validator

from esb.config import ConfigModel, ConfigSource
from esb.config.globs import Glob
from esb.config.interpolation import Interpolation
from esb.config.moment import Moment, milliseconds
from esb.core.errors import ConfigError
from esb.database.writer import Terms
from esb.services._unique import each_once
from esb.services.apps._rights import AppRights, GrantKeys

if TYPE_CHECKING:
    from esb.database.declared_apps import DeclaredApp


def _no_secrets(value: Any) -> Any:
    raise ValueError("a secret is in no such file: `esb app secret add CODE` makes one, --stdin takes one")


class AppliedGrant(GrantKeys):
    """Components that an app may call, from when on and why."""

    since: Moment | None = Field(None, description="when this right begins; left out: at once")
    reason: str = Field("", description="why it is given; left out: the reason that it has")


class AppliedImpersonation(ConfigModel):
    """Users whom an app may name without proof, perhaps for some components and some time only."""

    users: Glob = Field(description="a glob over user names")
    components: Glob = Field("*", description="a glob over system.component")
    until: Moment | None = Field(None, description="when this right ends; left out: never")
    reason: str = Field("", description="why it is given; left out: the reason that it has")


class AppliedApp(AppRights):
    """One app as it should be."""

    grants: tuple[AppliedGrant, ...] = Field((), description="what it may call besides, each right with an end")
    impersonations: tuple[AppliedImpersonation, ...] = Field(
        (), description="whom it may name, for some components only"
    )
    secrets: Annotated[Any, AfterValidator(_no_secrets)] = Field(None, description="never in this file")

    @model_validator(mode="after")
    def _each_right_has_one_end(self) -> Self:
        """Refuse what the database cannot keep: of the same right it has one, with one end."""
        for rights in (self._patterns(), self._impersonations()):
            known: dict[Any, Terms] = {}
            for key, terms in rights:
                if known.setdefault(key, terms) != terms:
                    right = key if isinstance(key, str) else " ".join(key)
                    raise ValueError(f"the right for {right!r} stands here twice, each time by other terms")
        return self

    def declared(self) -> "DeclaredApp":
        """Return it as the database knows apps."""
        from esb.database.declared_apps import DISABLED, EXPIRES, SETTINGS, DeclaredApp

        properties = {DISABLED: self.disabled, EXPIRES: _milliseconds(self.expires), SETTINGS: self.settings}
        return DeclaredApp(
            self.code,
            {key: value for key, value in properties.items() if key in self.model_fields_set},
            self.owners,
            {name: url.get_secret_value() for name, url in self.callbacks.items()},
            dict(self._patterns()),
            dict(self._impersonations()),
        )

    def _patterns(self) -> Iterator[tuple[str, Terms]]:
        if "components" in self.model_fields_set or "grants" not in self.model_fields_set:
            yield from ((glob, Terms()) for glob in self.components)
        for grant in self.grants:
            terms = Terms(_milliseconds(grant.since), _milliseconds(grant.until), grant.reason)
            yield from ((glob, terms) for glob in grant.components)

    def _impersonations(self) -> Iterator[tuple[tuple[str, str], Terms]]:
        yield from (((users, "*"), Terms()) for users in self.impersonate)
        for each in self.impersonations:
            yield (each.users, each.components), Terms(None, _milliseconds(each.until), each.reason)


class AppliedFile(ConfigModel):
    """The whole file."""

    version: int = Field(1, ge=1, le=1, description="of this format")
    apps: Annotated[tuple[AppliedApp, ...], each_once("code")] = Field(description="the apps")


def applied_file(path: str) -> AppliedFile:
    """Return what stands in the file, its `${…}` filled in. ConfigError with all that is wrong with it."""
    root, mistakes = ConfigSource(Path(path), os.environ).document(Path(path))
    if root is None:
        raise ConfigError(mistakes)
    filling = Interpolation(os.environ, Path(path).parent, None)
    root = filling.fill(root)
    mistakes += filling.mistakes
    try:
        found = root.validate(AppliedFile)
    except ConfigError as error:
        raise ConfigError([*mistakes, *error.mistakes]) from error
    if mistakes:
        raise ConfigError(mistakes)
    return found


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment.timestamp())
