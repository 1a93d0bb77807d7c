"""The choice of the engine of outgoing requests: as `server.outgoing` says, or else the fastest that is installed."""

from esb.config import Config
from esb.core.errors import Mistake
from esb.outgoing.engine import Engine
from esb.outgoing.engines import httptools
from esb.outgoing.engines.aiohttp import AiohttpEngine

MISSING = "httptools is not installed; install it, or name the engine that needs it not: aiohttp"


def chosen(config: Config) -> tuple[Engine, list[Mistake]]:
    """Return the engine, and a mistake if the one that is named is not installed."""
    name = config.server.outgoing
    if name == "aiohttp" or not (name or httptools.INSTALLED):
        return AiohttpEngine(), []
    if httptools.INSTALLED:
        return httptools.HttptoolsEngine(), []
    mistakes = [config.root.mistake(MISSING, "server", "outgoing")] if config.root is not None else []
    return AiohttpEngine(), mistakes
