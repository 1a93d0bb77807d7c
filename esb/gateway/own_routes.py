"""The routes of the gateway's own paths: each behind the app_auth of the shared chain, or behind nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from esb.config import Config
from esb.contracts.middleware import Handler, Middleware
from esb.core.limits import Limits
from esb.gateway.links import Links
from esb.incoming.admission import Admission
from esb.incoming.dispatch import compose
from esb.incoming.own_paths import OWN_ROOT, OwnPath
from esb.incoming.routing import Route, Routes

TIMEOUT = 30.0
"""Seconds that such a call may take, its body included."""
OwnPaths = Callable[[Config, Sequence[Links]], Sequence[OwnPath]]
"""Returns the gateway's own paths, for a generation of this config and these components, each with its links."""
MAX_BODY = 2**16
"""Bytes of its body: a few parameters, or an event of a platform."""


def no_paths(config: Config, links: Sequence[Links]) -> Sequence[OwnPath]:
    """Return nothing: the gateway has no paths of its own."""
    return ()


def built(
    paths: Sequence[OwnPath], auth: Middleware[Any], early: Handler | None, limits: Limits, admission: Admission
) -> Routes:
    """Return the routes of these paths. `auth` stands before those for apps, `early` is it before a body is read."""
    return Routes([(_route(each, auth, early, limits, admission), [each.path]) for each in paths], OWN_ROOT)


def _route(own: OwnPath, auth: Middleware[Any], early: Handler | None, limits: Limits, admission: Admission) -> Route:
    handler = admission.admitting(own.handler)
    return Route(
        path=f"{OWN_ROOT}{own.path}",
        name=own.name,
        methods=own.methods,
        active=True,
        timeout=TIMEOUT,
        max_body=MAX_BODY,
        max_stream=MAX_BODY,
        any_body=not own.is_for_apps,
        limits=limits,
        handler=compose([auth], handler) if own.is_for_apps else handler,
        inner=handler,
        early=early if own.is_for_apps else None,
    )
