"""Fixtures for tests of plugins: a real gateway around them, real upstreams, a clock to move, a search for secrets.

The fixtures `gateway`, `middleware`, `service`, `call`, `upstream`, `sandbox`, `redis`, `clock` and `assert_no_secrets`
are there wherever esb-gateway[testing] is installed; these are their types. A plugin that crashes fails its test: see
`Gateway.expects_crash`.
"""

from esb.testing.clock import Clock
from esb.testing.gateway import CallComponent, Gateway, OpenGateway, OpenMiddleware, OpenService, PluginCrashed
from esb.testing.promises import assert_keeps_promises
from esb.testing.redis_server import RedisServer
from esb.testing.sandbox import Sandbox
from esb.testing.secrets import AssertNoSecrets
from esb.testing.upstream import Received, Upstream

__all__ = [
    "AssertNoSecrets",
    "CallComponent",
    "Clock",
    "Gateway",
    "OpenGateway",
    "OpenMiddleware",
    "OpenService",
    "PluginCrashed",
    "Received",
    "RedisServer",
    "Sandbox",
    "Upstream",
    "assert_keeps_promises",
]
