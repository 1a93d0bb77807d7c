"""Traces, made only where somebody asks for them: their libraries take time and memory to import.

Who does not use them does not pay for them.
Bench: cold.py.
"""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from esb.core.events import Tracer

ASK_FOR_TRACES = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
"""Standard variables, any of which switches traces on."""
PROTOCOL = "http/protobuf"


@asynccontextmanager
async def traced(environ: Mapping[str, str]) -> AsyncIterator[Tracer | None]:
    """Yield a tracer of calls, if these variables ask for one; the last spans are sent on leaving.

    Whatever cannot be done is told, and the gateway works without: whoever sets such variables for all programs of a
    machine must not stop this one.
    """
    if not _asked(environ):
        yield None
        return
    try:
        from esb.telemetry.tracing import Tracing
    except ModuleNotFoundError as error:
        _warn(f"the module {error.name} is missing; pip install 'esb-gateway[otel]'")
        yield None
        return
    tracing = Tracing()
    try:
        yield tracing
    finally:
        await tracing.close()


def _asked(environ: Mapping[str, str]) -> bool:
    exporter = environ.get("OTEL_TRACES_EXPORTER", "")
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none":
        return False
    if not any(environ.get(name) for name in ASK_FOR_TRACES):
        return False
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if exporter not in {"", "otlp"}:
        _warn(f"OTEL_TRACES_EXPORTER={exporter} is not known here; use otlp")
    elif protocol not in {None, "", PROTOCOL}:
        _warn(f"the OTLP protocol {protocol} is not spoken here; use {PROTOCOL}")
    else:
        return True
    return False


def _warn(why: str) -> None:
    logging.getLogger("esb.telemetry").warning("no traces are sent: %s", why)
