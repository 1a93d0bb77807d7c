"""Calls that no caller makes: the gateway's own, for what wants a call to know its id, deadline and language."""

import asyncio
from types import MappingProxyType
from uuid import uuid4

from esb.core.call import Call, Credentials

NOBODYS = Credentials(claims=MappingProxyType({}), from_header=True, signed=None)
"""Credentials of a call that nobody makes, or makes any more."""


def nobodys_call(component: str, seconds: float) -> Call:
    """Return a new call for this component, with so many seconds from now."""
    return Call(
        id=uuid4().hex,
        method="POST",
        path="/",
        component=component,
        deadline=asyncio.get_running_loop().time() + seconds,
        timeout=seconds,
        headers={},
        credentials=NOBODYS,
        args={},
    )
