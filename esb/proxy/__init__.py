"""What a reverse proxy knows: which host is well, what a header may tell, when to stop asking."""

from esb.gateway_jwt import GatewayJwt
from esb.outgoing import Stream, read_json
from esb.proxy.attempts import Attempts
from esb.proxy.breaker import Attempt, Breaker
from esb.proxy.config import HttpConfig
from esb.proxy.gate import Gate
from esb.proxy.headers import for_caller
from esb.proxy.hosts import Hosts
from esb.proxy.outbound import Outbound, Shape
from esb.proxy.relayed import Relayed

__all__ = [
    "Attempt",
    "Attempts",
    "Breaker",
    "Gate",
    "GatewayJwt",
    "Hosts",
    "HttpConfig",
    "Outbound",
    "Relayed",
    "Shape",
    "Stream",
    "for_caller",
    "read_json",
]
