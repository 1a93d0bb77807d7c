"""What an app may do, as every back end of services.apps has it in its config."""

from typing import Annotated

from pydantic import Field

from esb.call import App
from esb.config import ConfigModel


class AppRights(ConfigModel):
    """One app. `impersonate`: globs of the users it may name without proof; `components`: of what it may call."""

    code: Annotated[str, Field(min_length=1)]
    impersonate: tuple[str, ...] = ()
    components: tuple[str, ...] = ("*",)

    def app(self) -> App:
        return App(self.code, self.impersonate, self.components)
