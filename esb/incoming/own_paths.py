"""Paths of the gateway's own, beside those of components: what came of deliveries, and where platforms report it."""

from dataclasses import dataclass

from esb.contracts.middleware import Handler

OWN_ROOT = "/api/c"
"""The beginning of every such address."""


@dataclass(frozen=True, slots=True)
class OwnPath:
    """A path below OWN_ROOT, "/deliveries/{id}/", and what answers a call of it: data, a Reply, or an EsbError.

    `name` ("deliveries.show") is how the log, metrics and use call it. `is_for_apps`: an app has to prove who it is, by
    the app_auth of the shared chain and nothing else of it; otherwise nothing stands before the handler, and `call.app`
    is None, and a body may be anything. `call.args` are the parameters of query or body, `call.body` and `call.query`
    these as they came.
    """

    path: str
    name: str
    methods: frozenset[str]
    handler: Handler
    is_for_apps: bool = True
