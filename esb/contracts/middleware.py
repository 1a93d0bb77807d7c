"""The shape of the chain: a handler answers a call, a middleware stands before a handler."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from esb.core.call import Call

Handler = Callable[[Call], Awaitable[Any]]


class Middleware(Protocol):
    """Answers itself, raises, or awaits `handler` with the call or a changed copy of it."""

    def __call__(self, call: Call, handler: Handler) -> Awaitable[Any]: ...


def compose(middlewares: Sequence[Middleware], handler: Handler) -> Handler:
    """One handler out of a chain; the first middleware is the outermost."""
    for middleware in reversed(middlewares):
        handler = _before(handler, middleware.__call__)
    return handler


def _before(handler: Handler, middleware: Callable[[Call, Handler], Awaitable[Any]]) -> Handler:
    return lambda call: middleware(call, handler)
