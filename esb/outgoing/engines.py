"""Which engine the way out has: the one that `server.outgoing` names, or else the fastest that is installed."""

from esb.config import Config
from esb.errors import Mistake
from esb.outgoing import httptools_engine
from esb.outgoing.aiohttp_engine import AiohttpEngine
from esb.outgoing.exchange import Engine

MISSING = "httptools is not installed; install it, or name the engine that needs it not: aiohttp"


def chosen(config: Config) -> tuple[Engine, list[Mistake]]:
    """The engine, and what is wrong with the choice."""
    name = config.server.outgoing
    if name == "aiohttp" or not (name or httptools_engine.INSTALLED):
        return AiohttpEngine(), []
    if httptools_engine.INSTALLED:
        return httptools_engine.HttptoolsEngine(), []
    mistakes = [config.root.mistake(MISSING, "server", "outgoing")] if config.root is not None else []
    return AiohttpEngine(), mistakes
