"""The fields of a line of the log, for each event; docs/operating.md has them, and they are stable.

No parameter values, no secrets: events carry none.
"""

from collections.abc import Callable, Mapping
from typing import Any

from esb.core.events import (
    AuthenticationLimited,
    CallFinished,
    Crashed,
    GateClosed,
    GenerationClosed,
    LibraryLogged,
    LimitReached,
    PluginLogged,
    Reloaded,
    StoreTurned,
    TokenFetched,
    UpstreamFinished,
    WorkerEnded,
)
from esb.core.process_events import (
    DatabaseTurned,
    KeysUnprotected,
    LastGoodNotKept,
    LastGoodServed,
    LogLinesDropped,
    NotStarted,
    RestartFinished,
    Started,
    Stopped,
    UseDropped,
)
from esb.core.upstream_classes import ACCEPTED
from esb.telemetry.delivery_fields import DELIVERY_FIELDS
from esb.telemetry.log_text import writable

# Milliseconds are rounded to a whole number of tenths: rounding to a decimal would take as long as the rest of a line.
GOT = frozenset({"fetched", "same"})
"""The outcomes of a token fetch that brought a token; see TokenFetched."""
Fields = dict[str, Any]
"""The fields of a line: `event`, `level`, and those of its kind."""


def _call(event: CallFinished) -> Fields:
    fields: Fields = {
        "request_id": event.id,
        "method": event.method,
        "path": event.path,
        "system": event.system,
        "component": event.component,
        "app": event.app,
        "user": writable(event.user),
        "user_source": event.user_source,
        "code": event.code,
        "status": event.status,
        "ms": round(event.seconds * 10_000) / 10,
        "client_ip": event.client_ip,
        "event": "call",
        "level": "info",
    }
    if event.secret_number:
        fields["secret_number"] = event.secret_number
    if event.sent is not None:
        fields["sent"] = event.sent
    if event.asked_path:
        fields["asked_path"] = writable(event.asked_path)
    if event.source:
        fields["source"] = event.source
        fields["reason"] = event.reason
        if event.claimed_app:
            fields["claimed_app"] = writable(event.claimed_app)
    return fields


def _upstream_call(event: UpstreamFinished) -> Fields:
    fields: Fields = {
        "request_id": event.call_id,
        "system": event.system,
        "interface": event.interface,
        "host": event.host,
        "attempt": event.attempt,
        "status": event.status,
        "errcode": event.errcode,
        "class": event.kind,
        "ms": round(event.seconds * 10_000) / 10,
        "event": "upstream call",
        "level": "info" if event.kind in ACCEPTED else "warning",
    }
    if event.failure:
        fields["failure"] = event.failure
    return fields


def _access_token(event: TokenFetched) -> Fields:
    fields: Fields = {
        "platform": event.platform,
        "account": event.account,
        "outcome": event.outcome,
        "ms": round(event.seconds * 10_000) / 10,
        "event": "access token",
        "level": "info",
    }
    if event.outcome not in GOT:
        fields["level"] = "warning"
        fields["errcode"] = event.errcode
        fields["errmsg"] = writable(event.errmsg)
        fields["hint"] = event.hint
    return fields


def _gate(event: GateClosed) -> Fields:
    return {
        "platform": event.platform,
        "account": event.account,
        "errcode": event.errcode,
        "seconds": event.seconds,
        "event": "quota gate closed",
        "level": "warning",
    }


def _authentications(event: AuthenticationLimited) -> Fields:
    return {
        "client_ip": event.client_ip,
        "claimed_app": writable(event.claimed_app),
        "seconds": round(event.seconds, 1),
        "event": "authentications limited",
        "level": "warning",
    }


def _store(event: StoreTurned) -> Fields:
    if event.trouble:
        return {"reason": event.trouble, "event": "store away", "level": "error"}
    return {"event": "store connected", "level": "info"}


def _database(event: DatabaseTurned) -> Fields:
    if event.trouble:
        return {"reason": event.trouble, "event": "database away", "level": "error"}
    return {"event": "database connected", "level": "info"}


def _crash(event: Crashed) -> Fields:
    fields: Fields = {
        "request_id": event.call_id,
        "doing": writable(event.doing),
        "error": event.kind,
        "where": list(event.where),
        "event": "crash",
        "level": "error",
    }
    if event.detail:
        fields["detail"] = writable(event.detail)
    return fields


def _reload(event: Reloaded) -> Fields:
    fields: Fields = {"generation": event.generation, "hash": event.hash}
    if event.mistakes:
        return fields | {"mistakes": list(event.mistakes), "event": "reload refused", "level": "error"}
    return fields | {"ms": round(event.seconds * 10_000) / 10, "event": "reloaded", "level": "info"}


def _started(event: Started) -> Fields:
    return _process(event) | {"event": "started", "level": "info"}


def _not_started(event: NotStarted) -> Fields:
    return {"why": list(event.why), "event": "not started", "level": "error"}


def _stopped(event: Stopped) -> Fields:
    return _process(event) | {"lived": round(event.seconds, 1), "event": "stopped", "level": "info"}


def _process(event: Started) -> Fields:
    return {
        "process": event.process,
        "version": event.version,
        "pid": event.pid,
        "file": event.file,
        "hash": event.hash,
        "address": event.address,
    }


def _last_good(event: LastGoodServed) -> Fields:
    mistakes = list(event.mistakes)
    return {"file": event.file, "mistakes": mistakes, "event": "last good configuration served", "level": "error"}


def _not_kept(event: LastGoodNotKept) -> Fields:
    what = "last good configuration not kept"
    return {"file": event.file, "reason": event.reason, "event": what, "level": "error"}


def _closed(event: GenerationClosed) -> Fields:
    level = "warning" if event.calls else "info"
    return {"generation": event.generation, "unfinished": event.calls, "event": "generation closed", "level": level}


def _restart(event: RestartFinished) -> Fields:
    told: Fields = {"seconds": round(event.seconds, 1)}
    if event.trouble:
        return {**told, "trouble": event.trouble, "event": "restart failed", "level": "error"}
    return {**told, "pid": event.pid, "event": "successor took over", "level": "info"}


def _worker(event: WorkerEnded) -> Fields:
    what = "worker stuck and killed" if event.stuck else "worker ended"
    return {"status": event.status, "lived": round(event.seconds, 1), "event": what, "level": "error"}


def _library(event: LibraryLogged) -> Fields:
    fields: Fields = {"logger": event.logger, "event": event.text, "level": event.level}
    if event.kind:
        fields |= {"error": event.kind, "where": list(event.where)}
    return fields


def _plugin(event: PluginLogged) -> Fields:
    own: Fields = {
        "request_id": event.call_id,
        "component": event.component,
        "text": event.text,
        "event": "plugin",
        "level": event.level,
    }
    given = {f"{name}_" if name in own or name == "timestamp" else name: value for name, value in event.fields.items()}
    return given | own


def _dropped(event: LogLinesDropped) -> Fields:
    return {"lines": event.lines, "event": "log lines dropped", "level": "error"}


def _use(event: UseDropped) -> Fields:
    return {"calls": event.calls, "event": "use dropped", "level": "error"}


def _keys(event: KeysUnprotected) -> Fields:
    level = "info" if event.reason == "process" else "warning"  # the configuration says so already
    return {"reason": event.reason, "keys": event.keys, "event": "idempotency keys unprotected", "level": level}


def _limit(event: LimitReached) -> Fields:
    return {"reason": event.reason, "refused": event.refused, "event": "limit reached", "level": "warning"}


FIELDS: Mapping[type, Callable[[Any], Fields]] = {
    CallFinished: _call,
    UpstreamFinished: _upstream_call,
    TokenFetched: _access_token,
    GateClosed: _gate,
    AuthenticationLimited: _authentications,
    StoreTurned: _store,
    DatabaseTurned: _database,
    Crashed: _crash,
    Reloaded: _reload,
    LastGoodServed: _last_good,
    LastGoodNotKept: _not_kept,
    GenerationClosed: _closed,
    RestartFinished: _restart,
    Started: _started,
    NotStarted: _not_started,
    Stopped: _stopped,
    WorkerEnded: _worker,
    LibraryLogged: _library,
    PluginLogged: _plugin,
    LogLinesDropped: _dropped,
    UseDropped: _use,
    KeysUnprotected: _keys,
    LimitReached: _limit,
    **DELIVERY_FIELDS,
}
"""Class of an event -> function that returns the fields of its line."""
