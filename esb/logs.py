"""The log: one line for each call and one for each upstream call, on stderr.

JSON with ESB_LOG=json, readable on a terminal otherwise. No parameter values, no secrets: events carry none.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO

import structlog

from esb import codec
from esb.observe import CallFinished, Crashed, Event, TokenFetched, UpstreamFinished

Log = Callable[..., Any]


def listener(environ: Mapping[str, str], stream: TextIO = sys.stderr) -> Callable[[Event], None]:
    """What writes every event to `stream`; ESB_LOG in `environ` chooses the form."""
    logger = _logger(environ.get("ESB_LOG", "") == "json", stream)

    def log(event: Event) -> None:
        match event:
            case CallFinished():
                logger.info("call", **_call(event))
            case UpstreamFinished():
                (logger.warning if event.failure else logger.info)("upstream call", **_upstream(event))
            case TokenFetched():
                logger.info(
                    "access token",
                    platform=event.platform,
                    account=event.account,
                    outcome=event.outcome,
                    ms=_milliseconds(event.seconds),
                )
            case Crashed():
                logger.error(
                    "crash", request_id=event.call_id, doing=event.doing, error=event.kind, where=list(event.where)
                )

    return log


def _logger(as_json: bool, stream: TextIO) -> Any:
    processors: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso")]
    if as_json:
        processors.append(structlog.processors.JSONRenderer(serializer=_json))
    else:
        colors = stream.isatty()
        processors.append(structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=14))
    return structlog.wrap_logger(
        structlog.WriteLogger(stream), processors=processors, wrapper_class=structlog.BoundLogger
    )


def _json(event: Any, **_: Any) -> str:
    return codec.encode(event).decode()


def _call(event: CallFinished) -> dict[str, Any]:
    return {
        "request_id": event.id,
        "method": event.method,
        "path": event.path,
        "system": event.system,
        "component": event.component,
        "app": event.app,
        "user": event.user,
        "user_source": event.user_source,
        "code": event.code,
        "status": event.status,
        "ms": _milliseconds(event.seconds),
        "client_ip": event.client_ip,
    }


def _upstream(event: UpstreamFinished) -> dict[str, Any]:
    fields = {
        "request_id": event.call_id,
        "system": event.system,
        "interface": event.interface,
        "status": event.status,
        "errcode": event.errcode,
        "ms": _milliseconds(event.seconds),
    }
    if event.failure:
        fields["failure"] = event.failure
    return fields


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
