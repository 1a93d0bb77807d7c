"""Pages for whoever tries the gateway: the portal and the sandbox's inbox, open without a line of esb.yaml."""

from dataclasses import replace

from esb.config import Config, Portal
from esb.gateway.extras import hint_for, is_installed

LIBRARY = "jinja2"


def inbox_line(sandbox_url: str) -> str:
    """Return the line that tells where messages are shown as phones do."""
    return f"the inbox is at {sandbox_url}/_sandbox/inbox"


def portal_line(portal_url: str | None) -> str:
    """Return the line that tells where the portal is, or what its pages lack."""
    return f"the pages need {LIBRARY}{hint_for(LIBRARY)}" if portal_url is None else f"the portal is at {portal_url}"


def with_portal(config: Config) -> Config:
    """Return the configuration with a portal: its own, or one at a free port; none if the library is missing."""
    if config.server.portal is not None or not is_installed(LIBRARY):
        return config
    return replace(config, server=config.server.model_copy(update={"portal": Portal(port=0)}))


def with_portal_alone(config: Config) -> Config:
    """Return the configuration without the listeners of operators that it has, which another process may serve."""
    server = config.server.model_copy(update={"admin": None, "portal": None})
    return with_portal(replace(config, server=server))
