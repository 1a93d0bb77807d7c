"""Rights of an app, as every back end of services.apps has them in its config."""

from typing import Annotated

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

    def app(self) -> App:
        return App(self.code, self.impersonate, self.components)
