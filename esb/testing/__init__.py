"""Fixtures for tests of plugins: a real gateway around one component, a real upstream, a search for secrets.

The fixtures `gateway`, `upstream`, `call` and `assert_no_secrets` are there wherever esb-gateway[testing] is installed;
these are their types.
"""

from esb.testing.gateway import CallComponent, Gateway, OpenGateway
from esb.testing.secrets import AssertNoSecrets
from esb.testing.upstream import Received, Upstream

__all__ = ["AssertNoSecrets", "CallComponent", "Gateway", "OpenGateway", "Received", "Upstream"]
