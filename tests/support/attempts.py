"""Attempts of a delivery over HTTP: a gateway that carries out each call that has `attempt` as one."""

from dataclasses import replace
from typing import Any

from esb import Call, Handler, Middleware, NoConfig
from esb.core.call import DeliveryRun, RunReceiver

MIDDLEWARES = """\
middlewares:
  - use: app_auth
  - use: user_auth
  - use: permission
  - use: tests.support.attempts:AsAttempt
"""
ACCEPTED_AT = 1_700_000_000.0
"""2023-11-14 22:13:20 UTC."""
WINDOW = 600.0


def attempt(*receivers: str, looked_up: dict[str, str] | None = None, done: tuple[str, ...] = (), **more: Any) -> Any:
    """Return the parameter `attempt`: for these addresses, and those of users who were looked up.

    `done`: addresses that need the message no more.
    """
    everybody = [(each, each, False) for each in receivers]
    everybody += [(name, address, True) for name, address in (looked_up or {}).items()]
    rows = [(name, address, found, address not in done) for name, address, found in everybody]
    return {"attempt": {"id": "0192f000", "accepted_at": ACCEPTED_AT, "window": WINDOW, "receivers": rows, **more}}


class AsAttempt(Middleware[NoConfig]):
    """Makes a call with `attempt` one of a delivery."""

    async def __call__(self, call: Call, handler: Handler) -> Any:
        args = dict(call.args)
        given = args.pop("attempt", None)
        if given is None:
            return await handler(call)
        component = given.pop("component", call.component)
        receivers = tuple(RunReceiver(component, *row) for row in given.pop("receivers"))
        run = DeliveryRun(receivers=receivers, **given)
        return await handler(replace(call, args=args, options=replace(call.options, run=run)))
