"""Families of metrics: name, kind, labels and text of each, and the values of labels that stand at 0 from the start."""

from typing import Literal, NamedTuple, get_args

from esb.core import errors
from esb.core.upstream_classes import UpstreamClass

Labels = tuple[str, ...]

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: from a relay to a neighbour to the time that a call has unless its stanza says otherwise."""
_ERRORS = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, errors.EsbError)]
CODES = frozenset(error.code for error in _ERRORS)
OUTCOMES: tuple[Labels, ...] = (
    ("ok", "none"),
    *sorted({(str(error.code), error.source) for error in _ERRORS if error.code != errors.NotFound.code}),
)
"""Outcomes of calls, and the source of trouble: each stands at 0 for every component before it has come about."""

CLASSES: tuple[str, ...] = get_args(UpstreamClass)
"""Classes of the end of a request to a third-party system."""
RESULTS = ("ok", "failed")
"""Results of an app's calls."""
FETCHES = ("fetched", "same", "refused", "failed")
"""Outcomes of asking for an access token."""


class Family(NamedTuple):
    """Numbers of one meaning, told apart by labels."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: Labels
    text: str


CALLS = Family(
    "esb_calls_total",
    "counter",
    ("system", "component", "outcome", "source"),
    "Calls by what came of them: ok, the envelope's code, other (a component's own code) or cut (unanswered); and by "
    "where trouble came from: none, caller, gateway or upstream.",
)
APP_CALLS = Family(
    "esb_app_calls_total", "counter", ("app", "result"), "Calls of each app that has proven to be it: ok or failed."
)
SECRET_USES = Family(
    "esb_secret_uses_total",
    "counter",
    ("app", "secret"),
    "Calls that each of an app's secrets has proven, by its number in the configuration, where 1 is the first, or in "
    "the database.",
)
CALL_SECONDS = Family("esb_call_duration_seconds", "histogram", ("system", "component"), "How long calls took.")
UPSTREAM_CALLS = Family(
    "esb_upstream_calls_total",
    "counter",
    ("system", "interface", "class"),
    "Requests to third-party systems by the class of their end.",
)
UPSTREAM_SECONDS = Family(
    "esb_upstream_duration_seconds",
    "histogram",
    ("system", "interface"),
    "How long requests to third-party systems took.",
)
TOKEN_FETCHES = Family(
    "esb_token_fetches_total",
    "counter",
    ("platform", "outcome"),
    "Access tokens asked for: fetched, same (the one at hand came again), refused or failed.",
)
GATE_CLOSINGS = Family(
    "esb_quota_gate_closings_total", "counter", ("platform",), "How often a quota was found to be used up."
)
AUTHENTICATIONS_LIMITED = Family(
    "esb_authentications_limited_total",
    "counter",
    (),
    "How often an address had failed too often to prove that it is an app; see the log.",
)
RELOADS = Family("esb_reloads_total", "counter", ("outcome",), "Reloads of the configuration: ok or refused.")
LAST_RELOAD = Family(
    "esb_config_last_reload_successful",
    "gauge",
    (),
    "1 if the configuration that was read last answers; 0 if it was refused and an older one does.",
)
WORKER_ENDS = Family(
    "esb_worker_restarts_total",
    "counter",
    ("reason",),
    "Workers that ended although nobody had asked them to, and were followed by others: ended, or stuck and killed.",
)
CRASHES = Family("esb_crashes_total", "counter", (), "Failures of the gateway's own code or a plugin's; see the log.")
LOG_LINES_DROPPED = Family(
    "esb_log_lines_dropped_total", "counter", (), "Lines of the log that were dropped, since nobody read it."
)
LEDGER_DROPPED = Family(
    "esb_ledger_dropped_total",
    "counter",
    (),
    "Synchronous calls that are not recorded in the ledger, since the database was away for too long; see the log.",
)
USE_DROPPED = Family(
    "esb_use_dropped_total",
    "counter",
    (),
    "Calls of apps that are not recorded as use in the database, since it was away for too long; see the log.",
)
CALLBACKS = Family(
    "esb_callbacks_total",
    "counter",
    ("outcome",),
    "Attempts to tell apps what became of deliveries: told, retried, given up or switched off; see the log.",
)
RECEIPTS = Family(
    "esb_receipts_total",
    "counter",
    ("component", "outcome"),
    "Receipts by which platforms tell what became of messages: delivered, failed, repeated, unmatched or refused.",
)
KEYS_UNPROTECTED = Family(
    "esb_idempotency_keys_unprotected_total",
    "counter",
    ("reason",),
    "Calls whose idempotency key is not protected, so that a repetition may send again: process, away or full.",
)
REFUSALS = Family(
    "esb_refusals_total",
    "counter",
    ("reason",),
    "Refusals by bounds that all callers share: connections, files, heads, slow_heads, bodies, slow_bodies, buffered, "
    "in_flight or app_share.",
)
CONNECTIONS = Family("esb_connections", "gauge", (), "Open connections of callers.")
HEADS = Family("esb_heads_arriving", "gauge", (), "Connections over which a part of a head has come.")
BODIES = Family("esb_bodies_arriving", "gauge", (), "Bodies on their way from callers who are not known yet.")
BUFFERED = Family("esb_buffered_bytes", "gauge", (), "Bytes of requests that are held, of server.max_buffered.")
GATES = Family(
    "esb_quota_gates_closed", "gauge", ("platform",), "Accounts in whose name nothing is sent until a quota is back."
)
STORE_AWAY = Family("esb_store_away", "gauge", (), "Processes that cannot reach the shared store.")
DATABASE_AWAY = Family("esb_database_away", "gauge", (), "Processes that cannot reach the database.")
APPS_AGE = Family(
    "esb_apps_snapshot_age_seconds",
    "gauge",
    (),
    "Seconds since the database last confirmed the apps, of the process where they are most; below 1 while it answers.",
)
DELIVERY_AGE = Family(
    "esb_delivery_oldest_due_seconds",
    "gauge",
    (),
    "Seconds since the delivery was due that waits longest, or is being sent longest; what is held does not count.",
)
CALLBACK_AGE = Family(
    "esb_callback_oldest_due_seconds", "gauge", (), "Seconds since the callback was due that waits longest."
)
HOLD_AGE = Family(
    "esb_delivery_hold_age_seconds",
    "gauge",
    ("by",),
    "Seconds for which deliveries are held back: by the gateway, since a credential does not work or its component is "
    "gone, or by an operator; 0 if none is.",
)
RETENTION_AGE = Family(
    "esb_retention_overdue_seconds",
    "gauge",
    (),
    "Seconds for which something is kept in the ledger beyond its time; below an hour all is well.",
)
IN_FLIGHT = Family("esb_calls_in_flight", "gauge", (), "Calls under way.")
READY = Family("esb_ready", "gauge", (), "1 while new calls are taken, 0 before and while draining.")
LAST_GOOD = Family("esb_config_last_good", "gauge", (), "1 while the last good configuration answers for a wrong file.")
GENERATION = Family("esb_config_generation", "gauge", (), "Which configuration answers: 1, and one more each reload.")
HASH = Family(
    "esb_config_hash", "gauge", ("hash",), "A digest of the files of the configuration, as they stand. Always 1."
)
BUILD = Family("esb_build_info", "gauge", ("version", "python", "aiohttp"), "What is running. Always 1.")

FAMILIES = tuple(found for found in [*globals().values()] if isinstance(found, Family))
"""All of them, as they stand above."""
