"""What an app may do, as every back end of services.apps has it in its config."""

from esb.call import App
from esb.config import ConfigModel


class AppRights(ConfigModel):
    """One app. `impersonate`: globs of the users it may name without proof; `components`: of what it may call."""

    code: str
    impersonate: tuple[str, ...] = ()
    components: tuple[str, ...] = ("*",)

    def app(self) -> App:
        return App(self.code, self.impersonate, self.components)
