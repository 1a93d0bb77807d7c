"""A call as ingress would make it, for tests of what lies below."""

import asyncio
from typing import Any

from esb.core.call import Call, Credentials


async def let_in(call: Call) -> Call:
    """A handler that answers the call which it gets."""
    return call


async def explode(call: Call) -> Any:
    """A handler that nothing may reach."""
    raise AssertionError("the call got through")


def make_call(*, timeout: float = 30.0, **changes: Any) -> Call:
    """A call of cmsi/send_weixin with this much time left."""
    values: dict[str, Any] = {
        "id": "0123456789abcdef0123456789abcdef",
        "method": "POST",
        "path": "/cmsi/send_weixin/",
        "component": "cmsi.send_weixin",
        "deadline": asyncio.get_running_loop().time() + timeout,
        "timeout": timeout,
        "headers": {"X-Bkapi-Request-Id": "0123456789abcdef0123456789abcdef"},
        "credentials": Credentials({}, False, None),
        "args": {},
    }
    return Call(**{**values, **changes})
