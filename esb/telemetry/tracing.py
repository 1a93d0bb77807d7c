"""Traces: a span for each call, and below it one for each request to a third-party system; sent by OTLP.

The one room that knows OpenTelemetry (extra `otel`), imported only where traces are asked for. Its standard OTEL_*
variables say where they go, how many are kept and what the service is called. What spans tell is what events tell.
"""

import asyncio
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from esb._version import __version__
from esb.core import events
from esb.core.events import CallFinished, UpstreamFinished

FLUSH_SECONDS = 5.0
"""The seconds that the last spans have to arrive before the process ends."""
LONGEST_NAME = 200
PROPAGATOR = TraceContextTextMapPropagator()
NOTHING = Context()
"""No parent. Parents are passed by hand, never taken from the task: one task may work for a call of another."""


class Tracing:
    """A tracer that sends spans in the background, from when it is made until it is closed."""

    def __init__(self) -> None:
        self._exporter = OTLPSpanExporter()
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer("esb", __version__)

    def call(self, headers: Mapping[str, str]) -> "Traced":
        parent = PROPAGATOR.extract(headers, NOTHING)
        return Traced(self._tracer.start_span("call", parent, SpanKind.SERVER))

    def upstream(self, call: events.Span | None) -> "Traced":
        parent = call.context if isinstance(call, Traced) else NOTHING
        return Traced(self._tracer.start_span("request", parent, SpanKind.CLIENT))

    async def close(self) -> None:
        """Send the spans that are left, if that is soon done."""
        closing = asyncio.ensure_future(asyncio.to_thread(self._provider.shutdown))
        done, _ = await asyncio.wait({closing}, timeout=FLUSH_SECONDS)
        if not done:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # no further try
        await closing


class Traced:
    """One span. Names and attributes come with the event that ends it."""

    __slots__ = ("_span", "context")

    def __init__(self, span: Span) -> None:
        self._span = span
        self.context = set_span_in_context(span, NOTHING)

    @property
    def headers(self) -> Mapping[str, str]:
        carrier: dict[str, str] = {}
        PROPAGATOR.inject(carrier, self.context)
        return {name.title(): value for name, value in carrier.items()}

    def end(self, event: CallFinished | UpstreamFinished) -> None:
        if self._span.is_recording():
            if isinstance(event, CallFinished):
                self._report_call(event)
            else:
                self._report_upstream(event)
        self._span.end()

    def _report_call(self, event: CallFinished) -> None:
        self._span.update_name(f"{event.system}/{event.component}" if event.system else "unknown")
        self._span.set_attributes(
            _known(
                {
                    "http.request.method": event.method,
                    "http.route": event.path if event.system else "",  # else it is what a caller wrote
                    "http.response.status_code": event.status or None,
                    "esb.request_id": event.id,
                    "esb.app": event.app[:LONGEST_NAME],
                    "esb.code": str(event.code),
                    "esb.source": event.source,
                }
            )
        )
        if event.source in {"gateway", "upstream"}:  # a caller's mistake is no error of the server
            self._span.set_status(StatusCode.ERROR)

    def _report_upstream(self, event: UpstreamFinished) -> None:
        self._span.update_name(f"{event.system}/{event.interface}")
        self._span.set_attributes(
            _known(
                {
                    "peer.service": event.system,
                    "http.response.status_code": event.status,
                    "esb.request_id": event.call_id,
                    "esb.interface": event.interface,
                    "esb.errcode": None if event.errcode is None else str(event.errcode),
                    "esb.class": event.kind,
                }
            )
        )
        if event.kind not in {"ok", "held"}:
            self._span.set_status(StatusCode.ERROR, event.failure or None)


def _known(attributes: Mapping[str, AttributeValue | None]) -> dict[str, AttributeValue]:
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def _resource() -> Resource:
    """Return the sender: as OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, or else esb-gateway."""
    found = Resource.create()
    own: dict[str, AttributeValue] = {"service.version": __version__}
    if str(found.attributes["service.name"]).startswith("unknown_service"):
        own["service.name"] = "esb-gateway"
    return found.merge(Resource(own))
