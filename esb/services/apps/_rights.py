"""Rights of an app, as every back end of services.apps has them in its config."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field

from esb.config import ConfigModel
from esb.core.call import App


class AppRights(ConfigModel):
    """One app, and what it may do."""

    code: Annotated[str, Field(min_length=1)] = Field(description="bk_app_code")
    impersonate: tuple[str, ...] = Field(
        (), description="users that it may name by bk_username without proof; globs, default none"
    )
    components: tuple[str, ...] = Field(
        ("*",), description="what it may call; globs over system.component, default all"
    )

    settings: dict[str, Any] = Field({}, description="what plugins read of it as call.app.settings; any keys")

    def app(self) -> App:
        return App(self.code, self.impersonate, self.components, settings=_frozen(self.settings))

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Yield all that may be printed: settings may hold secrets."""
        return ((name, value) for name, value in super().__repr_args__() if name != "settings")


def _frozen(value: Any) -> Any:
    """Return a value of YAML that nobody can change: calls share it."""
    if isinstance(value, dict):
        return MappingProxyType({key: _frozen(item) for key, item in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
